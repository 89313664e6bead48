package dev.whimbrel.worker;

import java.time.Duration;
import java.util.Set;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * Counts the switchovers that run on this worker, so that a stopping worker lets them end: before
 * its hand-over one aborts, after it one finishes.
 */
final class SwitchoversInFlight {
  private static final Set<String> TYPES = Set.of("HandOver", "Settle");

  /**
   * A switchover is over long before: its pause budget is seconds, opening the target takes one.
   */
  static final Duration LONGEST = Duration.ofMinutes(2);

  private final AtomicInteger count = new AtomicInteger();

  /** An activity of this type begins. */
  void begin(String activityType) {
    if (TYPES.contains(activityType)) {
      count.incrementAndGet();
    }
  }

  /** An activity of this type has ended. */
  void end(String activityType) {
    if (TYPES.contains(activityType)) {
      count.decrementAndGet();
    }
  }

  /** Whether one runs now. */
  boolean any() {
    return count.get() > 0;
  }
}
