package dev.whimbrel.cli;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectWriter;
import com.fasterxml.jackson.databind.SerializationFeature;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.whimbrel.activity.DifferingRow;
import dev.whimbrel.activity.VerificationReport;
import dev.whimbrel.migration.Decision;
import dev.whimbrel.migration.MigrationStatus.Parked;
import dev.whimbrel.migration.MigrationStatus.State;
import dev.whimbrel.migration.MigrationWorkflow;
import dev.whimbrel.migration.VerificationState;
import io.temporal.client.WorkflowServiceException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** Compares both databases once more, and on demand waits for what that finds. */
@Command(
    name = "verify",
    description = {
      "Compare both databases once more: from the end of the copy to the end of the rollback window.",
      "With --wait ends with 0 where they agree and 1 where they differ or a table was not compared."
    })
final class Verify extends Decide {
  private static final Duration BETWEEN_LOOKS = Duration.ofMillis(700);

  private static final ObjectWriter LINE =
      Json.MAPPER.writer().without(SerializationFeature.INDENT_OUTPUT);

  private static final String NAME = "(?:[a-z_][a-z0-9_$]*|\"(?:[^\"]|\"\")*\")";

  /** A table's line, or that of a kind of objects, or of more of them than are told. */
  private static final Pattern LEFT_OUT =
      Pattern.compile(
          NAME + "\\." + NAME + ": |(?:catalogs|sequences|large objects): |and \\d+ more objects");

  /** Of these no rows of the service's own could be compared. */
  private static final Pattern NOTHING_TO_COMPARE =
      Pattern.compile(
          ": (?:(?:on the (?:source|target) )?it (?:is a foreign table: |belongs to an extension$|is not populated$)|the runbook leaves its rows out$)");

  @Option(names = "--wait", description = "wait for the report and print it")
  boolean wait;

  @Option(
      names = "--keys",
      paramLabel = "FILE",
      description =
          "wait, and write the first rows that differ to a file, a thousand and 128 kB at most: a"
              + " JSON document a line, the first twenty with the commands that mend the row")
  @Nullable Path keys;

  Verify(Context context) {
    super(context);
  }

  @Override
  String update() {
    return "verify";
  }

  @Override
  Object request(Snapshot snapshot) {
    return new Decision(who(), reason);
  }

  @Override
  String intent(Snapshot snapshot) {
    return "compare both databases again and show the fresh evidence.";
  }

  @Override
  Integer after(Temporal temporal, String answer) {
    if (!wait && keys == null) {
      return super.after(temporal, answer);
    }
    console().err().println(answer + " (as " + who() + ", claimed)");
    VerificationReport report = awaitReport(temporal);
    if (keys != null) {
      write(keys, report);
    }
    if (json()) {
      ObjectNode document = Json.MAPPER.valueToTree(report);
      document.put("name", name).put("truth", report.truth().word());
      document.put("differingRowsLeftOut", leftOut(report));
      Json.print(console(), document);
    } else {
      lines(report).forEach(console().out()::println);
    }
    return report.differences() == 0 && tablesLeftOut(report) == 0
        ? ExitCode.DONE
        : ExitCode.FAILED;
  }

  private VerificationReport awaitReport(Temporal temporal) {
    Migrations migrations = new Migrations(temporal);
    long asked = state(temporal).asked();
    while (true) {
      VerificationState now = state(temporal);
      if (now.answered() >= asked) {
        if (now.failure() != null || now.report() == null) {
          throw new CannotDo("The databases could not be compared: " + now.failure());
        }
        return now.report();
      }
      Snapshot snapshot = migrations.look(name);
      if (snapshot.status().state() == State.ENDED) {
        throw new CannotDo("The migration has ended meanwhile, without a report.");
      }
      for (Parked parked : snapshot.status().parked()) {
        if (parked.step().endsWith(".verify-data")) {
          throw new CannotDo(parked.step() + " waits for a person: " + parked.cause());
        }
      }
      rest();
    }
  }

  private VerificationState state(Temporal temporal) {
    try {
      return temporal
          .client()
          .newWorkflowStub(MigrationWorkflow.class, MigrationWorkflow.ID_PREFIX + name)
          .verification();
    } catch (WorkflowServiceException e) {
      throw new CannotDo(
          "No worker answers. The comparison goes on; `whimbrel status %s` shows what it finds."
              .formatted(name));
    }
  }

  private void rest() {
    try {
      Thread.sleep(BETWEEN_LOOKS.toMillis());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new CannotDo("Interrupted. `whimbrel status " + name + "` shows what is found.");
    }
  }

  /** Rows that differ and are not in the report: it travels through the workflow's history. */
  private static long leftOut(VerificationReport report) {
    return report.differingRows() - report.differing().size();
  }

  /**
   * Tables that should have been compared and were not, or not as a whole, and whole kinds of
   * objects that were not. What is never compared, such as values of sequences before the
   * hand-over, is not among them.
   */
  static long tablesLeftOut(VerificationReport report) {
    return report.notCompared().stream()
        .filter(line -> LEFT_OUT.matcher(line).lookingAt())
        .filter(line -> !NOTHING_TO_COMPARE.matcher(line).find())
        .count();
  }

  private static void write(Path file, VerificationReport report) {
    List<String> lines = new ArrayList<>();
    try {
      for (DifferingRow row : report.differing()) {
        lines.add(LINE.writeValueAsString(row));
      }
      if (leftOut(report) > 0) {
        lines.add(
            LINE.writeValueAsString(
                Json.MAPPER.createObjectNode().put("leftOut", leftOut(report))));
      }
      Files.write(file, lines);
    } catch (JsonProcessingException e) {
      throw new IllegalStateException("Cannot print a row as JSON", e);
    } catch (IOException e) {
      throw new CannotDo("Cannot write %s: %s".formatted(file, e.getMessage()));
    }
  }

  /** The report as people read it. */
  static List<String> lines(VerificationReport report) {
    List<String> lines = new ArrayList<>();
    lines.add(
        "COMPARED: %s in %s, %s, %s in flux (hash: %s, writes go to the %s)"
            .formatted(
                Words.plural(report.rows(), "row"),
                Words.plural(report.tables(), "table"),
                Words.plural(report.differences(), "difference"),
                Words.plural(report.inFlux(), "row"),
                report.hash(),
                report.truth().word()));
    report.findings().forEach(line -> lines.add("DIFFERS: " + StatusText.indented(line)));
    long more = report.differences() - report.findings().size();
    if (more > 0) {
      lines.add(
          "DIFFERS: %s more; --keys FILE has the first rows, a thousand and 128 kB at most"
              .formatted(more));
    }
    report.notCompared().forEach(line -> lines.add("NOT COMPARED: " + StatusText.indented(line)));
    report.stale().forEach(line -> lines.add("STALE: " + StatusText.indented(line)));
    long leftOut = tablesLeftOut(report);
    if (leftOut > 0) {
      lines.add(
          "NOT PROVEN: %s that should agree could not be compared, or not as a whole"
              .formatted(Words.plural(leftOut, "object")));
    }
    repair(report, lines);
    if (report.differing().stream().anyMatch(row -> row.key().containsKey("ctid"))) {
      lines.add(
          "ROWS WITHOUT A KEY: there are no commands for them, since their place may hold another row by now. Give the table a primary key on both sides and compare again, or find the row by its values on both sides.");
    }
    return lines;
  }

  private static void repair(VerificationReport report, List<String> lines) {
    for (DifferingRow row : report.differing()) {
      String commands = row.repair();
      if (commands != null) {
        String follower = report.truth().other().word();
        lines.add(
            "TO MEND A ROW: find out first who wrote to the %s behind the stream's back, and look at the row on both sides: what is there is overwritten. Then, in a shell where SOURCE and TARGET hold both databases' URLs, as a superuser of the %s:"
                .formatted(follower, follower));
        lines.add("  # %s %s: %s".formatted(row.table(), row.key(), row.what()));
        commands.lines().forEach(lines::add);
        lines.add("The same for other rows: whimbrel verify NAME --keys FILE");
        return;
      }
    }
  }
}
