package dev.whimbrel.worker;

import dev.whimbrel.activity.Progress;
import io.temporal.activity.ActivityExecutionContext;
import io.temporal.client.ActivityCompletionException;
import java.time.Duration;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;

/**
 * Heartbeats for activities that are too short-spoken to do so themselves, so that a step whose
 * worker died comes again within seconds and not at the end of its start-to-close time-out. An
 * activity that once beats by itself is left to do so: its silence means that it hangs.
 */
final class SignsOfLife {
  private static final ScheduledExecutorService BEATS =
      Executors.newScheduledThreadPool(
          2,
          work -> {
            Thread thread = new Thread(work, "whimbrel-signs-of-life");
            thread.setDaemon(true);
            return thread;
          });

  private final AtomicBoolean over = new AtomicBoolean();
  private final ActivityExecutionContext context;
  private final ScheduledFuture<?> beats;

  /**
   * Begins to beat three times within the activity's heartbeat time-out, and does nothing for an
   * activity without one.
   *
   * @param doing what the beat says, unless an earlier attempt left details to go on from
   */
  SignsOfLife(ActivityExecutionContext context, String doing) {
    this.context = context;
    Duration timeout = context.getInfo().getHeartbeatTimeout();
    long every = Math.max(100, timeout.toMillis() / 3);
    over.set(timeout.isZero());
    this.beats =
        BEATS.scheduleWithFixedDelay(() -> beat(doing), every, every, TimeUnit.MILLISECONDS);
    if (over.get()) {
      end();
    }
  }

  /** The activity has ended, or beats by itself. */
  void end() {
    over.set(true);
    beats.cancel(false);
  }

  private void beat(String doing) {
    if (over.get()) {
      return;
    }
    try {
      context.heartbeat(
          context.getHeartbeatDetails(Progress.class).orElseGet(() -> Progress.of(doing)));
    } catch (ActivityCompletionException e) {
      // Cancelled or given up: the activity is short and ends by itself, or asks the same question.
      end();
    }
  }
}
