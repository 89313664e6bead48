package dev.whimbrel.postgres;

import dev.whimbrel.activity.Failures;
import java.time.Duration;

/** A moment on this process's own clock, which runs on while the process is frozen. */
final class Deadline {
  private final long began = System.nanoTime();
  private final Duration limit;

  Deadline(Duration limit) {
    this.limit = limit;
  }

  /** The shorter of two times. */
  static Duration least(Duration a, Duration b) {
    return a.compareTo(b) < 0 ? a : b;
  }

  /** What is left; never negative. */
  Duration left() {
    Duration left = limit.minus(elapsed());
    return left.isNegative() ? Duration.ZERO : left;
  }

  boolean passed() {
    return left().isZero();
  }

  Duration elapsed() {
    return Duration.ofNanos(System.nanoTime() - began);
  }

  /**
   * What is left, for a step that must not begin too late.
   *
   * @throws io.temporal.failure.ApplicationFailure {@code Transient} when nothing is left
   */
  Duration forStep(String step) {
    if (passed()) {
      throw Failures.transientFailure(
          "The pause budget of %d ms was used up before: %s".formatted(limit.toMillis(), step));
    }
    return left();
  }
}
