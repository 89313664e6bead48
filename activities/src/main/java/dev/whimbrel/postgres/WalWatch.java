package dev.whimbrel.postgres;

import dev.whimbrel.activity.Failures;
import dev.whimbrel.activity.Move;
import dev.whimbrel.activity.Progress;
import dev.whimbrel.activity.Side;
import dev.whimbrel.activity.WalReport;
import dev.whimbrel.activity.WalReport.What;
import dev.whimbrel.activity.WalRequest;
import dev.whimbrel.postgres.SideWal.Seen;
import io.temporal.failure.ApplicationFailure;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** Looks at the kept log of both sides, and does at the limit what the runbook says. */
final class WalWatch {
  private final Databases databases;
  private final WalRequest request;
  private final Move move;
  private final Pulse pulse;
  private final Duration every;
  private long looks;

  WalWatch(Databases databases, WalRequest request, Pulse pulse, Pace pace) {
    this.databases = databases;
    this.request = request;
    this.move = request.move();
    this.pulse = pulse;
    this.every = pace.of(Pace.Watcher.KEPT_WAL);
  }

  /** Goes on until there is something to report. */
  WalReport run() {
    try (SideWal source = new SideWal(databases, move, Side.SOURCE);
        SideWal target = new SideWal(databases, move, Side.TARGET)) {
      while (true) {
        Optional<WalReport> report = round(List.of(source, target));
        if (report.isPresent()) {
          return report.get();
        }
        pulse.rest(every);
      }
    }
  }

  private Optional<WalReport> round(List<SideWal> sides) {
    List<String> lines = new ArrayList<>();
    List<String> warnings = new ArrayList<>();
    @Nullable WalReport ask = null;
    @Nullable Seen last = null;
    boolean relieved = true;
    for (SideWal each : sides) {
      try {
        Seen seen = each.look();
        Optional<WalReport> released = releaseWhereDue(seen);
        if (released.isPresent()) {
          return released;
        }
        last = seen;
        boolean accepted = request.accepted().contains(seen.side());
        relieved &= accepted || !seen.isNear();
        if (seen.slots() > 0) {
          lines.add(WalWords.line(seen));
        }
        Optional.ofNullable(WalWords.warning(seen, accepted)).ifPresent(warnings::add);
        if (seen.isReached() && !accepted && isAsked(seen)) {
          ask = new WalReport(seen.side(), What.ASK, WalWords.what(seen));
        }
      } catch (SQLException e) {
        relieved = false;
        lines.add("the WAL kept on one side cannot be looked at (" + e.getSQLState() + ")");
      }
    }
    looks++;
    say(lines, warnings);
    if (request.asking()) {
      return relieved && last != null
          ? Optional.of(new WalReport(last.side(), What.RELIEVED, WalWords.line(last)))
          : Optional.empty();
    }
    return Optional.ofNullable(ask);
  }

  private void say(List<String> lines, List<String> warnings) {
    pulse.say(
        Progress.of(lines.isEmpty() ? "no slot keeps WAL" : String.join("; ", lines))
            .after(looks)
            .warning(warnings.isEmpty() ? null : String.join("\n", warnings)));
  }

  private static boolean isAsked(Seen seen) {
    return seen.limit().then() == WalLimit.Then.ASK
        || (seen.limit().then() == WalLimit.Then.RELEASE && !seen.takesWrites());
  }

  /** Also ends what an earlier attempt has begun. */
  private Optional<WalReport> releaseWhereDue(Seen seen) throws SQLException {
    boolean known = seen.side() == Side.TARGET && request.wayBackLost();
    String noted = seen.released();
    if (noted != null && !known && seen.takesWrites()) {
      return release(seen, 0, noted);
    }
    boolean due =
        seen.isReached() && seen.takesWrites() && seen.limit().then() == WalLimit.Then.RELEASE;
    return due ? release(seen, seen.limit().bytes(), WalWords.released(seen)) : Optional.empty();
  }

  private Optional<WalReport> release(Seen seen, long limit, String why) throws SQLException {
    say(List.of(WalWords.line(seen)), List.of(WalWords.passed(seen)));
    try {
      return new SlotRelease(databases, move, seen.side(), pulse).run(limit, why)
          ? Optional.of(new WalReport(seen.side(), What.RELEASED, why))
          : Optional.empty();
    } catch (SQLException e) {
      RuntimeException told =
          SqlFailures.of("Cannot drop the slots on the " + seen.side().word(), e);
      if (told instanceof ApplicationFailure failure
          && Failures.TRANSIENT.equals(failure.getType())) {
        throw e;
      }
      throw told;
    }
  }
}
