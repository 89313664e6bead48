package dev.whimbrel.lab;

import java.time.Duration;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;

/** Waiting for something that will be true. */
public final class Poll {
  static final Duration OFTEN = Duration.ofMillis(20);

  private Poll() {}

  /**
   * Looks every 20 ms until the condition holds.
   *
   * @throws IllegalStateException if it does not within {@code limit}
   */
  public static void until(String what, Duration limit, BooleanSupplier condition) {
    until(what, limit, OFTEN, condition);
  }

  /**
   * Looks seldom enough not to disturb what is measured.
   *
   * @param every the pause between two looks
   * @throws IllegalStateException if the condition does not hold within {@code limit}
   */
  static void until(String what, Duration limit, Duration every, BooleanSupplier condition) {
    long deadline = System.nanoTime() + limit.toNanos();
    while (!condition.getAsBoolean()) {
      if (System.nanoTime() > deadline) {
        throw new IllegalStateException("Waited " + limit.toSeconds() + " s for " + what);
      }
      LockSupport.parkNanos(every.toNanos());
    }
  }
}
