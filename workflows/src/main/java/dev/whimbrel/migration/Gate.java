package dev.whimbrel.migration;

import static dev.whimbrel.migration.Timeouts.call;

import dev.whimbrel.activity.Failures;
import dev.whimbrel.activity.VerificationReport;
import dev.whimbrel.activity.Window;
import dev.whimbrel.activity.Windows;
import dev.whimbrel.migration.MigrationStatus.Findings;
import dev.whimbrel.migration.MigrationStatus.State;
import dev.whimbrel.runbook.CutoverSpec;
import io.temporal.workflow.CancellationScope;
import io.temporal.workflow.Workflow;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * A point where the migration waits: one loop over all of its conditions, which must hold at the
 * same instant.
 */
final class Gate {
  private final Migration migration;
  private final Runner steps;
  private final Runnable verify;
  private final Runnable rehearse;
  private @Nullable Window opening;

  /**
   * The gate of a cutover.
   *
   * @param verify gathers fresh evidence
   * @param rehearse makes the way back ready
   */
  Gate(Migration migration, Runnable verify, Runnable rehearse) {
    this.migration = migration;
    this.steps = migration.steps;
    this.verify = verify;
    this.rehearse = rehearse;
  }

  /**
   * Waits until everything that a switchover rests on holds: evidence that is green and fresh, an
   * approval of exactly that evidence, an opening of the window with room enough, the way back
   * rehearsed, nobody pausing, nothing parked.
   */
  void await() {
    CutoverSpec cutover = migration.runbook.cutover();
    while (true) {
      CancellationScope.throwCanceled();
      if (migration.verificationIsAsked()
          || (!isApproved(cutover) && wouldBeTakenBackForARound())) {
        compareAlone();
      } else if (!isApproved(cutover)) {
        migration.comparisons.resume();
        awaitApproval(
            migration, Step.APPROVAL, migration::evidence, migration::verificationIsAsked);
      } else if (cutover.window() != null && !isOpen()) {
        migration.comparisons.resume();
        awaitOpening(cutover.window());
      } else if (migration.readiness() == null) {
        rehearse.run();
      } else if (!steps.mayGoOn()) {
        steps.awaitMayGoOn(Step.SWITCHOVER);
      } else if (!migration.evidenceIsFresh()) {
        takeRounds();
        if (!migration.evidenceIsFresh()) {
          verify.run();
        }
      } else {
        return;
      }
    }
  }

  /** As {@link #await}, before the source is closed: what is compared is compared behind it. */
  void awaitClosing() {
    CutoverSpec cutover = migration.runbook.cutover();
    while (true) {
      CancellationScope.throwCanceled();
      if (!isApproved(cutover)) {
        awaitApproval(migration, Step.APPROVAL, migration::evidence, () -> false);
      } else if (cutover.window() != null && !isOpen()) {
        awaitOpening(cutover.window());
      } else if (migration.readiness() == null) {
        rehearse.run();
      } else if (!steps.mayGoOn()) {
        steps.awaitMayGoOn(Step.CLOSE);
      } else {
        return;
      }
    }
  }

  /**
   * While the source is closed: no window shuts, and only other findings are asked about. A pause
   * is heeded, although nobody can write meanwhile: whoever pauses looks at something.
   */
  void awaitBehindClosing() {
    while (true) {
      CancellationScope.throwCanceled();
      if (!isApproved(migration.runbook.cutover())) {
        awaitApproval(migration, Step.APPROVAL, migration::evidence, () -> false);
      } else if (!steps.mayGoOn()) {
        steps.awaitMayGoOn(Step.SWITCHOVER);
      } else {
        return;
      }
    }
  }

  private boolean isApproved(CutoverSpec cutover) {
    return !cutover.approvalRequired() || migration.approvals.cover(migration.evidence());
  }

  /** A round may have met what passes by itself: for that nobody is asked again. */
  private boolean wouldBeTakenBackForARound() {
    return migration.approvals.stand() && migration.wasComparedBeside();
  }

  private void compareAlone() {
    steps.awaitMayGoOn(Step.FRESH_VERIFY);
    migration.comparisons.pause();
    verify.run();
  }

  /** What the rounds have compared minutes ago need not be compared once more. */
  private void takeRounds() {
    migration.comparisons.pause();
    VerificationReport report = migration.verification();
    if (migration.evidenceIsFresh() && report != null) {
      migration.board.begin(Step.FRESH_VERIFY);
      migration.board.end(
          Step.FRESH_VERIFY, Judgement.taken(report, migration.wasComparedInRounds()));
    }
  }

  /** Waits for an approval of findings that do not change by themselves. */
  static void awaitDecommission(Migration migration) {
    awaitApprovalOf(migration, Step.END_APPROVAL, endOfWayBack(migration), Step.STOP_REVERSE);
  }

  /**
   * Waits for an approval of exactly these findings.
   *
   * @param next what begins then, and waits for whatever else holds the migration
   */
  static void awaitApprovalOf(Migration migration, Step step, Findings findings, Step next) {
    while (!migration.approvals.cover(findings)) {
      awaitApproval(migration, step, () -> findings, () -> false);
      migration.steps.awaitMayGoOn(next);
    }
  }

  private static void awaitApproval(
      Migration migration,
      Step step,
      Supplier<Findings> evidence,
      Supplier<Boolean> somethingElse) {
    Approvals approvals = migration.approvals;
    Findings findings = evidence.get();
    String withdrawn = approvals.withdrawUnlessFor(findings);

    migration.board.begin(step);
    migration.board.ask(findings);
    migration.board.await(
        State.WAITING_FOR_APPROVAL,
        (withdrawn == null ? "" : withdrawn + "; ") + approvals.wanted(findings));
    Workflow.await(() -> approvals.cover(findings) || somethingElse.get());
    migration.board.ask(null);
    migration.board.goOn();
    if (approvals.cover(findings)) {
      migration.board.end(step, "approved by " + approvals.by());
    }
  }

  private Duration needed() {
    return migration.runbook.neededOpening();
  }

  private boolean isOpen() {
    return opening != null && Judgement.fits(opening, Board.now(), needed());
  }

  /** Sleeps until the window opens, or over an opening that has too little room left. */
  private void awaitOpening(String window) {
    Window next =
        steps.get(
            Step.OPENING,
            step -> {
              Window found = call(Windows.class, Timeouts.CALL, step).nextWindow(window);
              refuseTooShort(window, found);
              return found;
            },
            found -> "opens " + found.opens() + ", closes " + found.closes());
    opening = next;
    if (isOpen()) {
      return;
    }
    Instant now = Board.now();
    Instant until = now.isBefore(next.opens()) ? next.opens() : next.closes();
    migration.board.begin(Step.OPENING);
    migration.board.await(
        State.WAITING_FOR_WINDOW,
        now.isBefore(next.opens())
            ? "the window %s, which opens %s".formatted(window, next.opens())
            : "the next opening of %s: too little of this one is left".formatted(window));
    steps.awaitFor(
        Duration.between(now, until).plusMillis(1),
        Step.OPENING.label(),
        migration::verificationIsAsked);
    migration.board.goOn();
    migration.board.end(Step.OPENING, "opens " + next.opens() + ", closes " + next.closes());
  }

  private void refuseTooShort(String window, Window found) {
    if (!Judgement.canFit(found, needed())) {
      boolean closes = migration.move.offline();
      throw Failures.needsHelp(
          "The window %s is shorter than %s together (%s)"
              .formatted(
                  window,
                  closes ? "closedAtMost, pauseBudget and monitor" : "pauseBudget and monitor",
                  needed()),
          "Start the migration again with a longer window or a shorter %s."
              .formatted(closes ? "closedAtMost" : "monitor"),
          null);
    }
  }

  /** {@code 5 findings: …}, what the approval will show. */
  static String line(Findings findings) {
    return Judgement.count(findings.lines().size(), "finding") + ": " + findings.lines().get(0);
  }

  /** What the approval of the decommission approves. */
  private static Findings endOfWayBack(Migration migration) {
    return Evidence.findings(
        List.of(
            migration.course.isWayBackLost()
                ? "THE WAY BACK IS LOST ALREADY: "
                    + migration.runbook.name()
                    + " stays on the target."
                : "THE WAY BACK ENDS: the stream to the source is dropped, and "
                    + migration.runbook.name()
                    + " can no longer be rolled back.",
            "The source stays closed for good."),
        List.of());
  }
}
