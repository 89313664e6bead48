package dev.whimbrel.postgres;

import dev.whimbrel.activity.Move;
import java.sql.SQLException;
import java.time.Duration;

/** How much of the time a comparison leaves the servers to others. */
class Breath {
  /** Takes none: somebody waits for the result. */
  static final Breath NONE = new Breath(false, Throttle.none());

  /** Long enough for everything that waits behind a block of rows. */
  private static final Duration LONGEST = Duration.ofSeconds(5);

  /** Shorter than what lies between two clouds forgets a session for its silence. */
  static final Duration TOUCH = Duration.ofSeconds(30);

  private final boolean half;
  private final Throttle throttle;

  Breath(boolean half, Throttle throttle) {
    this.half = half;
    this.throttle = throttle;
  }

  /**
   * Half of the time: each session rests for as long as it has worked; and while more sessions of
   * others are at work than the runbook allows, it does not go on.
   */
  static Breath half(Move move) {
    return new Breath(true, Throttle.of(move));
  }

  /** How long it rests after a piece of work that took so long, whoever else is at work. */
  Duration rest(Duration work) {
    if (!half) {
      return Duration.ZERO;
    }
    return work.compareTo(LONGEST) < 0 ? work : LONGEST;
  }

  /**
   * Rests after a piece of work that took so long.
   *
   * @param pair the sessions of whoever rests, in which nothing is under way
   */
  void after(Duration work, Pair pair) throws SQLException, InterruptedException {
    Thread.sleep(rest(work).toMillis());
    throttle.awaitRoom(pair, TOUCH);
  }

  /** Why it rests for longer than it has worked, to be added to a line, or an empty text. */
  String words() {
    String resting = throttle.resting();
    return resting == null ? "" : "; " + resting;
  }
}
