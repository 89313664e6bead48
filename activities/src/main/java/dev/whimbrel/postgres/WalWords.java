package dev.whimbrel.postgres;

import dev.whimbrel.activity.Side;
import dev.whimbrel.postgres.SideWal.Seen;
import java.time.Duration;
import org.jspecify.annotations.Nullable;

/** What is said of the log that one side keeps for the slots. */
final class WalWords {
  private static final long MENTIONED = 1 << 20;

  private static final String AFTER_A_SWITCHOVER =
      "the slots are dropped, behind a switchover where one is at work";

  private WalWords() {}

  /** Always shown. */
  static String line(Seen seen) {
    return "%s of WAL kept on the %s for the slots, limit %s"
        .formatted(Size.words(seen.kept()), seen.side().word(), Size.words(seen.limit().bytes()));
  }

  /**
   * From 80 percent of the limit on.
   *
   * @param accepted whether a person has let this side go
   */
  static @Nullable String warning(Seen seen, boolean accepted) {
    if (seen.slots() == 0 || !seen.isNear()) {
      return null;
    }
    return seen.isReached()
        ? passed(seen, consequence(seen, accepted, true))
        : "%s; at the limit %s"
            .formatted(what(seen) + growth(seen), consequence(seen, accepted, false));
  }

  /** Before the slots are dropped: a switchover may be at work, which is not disturbed. */
  static String passed(Seen seen) {
    return passed(seen, AFTER_A_SWITCHOVER);
  }

  private static String passed(Seen seen, String consequence) {
    return "THE LIMIT IS PASSED: " + what(seen) + growth(seen) + "; " + consequence;
  }

  /** {@code the slots keep 41 GB of WAL on the source, 82 % of the limit of 50 GB (…)}. */
  static String what(Seen seen) {
    return "the slots keep %s of WAL on the %s, %d %% of the limit of %s"
        .formatted(
            Size.words(seen.kept()),
            seen.side().word(),
            seen.kept() * 100 / Math.max(1, seen.limit().bytes()),
            seen.limit().words());
  }

  private static String growth(Seen seen) {
    if (seen.perMinute() < MENTIONED) {
      return ", not growing now";
    }
    Duration until = seen.until();
    return ", growing by %s a minute%s"
        .formatted(
            Size.words(seen.perMinute()),
            until == null || seen.isReached() ? "" : ", which reaches it in about " + words(until));
  }

  private static String words(Duration time) {
    return time.toHours() > 0
        ? time.toHours() + " h " + time.toMinutesPart() + " min"
        : time.toMinutes() > 0 ? time.toMinutes() + " min" : time.toSeconds() + " s";
  }

  private static String consequence(Seen seen, boolean accepted, boolean reached) {
    if (seen.limit().then() == WalLimit.Then.RELEASE && seen.takesWrites()) {
      return reached
          ? AFTER_A_SWITCHOVER
          : seen.side() == Side.SOURCE
              ? "they are dropped: the copy is lost, and the migration goes back"
              : "they are dropped: THE WAY BACK IS LOST";
    }
    if (accepted || seen.limit().then() == WalLimit.Then.WARN) {
      return accepted
          ? "nobody is asked about it any more"
          : "nothing is done about it (replicate.wal.then: warn)";
    }
    return "a person is asked";
  }

  /** How it is told that the slots were dropped. */
  static String released(Seen seen) {
    String kept =
        "the slots kept %s of WAL on the %s, limit %s, and were dropped so that its disk does not fill"
            .formatted(Size.words(seen.kept()), seen.side().word(), seen.limit().words());
    return seen.side() == Side.SOURCE
        ? kept + "; the copy is lost with them"
        : "THE WAY BACK IS LOST: " + kept + "; writes stay on the target";
  }
}
