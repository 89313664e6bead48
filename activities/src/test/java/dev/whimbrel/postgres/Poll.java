package dev.whimbrel.postgres;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.function.BooleanSupplier;

/** Waits for conditions in tests. */
final class Poll {
  private Poll() {}

  /** Fails when the condition does not hold all of the time. */
  static void holdsFor(Duration time, BooleanSupplier condition) throws InterruptedException {
    long end = System.nanoTime() + time.toNanos();
    while (System.nanoTime() < end) {
      assertThat(condition.getAsBoolean()).as("held all of the time").isTrue();
      Thread.sleep(50);
    }
  }
}
