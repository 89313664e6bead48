package dev.whimbrel.compute;

import dev.whimbrel.activity.Failures;
import dev.whimbrel.activity.Progress;
import io.temporal.activity.Activity;
import io.temporal.activity.ActivityExecutionContext;
import io.temporal.client.ActivityCompletionException;
import java.time.Duration;
import java.time.Instant;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * One attempt of an activity, how long it may still act, and its waits. A process that was frozen
 * wakes up and goes on with yesterday's decision: so it asks here, between its look and its change.
 * Outside of an activity nothing is limited.
 */
final class Attempt {
  /** Often enough for every heartbeat time-out of this activity. */
  private static final long PULSE_MILLIS = 3000;

  /**
   * A look that is older says nothing about the world any more: shorter than a heartbeat time-out,
   * after which somebody else may be at work.
   */
  private static final Duration FRESH = Duration.ofSeconds(20);

  private final @Nullable ActivityExecutionContext context = context();
  private final dev.whimbrel.attempt.Attempt whole = new dev.whimbrel.attempt.Attempt();
  private final Pace pace;
  private final long begun = System.nanoTime();
  private long looked = begun;
  private long looks;
  private volatile String line = "";

  Attempt(Pace pace) {
    this.pace = pace;
  }

  /** How patient it is. */
  Pace pace() {
    return pace;
  }

  /** Remembers that the world is being looked at now, and says so. */
  synchronized void look(String now) {
    looked = System.nanoTime();
    looks++;
    beat(now);
  }

  /**
   * Makes sure that Temporal still waits for this attempt, and that what it looked at is fresh.
   *
   * @throws io.temporal.failure.ApplicationFailure {@code Transient} if it has been given up
   */
  void requireTime() {
    whole.requireTime();
    if (since(looked).compareTo(FRESH) > 0) {
      throw Failures.transientFailure(
          "Nothing was changed: %d s have passed since this attempt looked"
              .formatted(since(looked).toSeconds()));
    }
  }

  /**
   * Looks again and again until nothing is missing.
   *
   * @param missing what is missing, in words
   * @param remedy what a person can do when the limit is over
   * @throws io.temporal.failure.ApplicationFailure {@code NeedsHelp} after the limit, over all
   *     attempts of this activity
   */
  void until(Supplier<Optional<String>> missing, String remedy) {
    while (true) {
      Optional<String> still = missing.get();
      if (still.isEmpty()) {
        return;
      }
      waitMore(still.get(), remedy);
    }
  }

  /** One turn of {@link #until}: says what is missing and rests, or asks for help. */
  void waitMore(String missing, String remedy) {
    look(missing);
    if (sinceFirstAttempt().compareTo(pace.limit()) > 0) {
      throw Failures.needsHelp(
          "After %d s: %s".formatted(pace.limit().toSeconds(), missing), remedy, null);
    }
    rest();
  }

  /**
   * Does an activity's work while heartbeats go out, also where one call takes long. A cancellation
   * interrupts it.
   */
  <T> T beating(Supplier<T> work) {
    if (context == null) {
      return work.get();
    }
    AtomicReference<ActivityCompletionException> cancelled = new AtomicReference<>();
    Thread worker = Thread.currentThread();
    Thread pulse = new Thread(() -> pulse(worker, cancelled), "heartbeats");
    pulse.setDaemon(true);
    pulse.start();
    try {
      return work.get();
    } catch (RuntimeException e) {
      ActivityCompletionException why = cancelled.get();
      if (why != null) {
        throw why;
      }
      throw e;
    } finally {
      pulse.interrupt();
    }
  }

  /** Rests between two looks. */
  void rest() {
    try {
      Thread.sleep(pace.between().toMillis());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw Failures.transientFailure("Interrupted: this worker is stopping");
    }
  }

  private void pulse(Thread worker, AtomicReference<ActivityCompletionException> cancelled) {
    try {
      while (true) {
        Thread.sleep(PULSE_MILLIS);
        beat(line);
      }
    } catch (InterruptedException e) {
      // The work is over.
    } catch (ActivityCompletionException e) {
      cancelled.set(e);
      worker.interrupt();
    }
  }

  private synchronized void beat(String now) {
    line = now;
    if (context != null) {
      context.heartbeat(
          new Progress(now, null, null, null, null, null, null, Instant.now().toString())
              .after(looks));
    }
  }

  /** How long this activity has been under way, all of its attempts together. */
  Duration sinceFirstAttempt() {
    return context == null
        ? since(begun)
        : Duration.between(
            Instant.ofEpochMilli(context.getInfo().getScheduledTimestamp()), Instant.now());
  }

  private static Duration since(long nanos) {
    return Duration.ofNanos(System.nanoTime() - nanos);
  }

  private static @Nullable ActivityExecutionContext context() {
    try {
      return Activity.getExecutionContext();
    } catch (IllegalStateException e) {
      return null; // the SDK's way to say that this thread runs no activity
    }
  }
}
