package dev.whimbrel.attempt;

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
public final class Attempt {
  /** The server's clock for the attempt started before this one did. */
  private static final Duration MARGIN = Duration.ofSeconds(5);

  /** The same for a heartbeat time-out, which is a matter of seconds itself. */
  private static final Duration SHORT_MARGIN = Duration.ofSeconds(2);

  private static final Duration PIECE = Duration.ofSeconds(1);

  private final @Nullable ActivityExecutionContext context = context();
  private final long begun = System.nanoTime();
  private Progress last = Progress.of("");
  private final Instant begunAt = Instant.now();

  /**
   * Makes sure that Temporal still waits for this attempt: its time is not up, and it has not stood
   * still for so long that its undo may have been done meanwhile.
   *
   * @throws io.temporal.failure.ApplicationFailure {@code Transient} if it has been given up
   */
  public void requireTime() {
    if (context != null) {
      if (StandStill.since(begunAt)) {
        throw Failures.transientFailure(
            "Nothing was changed: this worker stood still for more than %d s"
                .formatted(StandStill.LONGEST.toSeconds()));
      }
      require(context.getInfo().getStartToCloseTimeout(), MARGIN);
    }
  }

  /**
   * Makes sure that nobody can have gone on without this attempt: it is younger than its heartbeat
   * time-out, whatever became of its heartbeats. For what takes a moment.
   *
   * @throws io.temporal.failure.ApplicationFailure {@code Transient} if it is not
   */
  public void requireMoment() {
    requireTime();
    if (context != null) {
      require(context.getInfo().getHeartbeatTimeout(), SHORT_MARGIN);
    }
  }

  private void require(Duration limit, Duration margin) {
    Duration used = Duration.ofNanos(System.nanoTime() - begun);
    Duration onTheWall = Duration.between(begunAt, Instant.now());
    // The one stands still while a machine sleeps, the other may be set.
    used = onTheWall.compareTo(used) > 0 ? onTheWall : used;
    if (!limit.isZero() && used.plus(margin).compareTo(limit) > 0) {
      throw Failures.transientFailure(
          "Nothing was changed: this attempt has taken %d s of its %d s"
              .formatted(used.toSeconds(), limit.toSeconds()));
    }
  }

  /** How long this activity has been under way, all of its attempts together. */
  public Duration sinceFirstAttempt() {
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
  public void beat(String line, long looks) {
    if (context != null) {
      last = new Progress(line, null, null, null, null, null, null, Instant.now().toString());
      context.heartbeat(last.after(looks));
    }
  }

  /**
   * Rests between two looks, in pieces that let a cancellation through.
   *
   * @throws io.temporal.failure.ApplicationFailure {@code Transient} if the worker stops
   */
  public void restBeating(Duration time, long looks) {
    Duration left = time;
    while (left.compareTo(Duration.ZERO) > 0) {
      Duration piece = left.compareTo(PIECE) < 0 ? left : PIECE;
      rest(piece);
      left = left.minus(piece);
      if (context != null && !left.isZero()) {
        context.heartbeat(last.after(looks));
      }
    }
  }

  private static void rest(Duration time) {
    try {
      Thread.sleep(time.toMillis());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw Failures.transientFailure("Interrupted: this worker is stopping");
    }
  }

  /** When this activity was asked for; now, outside of one. */
  public Instant scheduled() {
    return context == null
        ? begunAt
        : Instant.ofEpochMilli(context.getInfo().getScheduledTimestamp());
  }

  private static @Nullable ActivityExecutionContext context() {
    try {
      return Activity.getExecutionContext();
    } catch (IllegalStateException e) {
      return null; // the SDK's way to say that this thread runs no activity
    }
  }
}
