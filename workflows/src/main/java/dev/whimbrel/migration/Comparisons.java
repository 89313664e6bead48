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
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Comparisons beside the steps: round and round from the end of the copy to the hand-over, and one
 * whenever a person asks. The rounds are one activity, so that waiting stays free: what they find
 * stands in its heartbeat, and comes here where it parks, or when they are stopped.
 */
final class Comparisons {
  private static final String ASKED = "verify: compare both databases, as a person has asked";
  private static final String OVER = "stopped: the migration ends or goes back";

  private final Migration migration;
  private final Background rounds;
  private boolean known;
  private @Nullable CancellationScope scope;
  private @Nullable Promise<Void> answering;
  private long asked;
  private long answered;
  private @Nullable String failure;
  private String stopped = OVER;

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

  /**
   * Lets the rounds go on while writes are known to go to the source, unless a person has gone on
   * without a comparison: they would only find the same again. Again is harmless.
   */
  void resume() {
    Runner steps = migration.steps;
    if (known
        && !migration.board.isTruthOpen()
        && rounds.skipped().isEmpty()
        && !steps.isSkipped(Step.VERIFY_DATA)
        && !steps.isSkipped(Step.FRESH_VERIFY)) {
      rounds.start();
    }
  }

  /** Whether this migration compares in rounds: those that began before there were any do not. */
  boolean known() {
    return known;
  }

  /** Who went on without the rounds, with the reason. */
  List<String> skipped() {
    return rounds.skipped();
  }

  /** Whether a decision names the rounds while they run: where they are parked, that decides. */
  boolean isRunning(StepDecision decision) {
    return Step.KEEP_VERIFYING.id().equals(decision.step())
        && running()
        && !rounds.isParked()
        && rounds.skipped().isEmpty();
  }

  /** Goes on without the rounds; what they have found is taken as where they are stopped. */
  String skipRunning(StepDecision decision) {
    rounds.skip(decision);
    return "going on without: " + Step.KEEP_VERIFYING.id();
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
    migration.learnOfRounds(found);
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

  /** Nobody who has asked, and was not answered yet, gets a report. */
  void failUnanswered(String why) {
    if (answered < asked) {
      answer(asked);
      failure = why;
    }
  }

  /** Begins a comparison beside everything else, behind one that is under way. */
  void askBeside() {
    ask();
    if (!answers()) {
      CancellationScope own =
          Workflow.newDetachedCancellationScope(() -> answering = Async.procedure(this::answerAll));
      scope = own;
      own.run();
    }
  }

  private boolean answers() {
    return answering != null && !answering.isCompleted();
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
          failUnanswered(stopped);
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

  /** Whether anything is compared beside the steps. */
  boolean atWork() {
    return running() || answers();
  }

  /**
   * Stops everything, since the side that follows is about to change, and takes what was found;
   * again is harmless.
   */
  void standBack() {
    cancel("stopped: the writes were being handed over");
    awaitEnd();
  }

  /** Asks everything to stop and does not wait. */
  void cancel() {
    cancel(OVER);
    if (!answers()) {
      failUnanswered(OVER);
    }
  }

  /** Stops everything and waits until no worker is at it; again is harmless. */
  void stop() {
    cancel();
    awaitEnd();
  }

  private void cancel(String why) {
    rounds.cancel();
    if (answers() && scope != null) {
      stopped = why;
      scope.cancel(why);
    }
  }

  private void awaitEnd() {
    rounds.stop();
    if (answers()) {
      Workflow.await(() -> !answers());
    }
  }
}
