package dev.whimbrel.postgres;

import java.time.Duration;
import org.jspecify.annotations.Nullable;

/**
 * How often the databases are looked at by what waits for them, or watches over them: the one table
 * of these intervals.
 *
 * @param atMost the longest interval allowed, so that a laboratory sees many looks in a short time;
 *     null for the usual ones
 */
public record Pace(@Nullable Duration atMost) {
  /** The intervals of the table as they stand. */
  public static final Pace USUAL = new Pace(null);

  /** What looks again and again. */
  enum Watcher {
    /** The initial copy: one look at the catalog of subscriptions. */
    COPY(Duration.ofSeconds(1)),
    /** The bulk copy: whether a piece can be taken while others are at work. */
    PIECES(Duration.ofMillis(200)),
    /** Catching up: how long one look waits for its marker. */
    CATCH_UP(Duration.ofSeconds(1)),
    /** The soak: a marker's travel, and who uses the source. */
    SOAK(Duration.ofSeconds(1)),
    /** The base slot: what lies between two looks is decoded by the next one. */
    BASE_SLOT(Duration.ofSeconds(2)),
    /** The way back: a marker's travel, and the state of slot and subscription. */
    WAY_BACK(Duration.ofSeconds(2)),
    /** The log that the slots keep: a server writes a few gigabytes in this time at most. */
    KEPT_WAL(Duration.ofSeconds(2)),
    /** The first writes: one look at the target's counters. */
    FIRST_WRITES(Duration.ofMillis(300)),
    /** The tail: each look is an attempt of its own, since people take their time. */
    TAIL(Duration.ofSeconds(10));

    private final Duration usual;

    Watcher(Duration usual) {
      this.usual = usual;
    }
  }

  /** The time between two looks of a watcher. */
  Duration of(Watcher watcher) {
    return atMost == null || watcher.usual.compareTo(atMost) < 0 ? watcher.usual : atMost;
  }
}
