package dev.whimbrel.postgres;

import dev.whimbrel.postgres.Beside.Seen;
import java.time.Duration;
import java.time.Instant;

/** Whether a piece of the copy still goes on, by what both servers say of its sessions. */
final class Standstill {
  /**
   * Both servers wait for this client, and this client waits for a server: one of the lines is
   * dead. Longer than a long breath of the worker; wrong, it costs one piece.
   */
  static final Duration BOTH_WAIT = Duration.ofSeconds(15);

  /** Where a server does not say what it does: longer than a checkpoint's worst. */
  static final Duration NOT_KNOWN = Duration.ofSeconds(60);

  private Instant moved;
  private Instant atWork;
  private long bytes = -1;

  /** Work that begins now. */
  Standstill(Instant now) {
    moved = now;
    atWork = now;
  }

  /**
   * Whether the sessions have to be ended.
   *
   * @param moving bytes that have gone from one to the other
   */
  boolean look(Seen source, Seen target, long moving, Instant now) {
    boolean works = source == Seen.AT_WORK || target == Seen.AT_WORK;
    if (works || moving != bytes) {
      bytes = moving;
      moved = now;
    }
    if (works || moved.equals(now) || source != Seen.WAITS || target != Seen.WAITS) {
      atWork = now;
    }
    return source == Seen.GONE
        || target == Seen.GONE
        || isOver(BOTH_WAIT, atWork, now)
        || isOver(NOT_KNOWN, moved, now);
  }

  private static boolean isOver(Duration limit, Instant since, Instant now) {
    return Duration.between(since, now).compareTo(limit) > 0;
  }
}
