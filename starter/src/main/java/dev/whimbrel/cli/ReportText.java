package dev.whimbrel.cli;

import dev.whimbrel.migration.MigrationStatus;
import dev.whimbrel.migration.MigrationStatus.StepRecord;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneId;
import java.time.temporal.ChronoUnit;
import org.jspecify.annotations.Nullable;

/** A migration as Markdown. */
final class ReportText {
  private ReportText() {}

  static String of(Snapshot snapshot, Timeline timeline, ZoneId zone) {
    MigrationStatus s = snapshot.status();
    StringBuilder text = new StringBuilder();
    text.append("# Migration ").append(s.name()).append("\n\n");
    text.append(StatusText.headline(snapshot, zone)).append("\n\n");
    text.append("| | |\n|---|---|\n");
    row(text, "State", s.state() + (s.result() == null ? "" : ", " + s.result()));
    row(text, "Phase", s.phase() + (s.step() == null ? "" : ", step " + s.step()));
    row(text, "Waiting for", s.waitingFor());
    if (s.switchover() != null) {
      row(text, "Write pause", s.switchover().writePauseMillis() + " ms");
      row(text, "Attempts at the switchover", String.valueOf(s.switchover().attempts()));
    }
    if (s.verification() != null) {
      row(
          text,
          "Verified",
          "%s %s, %s"
              .formatted(
                  Words.plural(s.verification().rows(), "row"),
                  when(s.verification()),
                  Words.plural(s.verification().differences(), "difference")));
      row(text, "Not compared", blankIsNothing(String.join("; ", s.verification().notCompared())));
    }
    row(text, "Events in Temporal's history", String.valueOf(timeline.length()));
    steps(text, s, snapshot.at());
    if (!timeline.events().isEmpty()) {
      text.append(
          "\n## Decisions and events\n\n| when | what | who (as claimed) | why |\n|---|---|---|---|\n");
      timeline
          .events()
          .forEach(
              e ->
                  text.append(
                      "| %s | %s | %s | %s |\n"
                          .formatted(
                              e.at().truncatedTo(ChronoUnit.SECONDS),
                              e.what(),
                              cell(e.by()),
                              cell(e.detail()))));
    }
    if (!s.parked().isEmpty()) {
      text.append("\n## Needs help\n\n");
      s.parked()
          .forEach(
              p -> {
                text.append("- **" + p.step() + "**: " + p.cause() + " " + p.remedy() + "\n");
                if (p.command() != null) {
                  text.append("\n  ```\n");
                  p.command().lines().forEach(line -> text.append("  ").append(line).append('\n'));
                  text.append("  ```\n");
                }
              });
    }
    return text.toString();
  }

  private static String when(MigrationStatus.Verified verified) {
    return verified.tookLong()
        ? "from %s to %s".formatted(toTheSecond(verified.began()), toTheSecond(verified.ended()))
        : "at " + toTheSecond(verified.at());
  }

  private static String toTheSecond(@Nullable Instant time) {
    return time == null ? "?" : time.truncatedTo(ChronoUnit.SECONDS).toString();
  }

  private static void steps(StringBuilder text, MigrationStatus s, Instant now) {
    text.append("\n## Steps\n\n");
    if (s.steps().isEmpty()) {
      text.append("Not known: no worker answers.\n");
      return;
    }
    text.append("| step | started | took | outcome |\n|---|---|---|---|\n");
    for (StepRecord step : s.steps()) {
      String took =
          step.started() == null
              ? ""
              : Words.duration(
                  Duration.between(step.started(), step.ended() == null ? now : step.ended()));
      text.append(
          "| %s | %s | %s | %s |\n"
              .formatted(
                  step.id(),
                  step.started() == null ? "" : step.started().truncatedTo(ChronoUnit.SECONDS),
                  took + (step.started() != null && step.ended() == null ? " so far" : ""),
                  cell(step.outcome())));
    }
  }

  private static void row(StringBuilder text, String key, @Nullable String value) {
    if (value != null) {
      text.append("| ").append(key).append(" | ").append(cell(value)).append(" |\n");
    }
  }

  private static @Nullable String blankIsNothing(String text) {
    return text.isBlank() ? null : text;
  }

  private static String cell(@Nullable String text) {
    return text == null ? "" : text.replace("|", "\\|").replace("\n", "<br>");
  }
}
