package dev.whimbrel.cli;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.whimbrel.activity.CloneReport;
import dev.whimbrel.activity.Finding;
import dev.whimbrel.activity.VerificationReport;
import dev.whimbrel.copy.CloneResult;
import dev.whimbrel.copy.CloneResult.Ending;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

/** The end of a clone, for people and for programs. */
final class CloneText {
  /** Of these a standby has no rows, so that there is nothing to compare. */
  private static final String UNLOGGED = ": it is unlogged: ";

  private CloneText() {}

  /** Why something was copied twice. */
  private static String why(int snapshots) {
    return switch (snapshots) {
      case 1 -> "whoever copied was interrupted";
      case 2 -> "a snapshot was lost";
      default -> snapshots - 1 + " snapshots were lost";
    };
  }

  /** What people read. */
  static List<String> lines(String name, CloneResult result) {
    List<String> lines = new ArrayList<>();
    lines.add(
        "%s: %s in %s. %s"
            .formatted(
                name,
                result.ending(),
                Words.duration(Duration.ofSeconds(result.seconds())),
                result.line()));
    for (Finding finding : result.findings()) {
      if (result.ending() == Ending.REFUSED || finding.level() == Finding.Level.WARNING) {
        lines.add(finding.level() + " " + finding.check() + ": " + finding.line());
      }
    }
    if (result.remedy() != null) {
      lines.add("FIX: " + result.remedy());
    }
    if (result.command() != null) {
      lines.add("  " + result.command());
    }
    CloneReport report = result.report();
    if (report != null) {
      lines.add(
          "COPIED: %s in %s (%s), %s keys and indexes; the log was at %s"
              .formatted(
                  Words.plural(report.rows(), "row"),
                  Words.plural(report.tables(), "table"),
                  Words.bytes(report.bytes()),
                  Words.count(report.indexes()),
                  report.lsn()));
      if (report.snapshots() > 1 || report.bytesAgain() > 0) {
        lines.add(
            "COPIED TWICE: %s, since %s"
                .formatted(Words.bytes(report.bytesAgain()), why(report.snapshots())));
      }
      report.leftOut().forEach(line -> lines.add("LEFT OUT: " + line));
    }
    VerificationReport verification = result.verification();
    if (verification != null) {
      lines.addAll(Verify.lines(verification));
    }
    result.leftOver().forEach(line -> lines.add("LEFT OVER: " + line));
    return lines;
  }

  /** The document of {@code --output json}. */
  static ObjectNode document(String name, CloneResult result) {
    ObjectNode document = Json.MAPPER.createObjectNode().put("name", name);
    document.setAll((ObjectNode) Json.MAPPER.valueToTree(result));
    return document;
  }

  /** 0 for a clone that holds what its snapshot holds, as far as that was compared. */
  static int exitCode(CloneResult result) {
    VerificationReport verification = result.verification();
    boolean proven =
        verification == null
            || (verification.differences() == 0
                && Verify.tablesLeftOut(verification) == unlogged(verification));
    return result.ending() == Ending.CLONED && proven ? ExitCode.DONE : ExitCode.FAILED;
  }

  private static long unlogged(VerificationReport report) {
    return report.notCompared().stream().filter(line -> line.contains(UNLOGGED)).count();
  }
}
