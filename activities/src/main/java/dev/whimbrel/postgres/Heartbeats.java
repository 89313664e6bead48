package dev.whimbrel.postgres;

import dev.whimbrel.activity.Progress;
import io.temporal.activity.Activity;
import io.temporal.activity.ActivityExecutionContext;
import io.temporal.client.ActivityCompletionException;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/** Tells the engine how far an activity is. Outside of an activity, as in a test, says nothing. */
final class Heartbeats {
  private static final long INTERVAL_MILLIS = 1000;

  private Heartbeats() {}

  /**
   * Sends progress.
   *
   * @throws ActivityCompletionException when the activity was cancelled
   */
  static void beat(Progress progress) {
    ActivityExecutionContext context = context();
    if (context != null) {
      context.heartbeat(progress);
    }
  }

  /** As {@link #beat(Progress)}, in words alone. */
  static void beat(String line) {
    beat(Progress.of(line));
  }

  /** The same for every attempt of one activity, and short; outside of one, for every thread. */
  static String activity() {
    ActivityExecutionContext context = context();
    return context == null
        ? Long.toHexString(Thread.currentThread().getId())
        : Integer.toHexString(context.getInfo().getActivityId().hashCode());
  }

  /** What the attempt before this one said last. */
  static Optional<Progress> last() {
    ActivityExecutionContext context = context();
    return context == null ? Optional.empty() : context.getHeartbeatDetails(Progress.class);
  }

  /**
   * Sends progress every second while one statement takes long; ends its session when the activity
   * is cancelled meanwhile.
   *
   * @throws ActivityCompletionException when the activity was cancelled
   */
  static void during(Progress progress, Connection connection, Work work) throws SQLException {
    during(() -> progress, () -> abort(connection), work);
  }

  /**
   * As {@link #during(Progress, Connection, Work)}, with progress that changes.
   *
   * @param progress asked every second, on a thread of its own; also outside of an activity
   * @param abort ends the work's sessions
   */
  static void during(Supplier<Progress> progress, Runnable abort, Work work) throws SQLException {
    ActivityExecutionContext context = context();
    if (context != null) {
      context.heartbeat(progress.get());
    }
    AtomicReference<ActivityCompletionException> cancelled = new AtomicReference<>();
    Thread pulse = new Thread(() -> pulse(context, progress, abort, cancelled), "heartbeats");
    pulse.setDaemon(true);
    pulse.start();
    try {
      work.run();
    } catch (SQLException e) {
      ActivityCompletionException why = cancelled.get();
      if (why != null) {
        throw why;
      }
      throw e;
    } finally {
      pulse.interrupt();
    }
  }

  private static void pulse(
      @Nullable ActivityExecutionContext context,
      Supplier<Progress> progress,
      Runnable abort,
      AtomicReference<ActivityCompletionException> cancelled) {
    try {
      while (true) {
        Thread.sleep(INTERVAL_MILLIS);
        Progress now = progress.get();
        if (context != null) {
          context.heartbeat(now);
        }
      }
    } catch (InterruptedException e) {
      return;
    } catch (ActivityCompletionException e) {
      cancelled.set(e);
    }
    abort.run();
  }

  /** Ends a session without asking it, also while a statement of it runs on another thread. */
  static void abort(Connection connection) {
    try {
      connection.abort(Runnable::run);
    } catch (SQLException e) {
      // The session is gone already, which is what was wanted.
    }
  }

  private static @Nullable ActivityExecutionContext context() {
    try {
      return Activity.getExecutionContext();
    } catch (IllegalStateException e) {
      return null; // the SDK's way to say that this thread runs no activity
    }
  }

  /** One statement or a few. */
  interface Work {
    void run() throws SQLException;
  }
}
