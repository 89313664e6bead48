package dev.whimbrel.postgres;

import dev.whimbrel.activity.Failures;
import dev.whimbrel.activity.Progress;
import io.temporal.activity.Activity;
import io.temporal.activity.ActivityExecutionContext;
import io.temporal.client.ActivityCompletionException;
import java.time.Duration;
import java.time.Instant;
import org.jspecify.annotations.Nullable;

/**
 * Heartbeats in a thread of their own, so that the thread that works makes no call to Temporal: a
 * heartbeat can block for ten seconds. Raises a flag when Temporal says that the attempt is
 * cancelled or was given up.
 */
final class Pulse implements AutoCloseable {
  private static final Duration INTERVAL = Duration.ofSeconds(1);
  private static final Duration TICK = Duration.ofMillis(100);

  /** As long as the servers' dead man's switch: longer means that others may have gone on. */
  private static final Duration FROZEN = Duration.ofSeconds(2);

  private final @Nullable ActivityExecutionContext context;
  private final Thread thread;
  private final Thread ticker;
  private volatile long lastTick = System.nanoTime();
  private volatile boolean frozen;
  private volatile Progress progress;
  private volatile boolean cancelled;
  private volatile @Nullable ActivityCompletionException reason;

  /**
   * Beats once before anything is done: an attempt that Temporal gave up long ago, such as one that
   * was frozen, ends here.
   */
  Pulse(String doing) {
    this.progress = Progress.of(doing);
    this.context = current();
    this.ticker = new Thread(this::tick, "whimbrel-ticker");
    ticker.setDaemon(true);
    ticker.start();
    if (context != null) {
      context.heartbeat(progress);
    }
    this.thread = new Thread(this::run, "whimbrel-pulse");
    thread.setDaemon(true);
    thread.start();
  }

  /** How long the activity has been asked for, its earlier attempts included. */
  Duration sinceScheduled() {
    return context == null
        ? Duration.ZERO
        : Duration.between(
            Instant.ofEpochMilli(context.getInfo().getScheduledTimestamp()), Instant.now());
  }

  /** What the next heartbeats say. */
  void say(Progress now) {
    progress = now;
  }

  /** Whether the attempt should stop where it still can. */
  boolean cancelled() {
    return cancelled || Thread.currentThread().isInterrupted();
  }

  /**
   * Whether the process stood still for longer than the servers wait: then another attempt may have
   * come and gone, and this one must not begin anything. Once true it stays true.
   */
  boolean frozen() {
    if (System.nanoTime() - lastTick > FROZEN.toNanos()) {
      frozen = true;
    }
    return frozen;
  }

  /** Fails with {@code Transient} where {@link #frozen}. */
  void mustNotHaveFrozen() {
    if (frozen()) {
      throw Failures.transientFailure(
          "This attempt stood still for more than two seconds and gives up");
    }
  }

  /** Ends the activity the way Temporal wants it, if it was cancelled. */
  void check() {
    ActivityCompletionException why = reason;
    if (why != null) {
      throw why;
    }
  }

  /** Sleeps, and ends the activity when it was cancelled meanwhile. */
  void rest(Duration time) {
    long until = System.nanoTime() + time.toNanos();
    try {
      while (System.nanoTime() < until && !cancelled()) {
        Thread.sleep(Math.min(100, Math.max(1, time.toMillis())));
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    check();
    if (cancelled()) {
      throw Failures.transientFailure("Interrupted");
    }
  }

  @Override
  public void close() {
    thread.interrupt();
    ticker.interrupt();
  }

  private void tick() {
    while (true) {
      try {
        Thread.sleep(TICK.toMillis());
      } catch (InterruptedException e) {
        return;
      }
      if (!frozen()) {
        lastTick = System.nanoTime();
      }
    }
  }

  private void run() {
    while (context != null) {
      try {
        Thread.sleep(INTERVAL.toMillis());
        context.heartbeat(progress);
      } catch (InterruptedException e) {
        return;
      } catch (ActivityCompletionException e) {
        reason = e;
        cancelled = true;
        return;
      } catch (RuntimeException e) {
        // Temporal cannot be reached: its own time-outs decide; the switchover has its deadline.
      }
    }
  }

  private static @Nullable ActivityExecutionContext current() {
    try {
      return Activity.getExecutionContext();
    } catch (IllegalStateException e) {
      return null; // Called as plain Java: nobody listens.
    }
  }
}
