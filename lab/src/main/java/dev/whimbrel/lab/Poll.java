package dev.whimbrel.lab;

import java.time.Duration;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;

/** Waiting for something that will be true. */
public final class Poll {
  private static final long EVERY_NANOS = 20_000_000;

  private Poll() {}

  /**
   * Looks every 20 ms until the condition holds.
   *
   * @throws IllegalStateException if it does not within {@code limit}
   */
  public static void until(String what, Duration limit, BooleanSupplier condition) {
    long deadline = System.nanoTime() + limit.toNanos();
    while (!condition.getAsBoolean()) {
      if (System.nanoTime() > deadline) {
        throw new IllegalStateException("Waited " + limit.toSeconds() + " s for " + what);
      }
      LockSupport.parkNanos(EVERY_NANOS);
    }
  }
}
