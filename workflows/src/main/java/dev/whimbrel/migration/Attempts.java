package dev.whimbrel.migration;

import io.temporal.failure.TemporalFailure;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * A switchover, in either direction, or a closing of the source. What an attempt reports as passing
 * before its hand-over is tried three times, a minute apart; then a person is asked. What it
 * reports after its hand-over is finished at once and counts as none of the three, since both sides
 * may be closed. A dead worker's attempt is none of these: Temporal makes it again at once.
 */
final class Attempts {
  private Attempts() {}

  /**
   * @param attempt one attempt, with whatever must hold before it
   * @param finish finishes what an attempt has handed over, however often that takes; null where it
   *     has handed nothing over
   * @param failed runs after an attempt that failed and handed nothing over
   * @param hurry ends the pause between two attempts early
   */
  static <R> R of(
      Runner steps,
      Step step,
      Supplier<R> attempt,
      Supplier<@Nullable R> finish,
      Runnable failed,
      Supplier<Boolean> hurry) {
    for (int number = 1; ; number++) {
      try {
        return attempt.get();
      } catch (TemporalFailure e) {
        Runner.rethrowIfCancelled(e);
        boolean unfinished = Judgement.isUnfinished(e);
        R finished = unfinished ? finish.get() : null;
        if (finished != null) {
          return finished;
        }
        failed.run();
        boolean passes = unfinished || Judgement.isTransient(e);
        if (!passes || number == Timeouts.SWITCHOVER_ATTEMPTS) {
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
