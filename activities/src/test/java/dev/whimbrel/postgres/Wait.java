package dev.whimbrel.postgres;

import java.time.Duration;

/** Polls a condition until it holds. */
final class Wait {
  private Wait() {}

  /** A condition that may fail like SQL does. */
  interface Condition {
    boolean holds() throws Exception;
  }

  static void until(String what, Duration limit, Condition condition) {
    long end = System.nanoTime() + limit.toNanos();
    Throwable last = null;
    while (System.nanoTime() < end) {
      try {
        if (condition.holds()) {
          return;
        }
        last = null;
      } catch (Exception | AssertionError e) { // means "not yet"; the last one is told
        last = e;
      }
      try {
        Thread.sleep(20);
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        break;
      }
    }
    throw new AssertionError("not within " + limit + ": " + what, last);
  }
}
