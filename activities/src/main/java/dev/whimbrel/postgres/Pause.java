package dev.whimbrel.postgres;

import dev.whimbrel.activity.Failures;
import java.time.Duration;

/** Rests between two looks at a server. */
final class Pause {
  private Pause() {}

  /**
   * Rests; a worker that is being stopped interrupts it.
   *
   * @throws io.temporal.failure.ApplicationFailure {@code Transient} when interrupted, so that
   *     another worker goes on
   */
  static void of(Duration duration) {
    try {
      Thread.sleep(duration.toMillis());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw Failures.transientFailure("Interrupted: this worker is being stopped");
    }
  }
}
