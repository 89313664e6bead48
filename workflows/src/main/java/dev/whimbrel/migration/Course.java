package dev.whimbrel.migration;

import io.temporal.failure.TemporalFailure;
import io.temporal.workflow.CancellationScope;
import org.jspecify.annotations.Nullable;

/**
 * Which way the migration goes: forward, back, or nowhere any more. Signal, update, guards and the
 * workflow's cancellation all end here, and none of them waits.
 */
final class Course {
  private @Nullable CancellationScope stretch;
  private @Nullable RollbackRequest rollback;
  private @Nullable Decision abandoned;
  private @Nullable String acceptLossBy;
  private @Nullable RollbackRequest promotion;
  private boolean promoted;
  private boolean noReturn;
  private boolean wayBackLost;

  /**
   * Asks for a rollback. Never waits.
   *
   * @return whether the way back is, or will be, taken
   */
  boolean ask(RollbackRequest request) {
    if (noReturn || abandoned != null || (wayBackLost && !request.acceptLoss())) {
      return false;
    }
    if (request.acceptLoss()) {
      acceptLossBy = request.by();
    }
    if (rollback == null) {
      rollback = request;
      cancel("rollback asked for by " + request.by());
    }
    return true;
  }

  /** There is nothing to go back with any more, short of accepting what that loses. */
  void loseWayBack() {
    wayBackLost = true;
  }

  boolean isWayBackLost() {
    return wayBackLost;
  }

  /** Ends the migration where it stands. */
  void abandon(Decision decision) {
    abandoned = decision;
    cancel("abandoned by " + decision.by());
  }

  private void cancel(String reason) {
    if (stretch != null) {
      stretch.cancel(reason);
    }
  }

  /** Goes forward until the point of no return. False when it was called back before. */
  boolean forward(CancellationScope scope) {
    stretch = scope;
    if (rollback != null || abandoned != null) {
      scope.cancel("called back before the start");
    }
    boolean arrived = travel(scope);
    if (!noReturn && !arrived && rollback == null && abandoned == null) {
      rollback = new RollbackRequest("Temporal", "the workflow was cancelled", false);
    }
    return noReturn;
  }

  /** Goes on where no cancellation but {@link #abandon} counts. False when it was abandoned. */
  boolean detached(CancellationScope scope) {
    stretch = scope;
    if (abandoned != null) {
      return false;
    }
    return travel(scope);
  }

  private static boolean travel(CancellationScope scope) {
    try {
      scope.run();
    } catch (TemporalFailure e) {
      if (!scope.isCancelRequested()) {
        throw e;
      }
    }
    return !scope.isCancelRequested();
  }

  /** The last check and the flag: no await may ever stand between them. */
  void passPointOfNoReturn() {
    CancellationScope.throwCanceled();
    noReturn = true;
  }

  boolean isPastNoReturn() {
    return noReturn;
  }

  /** Somebody accepts that the source is lost, for the next attempt at the hand-over. */
  void promote(RollbackRequest request) {
    promotion = request;
  }

  /**
   * Who accepts that the source is lost, or null. Counts for one attempt: what was accepted about
   * one loss is not accepted about another.
   */
  @Nullable RollbackRequest takePromotion() {
    RollbackRequest taken = promotion;
    promotion = null;
    promoted |= taken != null;
    return taken;
  }

  /** Whether the switchover was tried once with the source given up: it may come back open. */
  boolean wasPromoted() {
    return promoted;
  }

  @Nullable RollbackRequest rollback() {
    return rollback;
  }

  @Nullable Decision abandoned() {
    return abandoned;
  }

  /** Who accepts that writes which have not arrived are lost, or null. */
  @Nullable String acceptLossBy() {
    return acceptLossBy;
  }
}
