package dev.whimbrel.migration;

import dev.whimbrel.activity.Failures;
import io.temporal.activity.ActivityCancellationType;
import io.temporal.activity.ActivityOptions;
import io.temporal.common.RetryOptions;
import io.temporal.workflow.Workflow;
import java.time.Duration;

/**
 * How long every activity may take, how soon its silence is noticed, and how often it is tried. No
 * step has a schedule-to-close time-out: it would park a healthy migration when the workers are
 * away for a moment.
 */
final class Timeouts {
  private Timeouts() {}

  /**
   * A dozen attempts within about seven minutes: longer than a server's restart, shorter than an
   * operator's patience. Then the step parks with the last failure's text.
   */
  private static final RetryOptions A_DOZEN =
      RetryOptions.newBuilder()
          .setInitialInterval(Duration.ofSeconds(1))
          .setBackoffCoefficient(2)
          .setMaximumInterval(Duration.ofMinutes(1))
          .setMaximumAttempts(12)
          .build();

  /**
   * Without limit: every redeploy of the workers costs a watcher an attempt. Its pauses are given
   * by the failure itself where it is {@code NotYet}.
   */
  private static final RetryOptions UNLIMITED =
      RetryOptions.newBuilder()
          .setInitialInterval(Duration.ofSeconds(1))
          .setBackoffCoefficient(2)
          .setMaximumInterval(Duration.ofMinutes(1))
          .build();

  /**
   * A dead worker's switchover is tried again at once and without limit, because the attempt may
   * have handed over and left neither side open. What an attempt itself reports is counted by the
   * workflow: three attempts, a minute apart, of which none handed over.
   */
  private static final RetryOptions AT_ONCE =
      RetryOptions.newBuilder()
          .setInitialInterval(Duration.ofMillis(100))
          .setBackoffCoefficient(1)
          .setDoNotRetry(
              Failures.TRANSIENT, Failures.UNFINISHED, Failures.NEEDS_HELP, Failures.DEFECT)
          .build();

  /**
   * A dozen attempts, first after a second and never more than ten apart: a hand-over was sent, and
   * nobody can write until it is finished. More than a minute for what fails at once, a dozen times
   * the runbook's patience for a side that cannot be reached; then a person is asked.
   */
  private static final RetryOptions SOON =
      RetryOptions.newBuilder()
          .setInitialInterval(Duration.ofSeconds(1))
          .setBackoffCoefficient(1.5)
          .setMaximumInterval(Duration.ofSeconds(10))
          .setMaximumAttempts(12)
          .build();

  /**
   * How long a worker's silence may last before a step that was at work there comes again: the
   * worker beats for activities that do not do so themselves, three times within this.
   */
  private static final Duration SILENCE = Duration.ofSeconds(10);

  /**
   * One short call to a server: a claim, a DNS update, a window's opening. Two minutes leave room
   * for a server that answers slowly.
   */
  static final ActivityOptions CALL =
      ActivityOptions.newBuilder()
          .setStartToCloseTimeout(Duration.ofMinutes(2))
          .setHeartbeatTimeout(SILENCE)
          .setRetryOptions(A_DOZEN)
          .setCancellationType(ActivityCancellationType.WAIT_CANCELLATION_COMPLETED)
          .build();

  /**
   * A look at, or a change of, both databases' catalogs: preflight, slots, streams, fences. Fifteen
   * minutes, because a slot's creation waits for every running transaction.
   */
  static final ActivityOptions CATALOG =
      ActivityOptions.newBuilder(CALL).setStartToCloseTimeout(Duration.ofMinutes(15)).build();

  /**
   * A look for a person who waits at a terminal: three attempts, then the failure is the answer.
   */
  static final ActivityOptions LOOK =
      ActivityOptions.newBuilder(CATALOG)
          .setRetryOptions(RetryOptions.newBuilder(A_DOZEN).setMaximumAttempts(3).build())
          .build();

  /**
   * Opening a source whose migration ends here: five minutes in all, since nobody may wait for it
   * for good; behind that the outcome says what is to be done by hand.
   */
  static final ActivityOptions OPEN =
      ActivityOptions.newBuilder(LOOK).setScheduleToCloseTimeout(Duration.ofMinutes(5)).build();

  /**
   * As {@link #LOOK}, for what lies outside of the databases, where a service that is busy may ask
   * to wait for minutes: after one the plan says what it has not seen, so that four such services
   * and the databases fit into the patience of whoever waits.
   */
  static final ActivityOptions LOOK_ELSEWHERE =
      ActivityOptions.newBuilder(LOOK).setScheduleToCloseTimeout(Duration.ofMinutes(1)).build();

  /**
   * Work that grows with the data: tables, indexes, statistics, comparison, the team's checks. Two
   * days for one attempt, since the biggest index may take many hours; a heartbeat every 30 s at
   * the latest, so that a dead worker costs half a minute and not two days.
   */
  static final ActivityOptions WORK =
      ActivityOptions.newBuilder(CALL)
          .setStartToCloseTimeout(Duration.ofDays(2))
          .setHeartbeatTimeout(Duration.ofSeconds(30))
          .build();

  /**
   * The same for a person who waits at a terminal: three attempts, then the failure is the answer.
   */
  static final ActivityOptions ASKED =
      ActivityOptions.newBuilder(WORK)
          .setRetryOptions(RetryOptions.newBuilder(A_DOZEN).setMaximumAttempts(3).build())
          .build();

  /**
   * A watcher that waits for a state of the world: a copy, a soak, a tail, a guard's breach. Ninety
   * days for one attempt, so that its own end is the condition or a deadline and never the clock
   * here; fifteen seconds of silence start it again on another worker, where it goes on from its
   * heartbeat.
   */
  static final ActivityOptions WATCH =
      ActivityOptions.newBuilder()
          .setStartToCloseTimeout(Duration.ofDays(90))
          .setHeartbeatTimeout(Duration.ofSeconds(15))
          .setRetryOptions(UNLIMITED)
          .setCancellationType(ActivityCancellationType.WAIT_CANCELLATION_COMPLETED)
          .build();

  /**
   * Whoever keeps the source closed: it opens by itself within twenty seconds of silence, so that a
   * dead one is noticed after five, and the next one comes at once.
   */
  static final ActivityOptions KEEP =
      ActivityOptions.newBuilder(WATCH)
          .setHeartbeatTimeout(Duration.ofSeconds(5))
          .setRetryOptions(
              RetryOptions.newBuilder()
                  .setInitialInterval(Duration.ofMillis(200))
                  .setMaximumInterval(Duration.ofSeconds(1))
                  .setBackoffCoefficient(2)
                  .build())
          .build();

  /**
   * One run of a suite that writes, for as long as it may take and its end: one attempt, since the
   * next would find what this one has written. Half a minute of silence costs the clone.
   */
  static ActivityOptions suite(Duration limit) {
    return ActivityOptions.newBuilder(WORK)
        .setStartToCloseTimeout(limit.plusMinutes(5))
        .setRetryOptions(RetryOptions.newBuilder().setMaximumAttempts(1).build())
        .build();
  }

  private static final ActivityOptions SWITCHOVER =
      ActivityOptions.newBuilder()
          .setHeartbeatTimeout(Duration.ofSeconds(5))
          .setRetryOptions(AT_ONCE)
          .setCancellationType(ActivityCancellationType.WAIT_CANCELLATION_COMPLETED)
          .setStartToCloseTimeout(Duration.ofMinutes(15))
          .build();

  /**
   * One attempt at closing the source, whose locks hold up every writer as those of a switchover
   * do: what it reports is counted by the workflow, which knows when to come again.
   */
  static final ActivityOptions CLOSE = SWITCHOVER;

  /**
   * One attempt of a switchover. Five seconds of silence mean a dead worker, since the service may
   * stand still; fifteen minutes bound what lies outside the pause (vacuums and long transactions
   * before it, making the applications follow after it), plus the patience with a side that cannot
   * be reached.
   */
  static ActivityOptions switchover(Duration patience) {
    return ActivityOptions.newBuilder(SWITCHOVER)
        .setStartToCloseTimeout(SWITCHOVER.getStartToCloseTimeout().plus(patience))
        .build();
  }

  /** As {@link #switchover}, for what was handed over and must be finished. */
  static ActivityOptions finishing(Duration patience) {
    return ActivityOptions.newBuilder(switchover(patience)).setRetryOptions(SOON).build();
  }

  /**
   * Pause between two attempts of a switchover that handed nothing over: long enough for what
   * blocked it to be over.
   */
  static final Duration BETWEEN_SWITCHOVERS = Duration.ofMinutes(1);

  /** Attempts of a switchover before a person is asked: each one holds up writes for a moment. */
  static final int SWITCHOVER_ATTEMPTS = 3;

  /** The activities of a step, each labelled with the step's id. */
  static <T> T call(Class<T> type, ActivityOptions options, Step step) {
    return call(type, options, step.label());
  }

  /** The activities of something without a step of its own. */
  static <T> T call(Class<T> type, ActivityOptions options, String label) {
    return Workflow.newActivityStub(
        type, ActivityOptions.newBuilder(options).setSummary(label).build());
  }
}
