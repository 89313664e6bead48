package dev.whimbrel.migration;

import dev.whimbrel.activity.Finding;
import dev.whimbrel.activity.PreflightReport;
import dev.whimbrel.activity.Readiness;
import dev.whimbrel.activity.VerificationReport;
import dev.whimbrel.runbook.LeftBehind;
import dev.whimbrel.runbook.Runbook;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * What an approval approves: lines that stay the same as long as nothing of substance changes, so
 * that they hold no figure that grows by itself.
 */
final class Evidence {
  private Evidence() {}

  /** The findings of a cutover. */
  static MigrationStatus.Findings cutover(
      Runbook runbook,
      PreflightReport preflight,
      @Nullable Readiness readiness,
      @Nullable VerificationReport verification,
      List<String> skipped) {
    Set<String> lines = new LinkedHashSet<>();
    boolean canGoBack = readiness == null ? preflight.canGoBack() : readiness.canGoBack();
    lines.add(
        canGoBack
            ? "Going back stays possible after the switchover, with every write."
            : "THERE WILL BE NO WAY BACK AFTER THE SWITCHOVER.");
    for (String skip : skipped) {
      lines.add("SKIPPED: " + skip);
    }
    if (verification == null) {
      lines.add("NOT VERIFIED: the databases were never compared.");
    } else {
      lines.add(
          verification.differences() == 0
              ? "The databases agree."
              : "THE DATABASES DIFFER IN " + verification.differences() + " PLACES.");
      lines.addAll(verification.findings());
      verification.notCompared().forEach(line -> lines.add("Not compared: " + line));
    }
    warnings(preflight.findings(), lines);
    if (readiness != null) {
      // What else a rehearsal finds, such as a long transaction, comes and goes with the hour.
      readiness.findings().stream()
          .filter(finding -> !canGoBack && finding.check().equals("way-back"))
          .map(Finding::line)
          .forEach(lines::add);
    }
    for (LeftBehind left : runbook.leftBehind()) {
      lines.add("Stays behind: " + left.role() + ", " + left.because());
    }
    return findings(List.copyOf(lines));
  }

  private static void warnings(List<Finding> findings, Set<String> lines) {
    findings.stream()
        .filter(finding -> finding.level() != Finding.Level.NOTE)
        .map(Finding::line)
        .forEach(lines::add);
  }

  /** Findings with their hash: SHA-256 over the lines, hexadecimal. */
  static MigrationStatus.Findings findings(List<String> lines) {
    try {
      byte[] hash =
          MessageDigest.getInstance("SHA-256")
              .digest(String.join("\n", lines).getBytes(StandardCharsets.UTF_8));
      return new MigrationStatus.Findings(HexFormat.of().formatHex(hash), lines);
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every Java runtime has SHA-256", e);
    }
  }

  /** What changed between two findings, in words; empty when nothing did. */
  static String difference(List<String> before, List<String> now) {
    List<String> words = new ArrayList<>();
    now.stream().filter(line -> !before.contains(line)).forEach(line -> words.add("new: " + line));
    before.stream().filter(line -> !now.contains(line)).forEach(line -> words.add("gone: " + line));
    return String.join("; ", words);
  }
}
