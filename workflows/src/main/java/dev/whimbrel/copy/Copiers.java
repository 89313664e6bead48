package dev.whimbrel.copy;

import dev.whimbrel.activity.CopyShare;
import io.temporal.failure.TemporalFailure;
import io.temporal.workflow.Async;
import io.temporal.workflow.CancellationScope;
import io.temporal.workflow.Functions;
import io.temporal.workflow.Promise;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Several who copy from one snapshot at once, until nothing is left or the snapshot is lost. */
final class Copiers {
  private final int jobs;
  private final Functions.Func1<String, CopyShare> work;
  private int pieces;
  private @Nullable TemporalFailure failure;
  private @Nullable String why;

  /**
   * Nobody has begun yet.
   *
   * @param work what each of them does, with a label of its own
   */
  Copiers(int jobs, Functions.Func1<String, CopyShare> work) {
    this.jobs = jobs;
    this.work = work;
  }

  /** Returns when all have ended: whether they found nothing left to do. */
  boolean copy(String size) {
    List<Promise<Boolean>> shares = new ArrayList<>();
    for (int job = 1; job <= jobs; job++) {
      String label = "copy " + size + ", " + job + " of " + jobs + " at once";
      shares.add(Async.function(this::copyPieces, label));
    }
    boolean everybodyEnded = true;
    for (Promise<Boolean> share : shares) {
      everybodyEnded &= share.get();
    }
    return everybodyEnded;
  }

  /** How many pieces they have achieved. */
  int pieces() {
    return pieces;
  }

  /** What the first of them failed with that was not told to stop. */
  @Nullable TemporalFailure failure() {
    return failure;
  }

  /** Why the snapshot is lost, where one of them said so. */
  @Nullable String why() {
    return why;
  }

  /** Whether this caller found nothing left to do. */
  private boolean copyPieces(String label) {
    try {
      CopyShare share = work.apply(label);
      pieces += share.pieces();
      why = share.why() == null ? why : share.why();
      return !share.snapshotLost();
    } catch (TemporalFailure e) {
      if (failure == null && !CancellationScope.current().isCancelRequested()) {
        failure = e;
      }
      return false;
    }
  }
}
