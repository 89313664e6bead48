package dev.whimbrel.copy;

import static dev.whimbrel.copy.CopyTimeouts.call;

import dev.whimbrel.activity.Copy;
import dev.whimbrel.activity.CopyRequest;
import dev.whimbrel.activity.CopyShare;
import io.temporal.failure.TemporalFailure;
import io.temporal.workflow.Async;
import io.temporal.workflow.CancellationScope;
import io.temporal.workflow.Promise;
import io.temporal.workflow.Workflow;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * One snapshot: somebody holds it, and a number of callers copy from it until nothing is left or it
 * is lost. A caller in the middle of a piece ends it well without the holder, since it has read the
 * snapshot in already.
 */
final class Generation {
  private final CopyRequest request;
  private final String size;
  private int pieces;
  private boolean complete;
  private @Nullable TemporalFailure failure;
  private @Nullable TemporalFailure holderFailure;

  Generation(CopyRequest request, String size) {
    this.request = request;
    this.size = size;
  }

  /** Whether everything is copied. */
  boolean isComplete() {
    return complete;
  }

  /** How many pieces it has achieved. */
  int pieces() {
    return pieces;
  }

  /** Why its snapshot was held no longer; null where that was the end of the copy. */
  @Nullable TemporalFailure holderFailure() {
    return holderFailure;
  }

  /**
   * Returns when nobody is at work for it any more.
   *
   * @throws TemporalFailure when something else than the snapshot keeps the copy from going on
   */
  void run() {
    List<Promise<Void>> hold = new ArrayList<>(1);
    CancellationScope holding =
        Workflow.newCancellationScope(() -> hold.add(Async.procedure(this::hold)));
    holding.run();
    Promise<Void> held = hold.get(0);
    try {
      if (open(held)) {
        copy();
      }
    } finally {
      holding.cancel("the generation is over");
      Workflow.newDetachedCancellationScope(() -> Workflow.await(held::isCompleted)).run();
    }
    CancellationScope.throwCanceled();
    if (failure != null && !complete) {
      throw failure;
    }
  }

  private void hold() {
    try {
      call(Copy.class, CopyTimeouts.HOLD, "hold snapshot " + request.generation())
          .holdSnapshot(request);
    } catch (TemporalFailure e) {
      // Its end is no harm once everything is copied; before, it says why the others stopped.
      if (!CancellationScope.current().isCancelRequested()) {
        holderFailure = e;
      }
    }
  }

  /** Whether the snapshot can be read: the wait for it ends when its holder does. */
  private boolean open(Promise<Void> held) {
    List<Promise<Boolean>> opening = new ArrayList<>(1);
    CancellationScope scope =
        Workflow.newCancellationScope(() -> opening.add(Async.function(this::awaitOpen)));
    scope.run();
    Promise<Boolean> opened = opening.get(0);
    Workflow.await(() -> opened.isCompleted() || held.isCompleted());
    if (!opened.isCompleted()) {
      scope.cancel("the snapshot is lost");
    }
    return opened.get();
  }

  private boolean awaitOpen() {
    try {
      call(Copy.class, CopyTimeouts.OPEN, "open snapshot " + request.generation())
          .openGeneration(request);
      return true;
    } catch (TemporalFailure e) {
      fail(e);
      return false;
    }
  }

  private void copy() {
    List<Promise<Boolean>> shares = new ArrayList<>();
    int jobs = request.move().jobs();
    for (int job = 1; job <= jobs; job++) {
      String label = "copy " + size + ", " + job + " of " + jobs + " at once";
      shares.add(Async.function(this::copyPieces, label));
    }
    boolean everybodyEnded = true;
    for (Promise<Boolean> share : shares) {
      everybodyEnded &= share.get();
    }
    complete = everybodyEnded;
  }

  /** Whether this caller found nothing left to do. */
  private boolean copyPieces(String label) {
    try {
      CopyShare share = call(Copy.class, CopyTimeouts.PIECES, label).copyPieces(request);
      pieces += share.pieces();
      return !share.snapshotLost();
    } catch (TemporalFailure e) {
      fail(e);
      return false;
    }
  }

  private void fail(TemporalFailure e) {
    if (failure == null && !CancellationScope.current().isCancelRequested()) {
      failure = e;
    }
  }
}
