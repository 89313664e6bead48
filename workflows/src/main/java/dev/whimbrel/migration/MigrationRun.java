package dev.whimbrel.migration;

import dev.whimbrel.migration.MigrationResult.Ending;
import io.temporal.common.converter.RawValue;
import io.temporal.workflow.CancellationScope;
import io.temporal.workflow.Workflow;
import io.temporal.workflow.WorkflowInit;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/** The migration, as {@link MigrationWorkflow} describes it. */
public final class MigrationRun implements MigrationWorkflow {
  private final Board board;
  private final Course course = new Course();
  private final Migration migration;
  private final Cutover cutover;
  private final Decommission decommission;
  private final List<String> leftOver = new ArrayList<>();

  /** Takes the start's envelope, so that a signal that comes with the start finds everything. */
  @WorkflowInit
  public MigrationRun(Start start) {
    board = new Board(start);
    migration = new Migration(start, board, course);
    cutover = new Cutover(migration);
    decommission = new Decommission(migration, cutover);
  }

  @Override
  public MigrationResult migrate(Start start) {
    board.changed();
    CancellationScope forward = Workflow.newCancellationScope(this::forward);
    boolean past = course.forward(forward);
    if (past) {
      course.detached(Workflow.newDetachedCancellationScope(decommission::run));
    } else {
      course.detached(Workflow.newDetachedCancellationScope(this::back));
    }
    if (course.abandoned() != null) {
      Workflow.newDetachedCancellationScope(() -> leftOver.addAll(cutover.offline().abandon()))
          .run();
    }
    Workflow.newDetachedCancellationScope(this::stopWatchers).run();
    MigrationResult result = result();
    board.end(result);
    return result;
  }

  private void forward() {
    new Prepare(migration).run();
    if (!migration.move.offline()) {
      new Replicate(migration).run();
      new Validate(migration).run();
    }
    cutover.run();
    decommission.passPointOfNoReturn();
  }

  private void back() {
    leftOver.addAll(new WayBack(migration, cutover).run());
  }

  /** An end leaves no activity behind, whichever way it came. */
  private void stopWatchers() {
    migration.guards.cancel();
    cutover.stopWatching();
    migration.shares.stop();
    migration.guards.stop();
    migration.wal.stop();
  }

  private MigrationResult result() {
    Decision abandoned = course.abandoned();
    if (abandoned != null) {
      return new MigrationResult(
          Ending.ABANDONED,
          "abandoned by %s (%s); everything stands as it was left%s"
              .formatted(
                  abandoned.by(),
                  abandoned.reason(),
                  cutover.offline().atLast() == null ? "" : "; " + cutover.offline().atLast()),
          List.copyOf(leftOver));
    }
    if (course.isPastNoReturn()) {
      return new MigrationResult(
          Ending.MIGRATED,
          migration.runbook.service() + " runs on the target",
          migration.skipped());
    }
    RollbackRequest rollback = Objects.requireNonNull(course.rollback());
    return new MigrationResult(
        Ending.ROLLED_BACK,
        "%s runs on the source again; rolled back by %s%s"
            .formatted(
                migration.runbook.service(),
                rollback.by(),
                rollback.reason() == null ? "" : ": " + rollback.reason()),
        List.copyOf(leftOver));
  }

  @Override
  public void rollback(@Nullable RawValue payload) {
    RollbackRequest request = RollbackSignal.read(payload);
    // A signal cannot be refused: whoever sends one may go back, but not give writes away.
    boolean admitted =
        Refusals.isAdmitted(request.by(), migration.runbook.rollback().by())
            && request.acceptLoss();
    course.ask(new RollbackRequest(request.by(), request.reason(), admitted));
    takeUpAcceptedLoss();
  }

  @Override
  public String requestRollback(RollbackRequest request) {
    boolean underWay = course.rollback() != null;
    course.ask(request);
    takeUpAcceptedLoss();
    if (underWay) {
      return "the rollback is already under way"
          + (request.acceptLoss() ? "; it goes on without the writes that have not arrived" : "");
    }
    List<Step> steps = migration.undo.steps();
    return steps.isEmpty()
        ? "rolling back: nothing has been changed yet"
        : "rolling back, newest first: "
            + String.join(", ", steps.stream().map(Step::title).toList());
  }

  /** A rollback that waits for a person goes on once somebody has accepted the loss. */
  private void takeUpAcceptedLoss() {
    String by = course.acceptLossBy();
    if (by != null && board.parking().holds(Step.HAND_BACK.id())) {
      board.parking().decide(new StepDecision(by, null, Step.HAND_BACK.id()), true);
    }
  }

  @Override
  public void validateRequestRollback(RollbackRequest request) {
    refuseAfterTheEnd("roll back");
    Refusals.unlessAdmitted(
        "roll back", request.by(), migration.runbook.rollback().by(), "rollback.by");
    if (course.isPastNoReturn()) {
      throw Refusals.because(
          "Cannot roll back: the way back was dropped, with the approval of the decommission.");
    }
    if (course.isWayBackLost() && !request.acceptLoss()) {
      throw Refusals.because(
          "Cannot roll back: THE WAY BACK IS LOST, see whimbrel status %s. Only where the target is gone for good: --accept-loss, which loses every write since."
              .formatted(migration.runbook.name()));
    }
  }

  @Override
  public String promote(RollbackRequest request) {
    course.promote(request);
    board
        .parking()
        .decide(new StepDecision(request.by(), request.reason(), Step.SWITCHOVER.id()), true);
    return "opening the target without the source; what the source had not sent is lost";
  }

  @Override
  public void validatePromote(RollbackRequest request) {
    refuseAfterTheEnd("promote");
    Refusals.unlessAdmitted("promote", request.by(), migration.runbook.approvers(), "approvers");
    Refusals.unlessReasoned("promote", request.reason());
    if (!request.acceptLoss()) {
      throw Refusals.because(
          "Cannot promote: it loses what the source had not sent. Say so with --accept-loss.");
    }
    if (!board.parking().offersPromotion()) {
      throw Refusals.because(
          "Cannot promote: only while %s is parked because the source cannot be reached. See: whimbrel status %s"
              .formatted(Step.SWITCHOVER.id(), migration.runbook.name()));
    }
  }

  @Override
  public String approve(Approval approval) {
    return migration.approvals.approve(approval);
  }

  @Override
  public void validateApprove(Approval approval) {
    migration.approvals.validate(approval);
  }

  @Override
  public String reject(Decision decision) {
    return migration.approvals.reject(decision);
  }

  @Override
  public void validateReject(Decision decision) {
    migration.approvals.validateReject(decision);
  }

  @Override
  public String pause(Decision decision) {
    board.pause(decision);
    // A hand-over that was sent has spent its closing.
    MigrationStatus.SourceClosed closed = board.isTruthOpen() ? null : board.status().closed();
    return "paused: no further step starts; guards, streams and the window go on"
        + (closed == null
            ? ""
            : "; THE SOURCE STAYS CLOSED FOR WRITES, until %s at the latest"
                .formatted(closed.until()));
  }

  @Override
  public void validatePause(Decision decision) {
    refuseAfterTheEnd("pause");
    Refusals.unlessNamed("pause", decision.by());
    if (course.rollback() != null) {
      throw Refusals.because("Cannot pause: the migration is going back.");
    }
    if (board.isPaused()) {
      throw Refusals.because("Cannot pause: it is paused already.");
    }
  }

  @Override
  public String resume(Decision decision) {
    board.pause(null);
    return "goes on";
  }

  @Override
  public void validateResume(Decision decision) {
    Refusals.unlessNamed("resume", decision.by());
    if (!board.isPaused()) {
      throw Refusals.because("Cannot resume: it is not paused.");
    }
  }

  @Override
  public String retry(StepDecision decision) {
    return board.parking().decide(decision, true);
  }

  @Override
  public void validateRetry(StepDecision decision) {
    board.parking().validate(decision, true);
  }

  @Override
  public String skip(StepDecision decision) {
    if (migration.steps.isRunning(decision)) {
      return migration.steps.skipRunning(decision);
    }
    return migration.comparisons.isRunning(decision)
        ? migration.comparisons.skipRunning(decision)
        : board.parking().decide(decision, false);
  }

  @Override
  public void validateSkip(StepDecision decision) {
    if (migration.steps.isRunning(decision) || migration.comparisons.isRunning(decision)) {
      Refusals.unlessNamed("skip", decision.by());
      Refusals.unlessReasoned("skip", decision.reason());
    } else {
      board.parking().validate(decision, false);
    }
  }

  @Override
  public String verify(Decision decision) {
    if (isAtTheGate()) {
      migration.askForVerification();
    } else {
      migration.comparisons.askBeside();
    }
    return "comparing both databases once more";
  }

  @Override
  public void validateVerify(Decision decision) {
    Refusals.unlessNamed("verify", decision.by());
    refuseAfterTheEnd("verify");
    if (course.abandoned() != null) {
      throw Refusals.because("Cannot verify: the migration is abandoned.");
    }
    String why =
        Judgement.cannotCompare(
            board.hasEnded(Step.CATCH_UP) || migration.handOver() != null,
            course.rollback() != null,
            board.isRunning(Step.SWITCHOVER) || cutover.isSwitching() || board.isTruthOpen(),
            migration.handOver() == null || migration.canGoBack(),
            course.isPastNoReturn());
    if (why != null) {
      throw Refusals.because("Cannot verify: " + why);
    }
  }

  /** While the cutover waits, fresh evidence is the gate's own affair. */
  private boolean isAtTheGate() {
    return switch (board.status().state()) {
      case WAITING_FOR_APPROVAL, WAITING_FOR_WINDOW -> migration.handOver() == null;
      default -> false;
    };
  }

  @Override
  public VerificationState verification() {
    return migration.comparisons.state(migration.verification());
  }

  @Override
  public String abandon(Decision decision) {
    boolean closed = board.status().closed() != null && !board.isTruthOpen();
    course.abandon(decision);
    return closed
        ? "abandoned; the source is opened, everything else stands as it was left"
        : "abandoned; everything stands as it was left";
  }

  @Override
  public void validateAbandon(Decision decision) {
    refuseAfterTheEnd("abandon");
    Refusals.unlessNamed("abandon", decision.by());
    Refusals.unlessReasoned("abandon", decision.reason());
  }

  private void refuseAfterTheEnd(String verb) {
    if (board.hasEnded()) {
      throw Refusals.because("Cannot " + verb + ": the migration has ended.");
    }
  }

  @Override
  public MigrationStatus status() {
    return board.status();
  }
}
