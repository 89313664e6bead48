package dev.whimbrel.migration;

import dev.whimbrel.migration.MigrationStatus.Parked;
import dev.whimbrel.migration.MigrationStatus.StepRecord;

/** The status as the Temporal UI shows it: short, in Markdown. */
final class Markdown {
  private Markdown() {}

  static String details(MigrationStatus status) {
    StringBuilder page = new StringBuilder();
    page.append("## ").append(status.name()).append(": ").append(status.phase());
    page.append(", ").append(status.state()).append("\n\n");
    page.append("**Writes go to: ").append(status.writesGoTo()).append("**");
    if (status.writesSince() != null) {
      page.append(" since ").append(status.writesSince());
    }
    page.append(". Go back: ").append(status.rollback().possible() ? "yes" : "NO");
    if (status.rollback().why() != null) {
      page.append(", ").append(status.rollback().why());
    }
    if (status.rollback().until() != null) {
      page.append(", until ").append(status.rollback().until());
    }
    page.append("\n\n");
    if (status.waitingFor() != null) {
      page.append("Waiting for: ").append(status.waitingFor()).append("\n\n");
    }
    for (Parked parked : status.parked()) {
      page.append("### Parked: ").append(parked.step()).append("\n\n");
      page.append(parked.cause()).append("\n\n").append(parked.remedy()).append("\n\n");
      if (parked.command() != null) {
        page.append("```\n").append(parked.command()).append("\n```\n\n");
      }
    }
    MigrationStatus.Verified verified = status.verification();
    if (verified != null) {
      page.append(
          verified.differences() == 0 ? "Compared " : "**THE DATABASES DIFFER**, compared ");
      page.append(
          verified.tookLong()
              ? "from %s to %s: ".formatted(verified.began(), verified.ended())
              : "at " + verified.at() + ": ");
      page.append(Judgement.count(verified.differences(), "difference")).append(" in ");
      page.append(Judgement.count(verified.rows(), "row")).append("\n\n");
    }
    if (status.findings() != null) {
      page.append("### To approve\n\n");
      status.findings().lines().forEach(line -> page.append("- ").append(code(line)).append('\n'));
      page.append('\n');
    }
    if (!status.nextSteps().isEmpty()) {
      page.append("```\n").append(String.join("\n", status.nextSteps())).append("\n```\n\n");
    }
    page.append("| step | outcome |\n|---|---|\n");
    for (StepRecord step : status.steps()) {
      if (!Step.NOT_CONFIGURED.equals(step.outcome())) {
        page.append("| ").append(step.id()).append(" | ");
        page.append(step.outcome() == null ? "…" : cell(step.outcome())).append(" |\n");
      }
    }
    return page.toString();
  }

  /** A fix is to be copied: as plain text its quotes would be made typographic ones. */
  private static String code(String line) {
    int fix = line.indexOf("Fix: ");
    return fix < 0
        ? line
        : line.substring(0, fix) + "Fix: `" + line.substring(fix + "Fix: ".length()) + "`";
  }

  private static String cell(String text) {
    return text.replace("|", "\\|").replace('\n', ' ');
  }
}
