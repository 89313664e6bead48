package dev.whimbrel.migration;

import dev.whimbrel.activity.HandOver;
import io.temporal.failure.TemporalFailure;
import java.util.function.Supplier;

/**
 * A switchover, in either direction: what an attempt reports as passing is tried three times, a
 * minute apart; then a person is asked. A dead worker's attempt is none of these: Temporal makes it
 * again at once.
 */
final class Attempts {
  private Attempts() {}

  /**
   * @param attempt one attempt, with whatever must hold before it
   * @param failed runs after an attempt that failed
   * @param hurry ends the pause between two attempts early
   */
  static HandOver of(
      Runner steps,
      Step step,
      Supplier<HandOver> attempt,
      Runnable failed,
      Supplier<Boolean> hurry) {
    for (int number = 1; ; number++) {
      try {
        return attempt.get();
      } catch (TemporalFailure e) {
        Runner.rethrowIfCancelled(e);
        failed.run();
        if (!Judgement.isTransient(e) || number == Timeouts.SWITCHOVER_ATTEMPTS) {
          throw e;
        }
        steps.awaitFor(
            Timeouts.BETWEEN_SWITCHOVERS,
            "%s: attempt %d of %d follows"
                .formatted(step.id(), number + 1, Timeouts.SWITCHOVER_ATTEMPTS),
            hurry);
      }
    }
  }
}
