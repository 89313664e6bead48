package dev.whimbrel.copy;

import io.temporal.activity.ActivityCancellationType;
import io.temporal.activity.ActivityOptions;
import io.temporal.common.RetryOptions;
import io.temporal.workflow.Workflow;
import java.time.Duration;

/** How long each part of a copy may take, and how soon its silence is noticed. */
final class CopyTimeouts {
  private CopyTimeouts() {}

  /** A dozen attempts within about seven minutes: longer than a server's restart. */
  private static final RetryOptions A_DOZEN =
      RetryOptions.newBuilder()
          .setInitialInterval(Duration.ofSeconds(1))
          .setBackoffCoefficient(2)
          .setMaximumInterval(Duration.ofMinutes(1))
          .setMaximumAttempts(12)
          .build();

  /** The list of work: one look at the catalog, and a dump of the schema. */
  static final ActivityOptions LIST =
      ActivityOptions.newBuilder()
          .setStartToCloseTimeout(Duration.ofMinutes(30))
          .setHeartbeatTimeout(Duration.ofSeconds(30))
          .setRetryOptions(A_DOZEN)
          .setCancellationType(ActivityCancellationType.WAIT_CANCELLATION_COMPLETED)
          .build();

  /**
   * A generation's opening: it waits for open transactions of the source, and reads what was
   * written since the last snapshot. Five seconds of silence mean a dead worker, which speaks every
   * second: until then nobody goes on. One that was silent for another reason loses little, since
   * the snapshot lives on.
   */
  static final ActivityOptions OPEN =
      ActivityOptions.newBuilder(LIST)
          .setStartToCloseTimeout(Duration.ofDays(14))
          .setHeartbeatTimeout(Duration.ofSeconds(5))
          .build();

  /** The snapshot of an earlier release: one attempt, because what it held is gone with it. */
  static final ActivityOptions HOLD =
      ActivityOptions.newBuilder(OPEN)
          .setHeartbeatTimeout(Duration.ofSeconds(7))
          .setRetryOptions(RetryOptions.newBuilder().setMaximumAttempts(1).build())
          .build();

  /**
   * Rows, indexes and the snapshot they come from: two weeks for one attempt, since it lasts as
   * long as the copy does, and without limit, since every redeploy of the workers is one. What
   * fails by itself is tried again inside, piece by piece, and then said.
   */
  static final ActivityOptions PIECES =
      ActivityOptions.newBuilder(OPEN)
          .setRetryOptions(
              RetryOptions.newBuilder()
                  .setInitialInterval(Duration.ofMillis(200))
                  .setMaximumInterval(Duration.ofSeconds(1))
                  .setBackoffCoefficient(2)
                  .build())
          .build();

  /**
   * The joining of two streams: seconds, behind a slot's creation, which waits for open
   * transactions as long as it takes.
   */
  static final ActivityOptions JOIN =
      ActivityOptions.newBuilder(OPEN).setHeartbeatTimeout(Duration.ofSeconds(10)).build();

  /**
   * What grows with the data besides its rows, such as the keys of a clone: two days for one
   * attempt, half a minute of silence.
   */
  static final ActivityOptions WORK =
      ActivityOptions.newBuilder(LIST).setStartToCloseTimeout(Duration.ofDays(2)).build();

  /** A look for a person who waits at a terminal: three attempts, then the failure is told. */
  static final ActivityOptions LOOK =
      ActivityOptions.newBuilder(LIST)
          .setRetryOptions(RetryOptions.newBuilder(A_DOZEN).setMaximumAttempts(3).build())
          .build();

  /** The pause before another generation. */
  static final Duration BETWEEN_GENERATIONS = Duration.ofMillis(100);

  /** The pause behind the first one that has achieved nothing; each further one doubles it. */
  static final Duration FIRST_PAUSE = Duration.ofSeconds(2);

  static final Duration LONGEST_PAUSE = Duration.ofMinutes(1);

  /** Generations in a row that may achieve nothing before a person is asked. */
  static final int FRUITLESS = 12;

  /** Activities whose line in the Temporal UI begins with the step's id. */
  static <T> T call(Class<T> type, ActivityOptions options, String label) {
    return labelled(type, options, "replicate.copy: " + label);
  }

  /** Activities with this line in the Temporal UI. */
  static <T> T labelled(Class<T> type, ActivityOptions options, String line) {
    return Workflow.newActivityStub(
        type, ActivityOptions.newBuilder(options).setSummary(line).build());
  }
}
