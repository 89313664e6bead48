package dev.whimbrel.servers;

import java.time.Duration;
import java.util.function.BooleanSupplier;

/** Waiting for a child process to be ready. */
final class Await {
  private static final long PAUSE_MILLIS = 20;

  private Await() {}

  /**
   * Looks until something is true.
   *
   * @throws IllegalStateException if the process ends or the limit passes, with the end of its log
   */
  static void until(String what, Duration limit, ChildProcess process, BooleanSupplier condition) {
    long deadline = System.nanoTime() + limit.toNanos();
    while (!condition.getAsBoolean()) {
      if (!process.isAlive() || System.nanoTime() > deadline) {
        throw new IllegalStateException(
            what + " does not come up. Its log ends with:\n" + process.logTail(20));
      }
      try {
        Thread.sleep(PAUSE_MILLIS);
      } catch (InterruptedException e) {
        throw ChildProcess.interrupted("wait for " + what, e);
      }
    }
  }
}
