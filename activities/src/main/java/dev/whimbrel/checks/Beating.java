package dev.whimbrel.checks;

import dev.whimbrel.activity.Failures;
import dev.whimbrel.activity.Progress;
import java.time.Duration;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Consumer;
import java.util.function.Supplier;

/** Waits for what another thread looks at, while this one heartbeats. */
final class Beating {
  private static final Duration INTERVAL = Duration.ofSeconds(1);

  private Beating() {}

  /**
   * Waits for the end of some work. Whoever calls ends its thread when this fails, such as by a
   * cancellation, which comes with a heartbeat.
   */
  static <T> T await(Future<T> work, Consumer<Progress> heartbeat, Supplier<Progress> progress) {
    while (true) {
      try {
        heartbeat.accept(progress.get());
        return work.get(INTERVAL.toMillis(), TimeUnit.MILLISECONDS);
      } catch (TimeoutException e) {
        // Not yet; the next heartbeat also brings a cancellation.
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        throw Failures.transientFailure("Cannot go on checking: the worker is shutting down");
      } catch (ExecutionException e) {
        if (e.getCause() instanceof RuntimeException cause) {
          throw cause;
        }
        throw new IllegalStateException(e.getCause());
      }
    }
  }
}
