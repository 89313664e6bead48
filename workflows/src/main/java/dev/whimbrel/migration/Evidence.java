package dev.whimbrel.migration;

import dev.whimbrel.activity.CanaryProof;
import dev.whimbrel.activity.Finding;
import dev.whimbrel.activity.PreflightReport;
import dev.whimbrel.activity.Readiness;
import dev.whimbrel.activity.UserReport;
import dev.whimbrel.activity.VerificationReport;
import dev.whimbrel.runbook.LeftBehind;
import dev.whimbrel.runbook.Runbook;
import dev.whimbrel.runbook.TablesSpec;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * What an approval approves: lines that stay the same as long as nothing of substance changes, so
 * that they hold no figure that grows by itself. What comes and goes by itself is shown below them
 * and is not in the hash.
 */
final class Evidence {
  private static final String PASSING = "Just now: ";

  /** What a comparison calls what the runbook leaves out, which the approval names anyway. */
  private static final String LEFT_OUT = "left out by the runbook: ";

  private Evidence() {}

  /** The findings of a cutover. */
  static MigrationStatus.Findings cutover(
      Runbook runbook,
      PreflightReport preflight,
      @Nullable UserReport users,
      @Nullable Readiness readiness,
      @Nullable VerificationReport verification,
      List<String> queries,
      List<String> canary,
      List<String> skipped) {
    Set<String> lines = new LinkedHashSet<>();
    boolean canGoBack = readiness == null ? preflight.canGoBack() : readiness.canGoBack();
    lines.add(
        canGoBack
            ? "Going back stays possible after the switchover, with every write%s."
                .formatted(butWithout(runbook.replicate().tables()))
            : "THERE WILL BE NO WAY BACK AFTER THE SWITCHOVER.");
    for (String skip : skipped) {
      lines.add("SKIPPED: " + skip);
    }
    List<String> passing = verification == null ? List.of() : verification.stale();
    if (runbook.replicate().offline()) {
      lines.add(
          "THE SOURCE IS CLOSED FOR WRITES BEFORE ANYTHING IS COPIED, for %s at the most; both databases are compared before the hand-over; what cannot be compared is reported, and nobody is asked about it."
              .formatted(words(runbook.replicate().closedFor())));
      if (verification != null) {
        if (verification.differences() != 0) {
          differences(verification, lines);
        }
        passing = notComparedBehindClosing(verification);
      }
    } else if (verification == null) {
      lines.add("NOT VERIFIED: the databases were never compared.");
    } else {
      differences(verification, lines);
      verification.notCompared().forEach(line -> lines.add("Not compared: " + line));
    }
    lines.addAll(queries);
    lines.addAll(canary);
    warnings(preflight.findings(), lines);
    if (users != null) {
      users(users, lines);
    }
    if (readiness != null) {
      // What else a rehearsal finds, such as a long transaction, comes and goes with the hour.
      readiness.findings().stream()
          .filter(finding -> !canGoBack && finding.check().equals("way-back"))
          .map(Finding::line)
          .forEach(lines::add);
    }
    leftOut(runbook, lines);
    for (LeftBehind left : runbook.leftBehind()) {
      lines.add("Stays behind: " + left.role() + ", " + left.because());
    }
    return findings(List.copyOf(lines), passing);
  }

  private static void differences(VerificationReport verification, Set<String> lines) {
    lines.add(
        verification.differences() == 0
            ? "The databases agree."
            : "THE DATABASES DIFFER IN "
                + Judgement.count(verification.differences(), "place").toUpperCase(Locale.ROOT)
                + ".");
    lines.addAll(verification.findings());
  }

  /**
   * Shown to whoever is asked about something else there, and no question of its own: nobody can
   * write until it is answered.
   */
  private static List<String> notComparedBehindClosing(VerificationReport verification) {
    return Stream.concat(
            verification.stale().stream(),
            verification.notCompared().stream()
                .filter(line -> !line.startsWith(LEFT_OUT))
                .map(line -> "Not compared: " + line))
        .toList();
  }

  private static String words(Duration time) {
    return time.toMinutes() % 60 == 0
        ? Judgement.count(time.toHours(), "hour")
        : Judgement.count(time.toMinutes(), "minute");
  }

  /** What does not move is closed for good with everything else, and goes with its machine. */
  private static void leftOut(Runbook runbook, Set<String> lines) {
    TablesSpec tables = runbook.replicate().tables();
    if (tables == null) {
      return;
    }
    List<String> staying = new ArrayList<>();
    if (!tables.leftOut().isEmpty()) {
      staying.add(tables.leftOut());
    }
    if (!tables.excludeData().isEmpty()) {
      staying.add("the rows of " + String.join(", ", tables.excludeData()));
    }
    if (staying.isEmpty()) {
      return;
    }
    lines.add(
        "Left on the source, closed there from the switchover on: %s%s."
            .formatted(
                String.join("; ", staying),
                runbook.decommission().retire() == null
                    ? ""
                    : ". THE SOURCE'S MACHINES ARE RETIRED, AND THESE WITH THEM"));
  }

  /** Rows that the runbook leaves out travel in neither direction. */
  private static String butWithout(@Nullable TablesSpec tables) {
    return tables == null || tables.excludeData().isEmpty()
        ? ""
        : " BUT THOSE TO %s: what is written there on the target stays there"
            .formatted(String.join(", ", tables.excludeData()));
  }

  /**
   * What a canary has shown; nothing where there was none.
   *
   * @param came how the last share came into force: what was measured then, and what probes and
   *     health checks said
   */
  static List<String> canary(
      Runbook runbook,
      @Nullable Integer share,
      @Nullable String came,
      @Nullable CanaryProof proof) {
    if (runbook.validate().canary() == null) {
      return List.of();
    }
    Set<String> lines = new LinkedHashSet<>();
    lines.add(
        share == null
            ? "WHO GETS WHICH SHARE OF THE TRAFFIC IS NOT CERTAIN: the last change of it did not end."
            : "The target's stack serves %d %% of the traffic.".formatted(share));
    if (came != null) {
      lines.add(came);
    }
    if (proof != null) {
      lines.add("Before the first percent: " + proof.line());
      warnings(proof.findings(), lines);
    }
    return List.copyOf(lines);
  }

  private static void users(UserReport users, Set<String> lines) {
    lines.add(Judgement.line(users) + ".");
    for (Finding finding : users.findings()) {
      switch (finding.level()) {
        case BLOCKER -> lines.add("LEFT ALONE: " + finding.subject() + " " + finding.message());
        case WARNING -> lines.add(finding.line());
        case NOTE -> {} // Somebody who follows: shown with the users.
      }
    }
  }

  private static void warnings(List<Finding> findings, Set<String> lines) {
    findings.stream()
        .filter(finding -> finding.level() != Finding.Level.NOTE)
        .map(Finding::line)
        .forEach(lines::add);
  }

  /**
   * Findings with their hash: SHA-256 over the lasting lines, hexadecimal.
   *
   * @param passing what is shown as of now, and approved by nobody
   */
  static MigrationStatus.Findings findings(List<String> lasting, List<String> passing) {
    List<String> shown = new ArrayList<>(lasting);
    passing.forEach(line -> shown.add(PASSING + line));
    return new MigrationStatus.Findings(hash(lasting), List.copyOf(shown));
  }

  private static String hash(List<String> lines) {
    try {
      byte[] hash =
          MessageDigest.getInstance("SHA-256")
              .digest(String.join("\n", lines).getBytes(StandardCharsets.UTF_8));
      return HexFormat.of().formatHex(hash);
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every Java runtime has SHA-256", e);
    }
  }

  private static Stream<String> lasting(List<String> lines) {
    return lines.stream().filter(line -> !line.startsWith(PASSING));
  }

  /** What changed between two findings, in words; empty when nothing did. */
  static String difference(List<String> before, List<String> now) {
    List<String> words = new ArrayList<>();
    lasting(now).filter(line -> !before.contains(line)).forEach(line -> words.add("new: " + line));
    lasting(before).filter(line -> !now.contains(line)).forEach(line -> words.add("gone: " + line));
    return String.join("; ", words);
  }
}
