package dev.whimbrel.copy;

import static dev.whimbrel.copy.CopyTimeouts.call;

import dev.whimbrel.activity.Copy;
import dev.whimbrel.activity.CopyRequest;
import io.temporal.failure.TemporalFailure;
import io.temporal.workflow.CancellationScope;
import org.jspecify.annotations.Nullable;

/**
 * One snapshot: somebody holds it, and a number of callers copy from it until nothing is left or it
 * is lost. A caller in the middle of a piece ends it well without the holder, since it has read the
 * snapshot in already; none goes on where a person is needed.
 */
final class Generation {
  private final CopyRequest request;
  private final String size;
  private final boolean kept;
  private int pieces;
  private boolean complete;
  private @Nullable TemporalFailure failure;
  private @Nullable TemporalFailure holderFailure;

  /**
   * A snapshot that nobody has asked for yet.
   *
   * @param kept whether the source keeps it, so that a worker's death does not cost it
   */
  Generation(CopyRequest request, String size, boolean kept) {
    this.request = request;
    this.size = size;
    this.kept = kept;
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
    Hold hold = new Hold(this::hold);
    try {
      if (hold.whileHeld(this::awaitOpen)) {
        copy(hold);
      }
    } finally {
      hold.end();
      holderFailure = hold.failure();
    }
    CancellationScope.throwCanceled();
    if (failure != null && !complete) {
      throw failure;
    }
  }

  private void hold() {
    String label = "snapshot " + request.generation();
    if (kept) {
      call(Copy.class, CopyTimeouts.PIECES, "keep " + label).keepGeneration(request);
    } else {
      call(Copy.class, CopyTimeouts.HOLD, "hold " + label).holdSnapshot(request);
    }
  }

  /** Whether the snapshot can be read. */
  private boolean awaitOpen() {
    try {
      call(Copy.class, CopyTimeouts.OPEN, "open snapshot " + request.generation())
          .openGeneration(request);
      return true;
    } catch (TemporalFailure e) {
      if (!CancellationScope.current().isCancelRequested()) {
        failure = e;
      }
      return false;
    }
  }

  private void copy(Hold hold) {
    Copiers copiers =
        new Copiers(
            request.move().jobs(),
            label -> call(Copy.class, CopyTimeouts.PIECES, label).copyPieces(request));
    complete = kept ? hold.unlessInVain(() -> copiers.copy(size)) : copiers.copy(size);
    pieces = copiers.pieces();
    failure = copiers.failure();
  }
}
