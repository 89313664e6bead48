package dev.whimbrel.attempt;

import com.google.protobuf.ByteString;
import dev.whimbrel.activity.Failures;
import dev.whimbrel.activity.Progress;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.temporal.activity.Activity;
import io.temporal.activity.ActivityExecutionContext;
import io.temporal.api.common.v1.Payloads;
import io.temporal.api.workflowservice.v1.RecordActivityTaskHeartbeatRequest;
import io.temporal.api.workflowservice.v1.RecordActivityTaskHeartbeatResponse;
import io.temporal.client.ActivityCanceledException;
import io.temporal.client.ActivityCompletionException;
import io.temporal.client.WorkflowClient;
import java.time.Duration;
import java.time.Instant;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Supplier;
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

  /** Within what is left of a heartbeat time-out. */
  private static final Duration PATIENCE = Duration.ofSeconds(4);

  private static final Duration PIECE = Duration.ofSeconds(1);

  /** Often enough for every heartbeat time-out of a step that takes long. */
  private static final long PULSE_MILLIS = 3000;

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

  /**
   * As {@link #requireMoment}, for one of several changes of a step that may take longer: where
   * this attempt is older, Temporal itself is asked whether it waits. A worker that is cut off from
   * it does not hear that its attempt was given up, and may reach everything else.
   *
   * @throws io.temporal.failure.ApplicationFailure {@code Transient} if nobody waits, or nobody can
   *     be asked
   * @throws io.temporal.client.ActivityCompletionException if the activity was cancelled
   */
  public void requireAwaited() {
    requireTime();
    if (context != null && isUsedUp(context.getInfo().getHeartbeatTimeout(), SHORT_MARGIN)) {
      ask(context);
    }
  }

  /**
   * Past the context: whoever beats through it says that it will go on to do so, and a change that
   * waits for its provider does not.
   */
  private void ask(ActivityExecutionContext context) {
    WorkflowClient client = context.getWorkflowClient();
    try {
      RecordActivityTaskHeartbeatResponse answer =
          client
              .getWorkflowServiceStubs()
              .blockingStub()
              .withDeadlineAfter(PATIENCE.toMillis(), TimeUnit.MILLISECONDS)
              .recordActivityTaskHeartbeat(
                  RecordActivityTaskHeartbeatRequest.newBuilder()
                      .setNamespace(client.getOptions().getNamespace())
                      .setIdentity(client.getOptions().getIdentity())
                      .setTaskToken(ByteString.copyFrom(context.getTaskToken()))
                      .setDetails(
                          client
                              .getOptions()
                              .getDataConverter()
                              .toPayloads(last)
                              .orElse(Payloads.getDefaultInstance()))
                      .build());
      if (answer.getCancelRequested()) {
        throw new ActivityCanceledException(context.getInfo());
      }
    } catch (StatusRuntimeException e) {
      throw Failures.transientFailure(
          e.getStatus().getCode() == Status.Code.NOT_FOUND
              ? "Nothing more was changed: Temporal no longer waits for this attempt"
              : "Nothing more was changed: Temporal cannot be asked whether it waits for this attempt (%s)"
                  .formatted(e.getStatus().getCode()));
    }
  }

  private void require(Duration limit, Duration margin) {
    if (isUsedUp(limit, margin)) {
      throw Failures.transientFailure(
          "Nothing was changed: this attempt has taken %d s of its %d s"
              .formatted(used().toSeconds(), limit.toSeconds()));
    }
  }

  private boolean isUsedUp(Duration limit, Duration margin) {
    return !limit.isZero() && used().plus(margin).compareTo(limit) > 0;
  }

  /** The one clock stands still while a machine sleeps, the other may be set. */
  private Duration used() {
    Duration used = Duration.ofNanos(System.nanoTime() - begun);
    Duration onTheWall = Duration.between(begunAt, Instant.now());
    return onTheWall.compareTo(used) > 0 ? onTheWall : used;
  }

  /** Which attempt of its activity this is, from 1. */
  public int number() {
    return context == null ? 1 : context.getInfo().getAttempt();
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
  public synchronized void beat(String line, long looks) {
    last = new Progress(line, null, null, null, null, null, null, Instant.now().toString());
    again(looks);
  }

  /** Says the same as before. */
  private synchronized void again(long looks) {
    last = last.after(looks);
    pulse();
  }

  private synchronized void pulse() {
    if (context != null) {
      context.heartbeat(last);
    }
  }

  /**
   * Does an activity's work while heartbeats go out, also where one call takes long. A cancellation
   * interrupts it.
   *
   * @throws ActivityCompletionException if the activity was cancelled or the worker stops
   */
  public <T> T beating(Supplier<T> work) {
    if (context == null) {
      return work.get();
    }
    AtomicReference<ActivityCompletionException> cancelled = new AtomicReference<>();
    Thread worker = Thread.currentThread();
    Thread pulse = new Thread(() -> pulses(worker, cancelled), "heartbeats");
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

  private void pulses(Thread worker, AtomicReference<ActivityCompletionException> cancelled) {
    try {
      while (true) {
        Thread.sleep(PULSE_MILLIS);
        pulse();
      }
    } catch (InterruptedException e) {
      // The work is over.
    } catch (ActivityCompletionException e) {
      cancelled.set(e);
      worker.interrupt();
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
      if (!left.isZero()) {
        again(looks);
      }
    }
  }

  /**
   * Rests between two looks.
   *
   * @throws io.temporal.failure.ApplicationFailure {@code Transient} if the worker stops
   */
  public void rest(Duration time) {
    try {
      Thread.sleep(time.toMillis());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw Failures.transientFailure("Interrupted: this worker is stopping");
    }
  }

  /**
   * What a command of the team's own gets to know, as environment variables. {@code
   * WHIMBREL_MIGRATION} is the workflow's id without its prefix. {@code WHIMBREL_ORDER} is a number
   * that is greater in each later step, the way back among them, and the same in every attempt of
   * one: a command that refuses one smaller than it has seen cannot come too late. Nothing outside
   * of an activity.
   */
  public Map<String, String> variables() {
    return context == null
        ? Map.of()
        : Map.of(
            "WHIMBREL_MIGRATION",
            context.getInfo().getWorkflowId().replaceFirst("^migration-", ""),
            "WHIMBREL_ORDER",
            Long.toString(context.getInfo().getScheduledTimestamp()));
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
