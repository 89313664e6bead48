package dev.whimbrel.cli;

import dev.whimbrel.migration.MigrationStatus;
import dev.whimbrel.migration.MigrationStatus.Parked;
import dev.whimbrel.migration.MigrationStatus.RollbackOffer;
import dev.whimbrel.migration.MigrationStatus.SourceClosed;
import dev.whimbrel.migration.MigrationStatus.State;
import dev.whimbrel.migration.MigrationStatus.StepRecord;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneId;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/** A status in an operator's words. */
final class StatusText {
  private static final int USERS_SHOWN = 10;

  private StatusText() {}

  /** Every line of {@code whimbrel status}. */
  static List<String> of(Snapshot snapshot, ZoneId zone) {
    MigrationStatus s = snapshot.status();
    List<String> lines = new ArrayList<>();
    lines.add(headline(snapshot, zone));
    lines.add(state(snapshot, zone));
    if (snapshot.trouble() != null) {
      lines.add("  " + snapshot.trouble());
    }
    for (Snapshot.Activity activity : snapshot.now()) {
      if (activity.warning() != null) {
        lines.add("WARNING: " + indented(activity.warning()));
      }
    }
    for (Parked parked : s.parked()) {
      lines.add("NEEDS HELP: " + parked.step() + ": " + indented(parked.cause()));
      lines.add("  " + indented(parked.remedy()));
      if (parked.command() != null) {
        parked.command().lines().forEach(line -> lines.add("    " + line));
      }
    }
    for (Snapshot.Activity activity : snapshot.now()) {
      now(activity, lines);
    }
    if (s.findings() != null) {
      lines.add("TO APPROVE (" + shortHash(s.findings().hash()) + "):");
      s.findings().lines().forEach(line -> lines.add("  " + indented(line)));
    }
    figures(s, snapshot.at(), lines);
    users(s, lines);
    if (!s.steps().isEmpty()) {
      lines.add("STEPS:");
      s.steps().forEach(step -> lines.add("  " + step(step, snapshot.at(), zone)));
    }
    next(s).forEach(lines::add);
    return lines;
  }

  /** What to do, and apart from it, so that nobody takes it for advice, how to go back. */
  private static List<String> next(MigrationStatus s) {
    List<String> lines = new ArrayList<>();
    for (String next : s.nextSteps()) {
      lines.add((isRollback(next) ? "TO GO BACK: " : "NEXT: ") + next);
    }
    boolean nothingToDo = s.nextSteps().stream().allMatch(StatusText::isRollback);
    if (nothingToDo && goesOnByItself(s.state())) {
      lines.add(
          0,
          "NEXT: nothing, it goes on by itself. To be told when a person is needed: whimbrel wait "
              + s.name());
    }
    return lines;
  }

  private static boolean isRollback(String command) {
    return command.startsWith("whimbrel rollback ");
  }

  private static boolean goesOnByItself(State state) {
    return switch (state) {
      case RUNNING, WAITING_FOR_TIME, WAITING_FOR_WINDOW, ROLLING_BACK -> true;
      default -> false;
    };
  }

  /** A text of several lines below the first of which stands more to the right. */
  static String indented(String text) {
    return text.strip().replace("\n", "\n  ");
  }

  /** The first line: where writes go and whether one can go back. */
  static String headline(Snapshot snapshot, ZoneId zone) {
    MigrationStatus s = snapshot.status();
    // A hand-over that was sent has spent its closing: nothing opens by itself then.
    boolean spent = s.writesGoTo().equals("unknown");
    SourceClosed closed = snapshot.answered() && !spent ? s.closed() : null;
    boolean doubtful = closed != null && ClosingSigns.doubtful(snapshot);
    StringBuilder line =
        new StringBuilder("WRITES GO TO: ")
            .append(closed == null ? s.writesGoTo() : doubtful ? "source, perhaps" : "nobody");
    if (closed != null && doubtful) {
      line.append(
          " (it was closed at %s for an offline copy, and nobody has kept it closed lately: see the warning)"
              .formatted(Words.time(closed.since(), snapshot.at(), zone)));
    } else if (closed != null) {
      line.append(
          " (source closed since %s for an offline copy, opens by itself at %s at the latest)"
              .formatted(
                  Words.time(closed.since(), snapshot.at(), zone),
                  Words.time(closed.until(), snapshot.at(), zone)));
    } else if (!snapshot.answered()) {
      line.append(s.result() == null ? " (as last recorded)" : "");
    } else if (s.writesGoTo().equals("unknown")) {
      line.append(
          " (a hand-over was sent, its end is not known, perhaps nobody can write: whimbrel inspect RUNBOOK asks the databases)");
    } else if (s.epoch() > 0) {
      String since =
          s.writesSince() == null
              ? ""
              : "since " + Words.time(s.writesSince(), snapshot.at(), zone) + ", ";
      line.append(" (").append(since).append("epoch ").append(s.epoch()).append(")");
    }
    return line.append(". GO BACK: ").append(goBack(snapshot, zone)).toString();
  }

  private static String goBack(Snapshot snapshot, ZoneId zone) {
    MigrationStatus s = snapshot.status();
    RollbackOffer offer = s.rollback();
    if (s.state() == State.ENDED) {
      return "no, the migration has ended";
    }
    if (!snapshot.answered()) {
      return s.state() == State.ENGINE_STUCK
          ? "not known, the engine is stuck"
          : "not known, no worker answers";
    }
    if (s.phase().equals("rollback")) {
      return "under way";
    }
    if (!offer.possible()) {
      String why = offer.why() == null ? "" : ", " + offer.why();
      return s.phase().equals("decommission") ? "no, the way back is closed" + why : "NO" + why;
    }
    return "yes, %s, about %d s, %s at risk%s: whimbrel rollback %s"
        .formatted(
            offer.until() == null
                ? "at any time"
                : offer.until().isBefore(snapshot.at())
                    ? "still"
                    : "until " + Words.time(offer.until(), snapshot.at(), zone),
            offer.estimatedSeconds(),
            offer.writesAtRisk() == null
                ? "an unknown number of writes"
                : Words.plural(offer.writesAtRisk(), "write"),
            staying(s),
            s.name());
  }

  /** What a way back does not bring along, once there can be any of it. */
  private static String staying(MigrationStatus s) {
    return s.rollback().without().isEmpty() || s.writesGoTo().equals("source")
        ? ""
        : " BUT THOSE TO %s, which stay on the target"
            .formatted(String.join(", ", s.rollback().without()));
  }

  private static String state(Snapshot snapshot, ZoneId zone) {
    MigrationStatus s = snapshot.status();
    StringBuilder line = new StringBuilder(s.name()).append(": ").append(s.state());
    if (s.result() != null) {
      line.append(", ").append(s.result());
    }
    line.append(", phase ").append(s.phase());
    if (s.step() != null) {
      line.append(", step ").append(s.step());
    }
    line.append(", since ").append(Words.time(s.since(), snapshot.at(), zone));
    // What is parked is said below, in full.
    if (s.waitingFor() != null && s.parked().isEmpty()) {
      String word =
          switch (s.state()) {
            case NO_WORKER, ENGINE_STUCK -> ", when last seen waiting for ";
            case PAUSED -> ", ";
            default -> ", waiting for ";
          };
      line.append(word).append(s.waitingFor());
    }
    return line.toString();
  }

  private static void now(Snapshot.Activity activity, List<String> lines) {
    if (activity.line() != null) {
      lines.add("NOW: " + activity.line() + share(activity.done(), activity.total()));
    }
    if (activity.lastFailure() != null) {
      lines.add(
          "RETRYING: %s, attempt %d: %s"
              .formatted(activity.activity(), activity.attempt(), activity.lastFailure()));
    }
  }

  private static String share(@Nullable Long done, @Nullable Long total) {
    return done == null || total == null || total <= 0
        ? ""
        : String.format(Locale.ROOT, " (%d %%)", Math.min(100, done * 100 / total));
  }

  private static void users(MigrationStatus s, List<String> lines) {
    if (s.state() == State.ENDED || !s.writesGoTo().equals("source")) {
      return;
    }
    s.users().stream()
        .limit(USERS_SHOWN)
        .forEach(user -> lines.add("USES THE SOURCE: " + user.line()));
    if (s.users().size() > USERS_SHOWN) {
      lines.add(
          "USES THE SOURCE: %d more, see --output json".formatted(s.users().size() - USERS_SHOWN));
    }
  }

  private static void figures(MigrationStatus s, Instant at, List<String> lines) {
    if (s.lag() != null) {
      lines.add("LAG: %d ms, %s".formatted(s.lag().millis(), Words.bytes(s.lag().bytes())));
    }
    if (s.targetShare() != null) {
      lines.add("TRAFFIC: %d %% goes to the target".formatted(s.targetShare()));
    }
    MigrationStatus.Verified verified = s.verification();
    if (verified != null) {
      lines.add(
          "VERIFIED: %s, %s, %s%s"
              .formatted(
                  age(verified, at),
                  Words.plural(verified.rows(), "row"),
                  Words.plural(verified.differences(), "difference"),
                  verified.notCompared().isEmpty()
                      ? ""
                      : ", not compared: " + String.join("; ", verified.notCompared())));
    }
    if (s.switchover() != null) {
      lines.add(
          "SWITCHOVER: writes paused for %d ms, %s"
              .formatted(
                  s.switchover().writePauseMillis(),
                  Words.plural(s.switchover().attempts(), "attempt")));
    }
  }

  /** How old it is: what was looked at first is older than what was looked at last. */
  private static String age(MigrationStatus.Verified verified, Instant at) {
    if (!verified.tookLong()) {
      return Words.duration(Duration.between(verified.at(), at)) + " ago";
    }
    return "begun %s ago, ended %s ago"
        .formatted(
            Words.duration(Duration.between(Objects.requireNonNull(verified.began()), at)),
            Words.duration(Duration.between(Objects.requireNonNull(verified.ended()), at)));
  }

  /** One step in one line. */
  static String step(StepRecord step, Instant now, ZoneId zone) {
    String mark = step.started() == null ? "-" : step.ended() == null ? ">" : "+";
    StringBuilder line = new StringBuilder(mark).append(" ");
    line.append(String.format(Locale.ROOT, "%-26s", step.id()));
    if (step.started() != null) {
      Instant end = step.ended() == null ? now : step.ended();
      line.append(Words.time(step.started(), now, zone))
          .append("  ")
          .append(Words.duration(Duration.between(step.started(), end)));
    }
    if (step.outcome() != null) {
      line.append("  ").append(step.outcome());
    }
    return line.toString().stripTrailing();
  }

  static String shortHash(String hash) {
    return hash.length() > 12 ? hash.substring(0, 12) : hash;
  }
}
