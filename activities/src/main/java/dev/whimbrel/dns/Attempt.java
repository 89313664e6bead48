package dev.whimbrel.dns;

import dev.whimbrel.activity.Failures;
import dev.whimbrel.activity.Progress;
import io.temporal.activity.Activity;
import io.temporal.activity.ActivityExecutionContext;
import java.time.Duration;
import java.time.Instant;
import org.jspecify.annotations.Nullable;

/**
 * One attempt of an activity, and how long it may still act. A process that was frozen wakes up and
 * goes on with yesterday's decision: so it asks here, between its look and its change. Outside of
 * an activity nothing is limited.
 */
final class Attempt {
  /** The server's clock for the attempt started before this one did. */
  private static final Duration MARGIN = Duration.ofSeconds(5);

  private final @Nullable ActivityExecutionContext context = context();
  private final long begun = System.nanoTime();
  private Progress last = Progress.of("");

  /**
   * Makes sure that Temporal still waits for this attempt.
   *
   * @throws io.temporal.failure.ApplicationFailure {@code Transient} if it has been given up
   */
  void requireTime() {
    if (context == null) {
      return;
    }
    Duration limit = context.getInfo().getStartToCloseTimeout();
    Duration used = Duration.ofNanos(System.nanoTime() - begun);
    if (!limit.isZero() && used.plus(MARGIN).compareTo(limit) > 0) {
      throw Failures.transientFailure(
          "Nothing was changed: this attempt has taken %d s of its %d s"
              .formatted(used.toSeconds(), limit.toSeconds()));
    }
  }

  /** How long this activity has been under way, all of its attempts together. */
  Duration sinceFirstAttempt() {
    return context == null
        ? Duration.ofNanos(System.nanoTime() - begun)
        : Duration.between(
            Instant.ofEpochMilli(context.getInfo().getScheduledTimestamp()), Instant.now());
  }

  /**
   * Says how far it is.
   *
   * @param looks how often it has looked
   * @throws io.temporal.client.ActivityCompletionException if the activity was cancelled or the
   *     worker stops
   */
  void beat(String line, long looks) {
    if (context != null) {
      last = new Progress(line, null, null, null, null, null, null, Instant.now().toString());
      context.heartbeat(last.after(looks));
    }
  }

  /** Rests between two looks, in pieces that let a cancellation through. */
  void restBeating(Duration time, long looks) {
    Duration left = time;
    while (left.compareTo(Duration.ZERO) > 0) {
      Duration piece = left.compareTo(Waiting.INTERVAL) < 0 ? left : Waiting.INTERVAL;
      Waiting.rest(piece);
      left = left.minus(piece);
      if (context != null && !left.isZero()) {
        context.heartbeat(last.after(looks));
      }
    }
  }

  private static @Nullable ActivityExecutionContext context() {
    try {
      return Activity.getExecutionContext();
    } catch (IllegalStateException e) {
      return null; // the SDK's way to say that this thread runs no activity
    }
  }
}
