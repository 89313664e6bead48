package dev.whimbrel.cli;

import dev.whimbrel.migration.MigrationStatus;
import dev.whimbrel.migration.MigrationStatus.State;
import dev.whimbrel.migration.MigrationStatus.StepRecord;
import java.time.ZoneId;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/** What is new between two looks at a migration, as lines for a log. */
final class Changes {
  private static final int OPENING = 12;

  private Changes() {}

  static List<String> between(@Nullable Snapshot before, Snapshot after, ZoneId zone) {
    List<String> lines = new ArrayList<>();
    MigrationStatus was = before == null ? null : before.status();
    MigrationStatus is = after.status();
    Map<String, StepRecord> known = new HashMap<>();
    if (was != null) {
      was.steps().forEach(step -> known.put(step.id(), step));
    }
    for (StepRecord step : is.steps()) {
      StepRecord earlier = known.get(step.id());
      boolean told = earlier != null && sameMoment(earlier, step);
      if (!told && step.started() != null) {
        lines.add(StatusText.step(step, after.at(), zone));
      }
    }
    boolean moved =
        was == null || !was.writesGoTo().equals(is.writesGoTo()) || was.epoch() != is.epoch();
    if (moved && after.answered()) {
      lines.add(StatusText.headline(after, zone));
    }
    for (Snapshot.Activity activity : after.now()) {
      String warning = activity.warning();
      if (warning != null && !opening(warning).equals(openingOf(before, activity.activity()))) {
        lines.add("WARNING: " + StatusText.indented(warning));
      }
    }
    if (was == null || was.state() != is.state() || !sameWait(was, is)) {
      lines.addAll(state(after));
    }
    return lines;
  }

  /** How a warning begins: the figures in the rest of it change with each look. */
  private static String opening(String warning) {
    return warning.substring(0, Math.min(OPENING, warning.length()));
  }

  private static @Nullable String openingOf(@Nullable Snapshot before, String activity) {
    return before == null
        ? null
        : before.now().stream()
            .filter(known -> known.activity().equals(activity) && known.warning() != null)
            .map(known -> opening(Objects.requireNonNull(known.warning())))
            .findFirst()
            .orElse(null);
  }

  private static boolean sameMoment(StepRecord a, StepRecord b) {
    return Objects.equals(a.started(), b.started())
        && Objects.equals(a.ended(), b.ended())
        && Objects.equals(a.outcome(), b.outcome());
  }

  private static boolean sameWait(MigrationStatus was, MigrationStatus is) {
    return Objects.equals(was.waitingFor(), is.waitingFor()) && was.parked().equals(is.parked());
  }

  private static List<String> state(Snapshot snapshot) {
    MigrationStatus s = snapshot.status();
    List<String> lines = new ArrayList<>();
    if (s.state() == State.RUNNING || s.state() == State.ENDED) {
      return lines;
    }
    lines.add(s.state() + what(s));
    if (snapshot.trouble() != null) {
      lines.add("  " + snapshot.trouble());
    }
    s.parked()
        .forEach(
            p -> {
              lines.add("  " + p.step() + ": " + StatusText.indented(p.cause()));
              lines.add("  " + StatusText.indented(p.remedy()));
              if (p.command() != null) {
                p.command().lines().forEach(line -> lines.add("    " + line));
              }
            });
    if (needsPerson(s.state()) || s.state() == State.NO_WORKER) {
      s.nextSteps().forEach(next -> lines.add("  " + next));
    }
    return lines;
  }

  private static String what(MigrationStatus s) {
    if (s.waitingFor() == null || !s.parked().isEmpty()) {
      return "";
    }
    return (s.state() == State.NO_WORKER || s.state() == State.ENGINE_STUCK
            ? ": when last seen waiting for "
            : ": ")
        + s.waitingFor();
  }

  /** Whether nothing goes on until a person acts. */
  static boolean needsPerson(State state) {
    return state == State.WAITING_FOR_APPROVAL
        || state == State.NEEDS_HELP
        || state == State.PAUSED;
  }
}
