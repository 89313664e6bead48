package dev.whimbrel.migration;

import static dev.whimbrel.migration.Timeouts.call;

import dev.whimbrel.activity.RoundsRequest;
import dev.whimbrel.activity.Side;
import dev.whimbrel.activity.Verification;
import dev.whimbrel.activity.VerificationReport;
import dev.whimbrel.activity.VerifyRequest;
import io.temporal.failure.TemporalFailure;
import io.temporal.workflow.Async;
import io.temporal.workflow.CancellationScope;
import io.temporal.workflow.Promise;
import io.temporal.workflow.Workflow;
import org.jspecify.annotations.Nullable;

/**
 * Comparisons beside the steps: round and round from the end of the copy to the hand-over, and one
 * whenever a person asks. The rounds are one activity, so that waiting stays free: what they find
 * stands in its heartbeat, and comes here where it parks, or when they are stopped.
 */
final class Comparisons {
  private static final String ASKED = "verify: compare both databases, as a person has asked";

  private final Migration migration;
  private final Background rounds;
  private boolean known;
  private @Nullable CancellationScope scope;
  private @Nullable Promise<Void> answering;
  private long asked;
  private long answered;
  private @Nullable String failure;

  Comparisons(Migration migration) {
    this.migration = migration;
    this.rounds = new Background(migration.board, Step.KEEP_VERIFYING, this::keep);
  }

  /** What one comparison compares. */
  VerifyRequest request(Side truth) {
    return new VerifyRequest(migration.move, truth, migration.runbook.validate().hash());
  }

  // Round and round

  /** The copy has ended: from here on the rounds may run. */
  void begin() {
    known = Workflow.getVersion("keep-verifying", Workflow.DEFAULT_VERSION, 1) == 1;
    resume();
  }

  /** Lets the rounds go on, unless a person has let them go; again is harmless. */
  void resume() {
    if (known && rounds.skipped().isEmpty()) {
      rounds.start();
    }
  }

  /** Whether the rounds are at work. */
  boolean running() {
    return rounds.running();
  }

  /** Stops the rounds and takes what they have found; again is harmless. */
  void pause() {
    rounds.stop();
  }

  /** Lets a step compare alone: neither would be sooner done beside the other. */
  void yieldTo(Runnable comparison) {
    if (running()) {
      // What they have parked is not taken back by stopping them.
      migration.steps.awaitMayGoOn(Step.VERIFY_DATA);
      pause();
    }
    comparison.run();
    resume();
  }

  private void keep(Step step) {
    VerificationReport found =
        call(Verification.class, Timeouts.WATCH, step)
            .keepVerifying(
                new RoundsRequest(request(Side.SOURCE), migration.runbook.validate().every()));
    migration.learnBeside(found);
    Judgement.refuseDifferences(found);
  }

  // When a person asks

  /** Somebody has asked for a comparison that a step makes. */
  void ask() {
    asked++;
  }

  /** How often people have asked. */
  long asked() {
    return asked;
  }

  /** There is a report for everybody who had asked when it was begun. */
  void answer(long upTo) {
    answered = Math.max(answered, upTo);
    failure = null;
  }

  /** Begins a comparison beside everything else, behind one that is under way. */
  void askBeside() {
    ask();
    Promise<Void> now = answering;
    if (now == null || now.isCompleted()) {
      CancellationScope own =
          Workflow.newDetachedCancellationScope(() -> answering = Async.procedure(this::answerAll));
      scope = own;
      own.run();
    }
  }

  private void answerAll() {
    while (answered < asked) {
      long upTo = asked;
      Side truth = migration.handOver() == null ? Side.SOURCE : Side.TARGET;
      try {
        VerificationReport report =
            call(Verification.class, Timeouts.ASKED, ASKED).verify(request(truth));
        migration.learnBeside(report);
        answer(upTo);
      } catch (TemporalFailure e) {
        if (CancellationScope.current().isCancelRequested()) {
          return;
        }
        answer(upTo);
        failure = Judgement.help("verify", e).cause();
      }
    }
  }

  VerificationState state(@Nullable VerificationReport report) {
    return new VerificationState(asked, answered, report, failure);
  }

  // The end

  /** Asks everything to stop and does not wait. */
  void cancel() {
    rounds.cancel();
    if (scope != null) {
      scope.cancel("nobody waits for it any more");
    }
  }

  /** Stops everything and waits until no worker is at it; again is harmless. */
  void stop() {
    cancel();
    rounds.stop();
    Workflow.await(() -> answering == null || answering.isCompleted());
  }
}
