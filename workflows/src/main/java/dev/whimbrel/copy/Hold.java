package dev.whimbrel.copy;

import io.temporal.failure.CanceledFailure;
import io.temporal.failure.TemporalFailure;
import io.temporal.workflow.Async;
import io.temporal.workflow.CancellationScope;
import io.temporal.workflow.Functions;
import io.temporal.workflow.Promise;
import io.temporal.workflow.Workflow;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Somebody who holds a snapshot beside those who work with it. */
final class Hold {
  private final CancellationScope holding;
  private final Promise<Void> held;
  private @Nullable TemporalFailure failure;

  /** Begins to hold; what it fails with is kept, unless it was told to end. */
  Hold(Functions.Proc work) {
    List<Promise<Void>> begun = new ArrayList<>(1);
    holding = Workflow.newCancellationScope(() -> begun.add(Async.procedure(() -> hold(work))));
    holding.run();
    held = begun.get(0);
  }

  private void hold(Functions.Proc work) {
    try {
      work.apply();
    } catch (TemporalFailure e) {
      // Its end is no harm once everything is copied; before, it says why the others stopped.
      if (!CancellationScope.current().isCancelRequested()) {
        failure = e;
      }
    }
  }

  /** Whether nobody holds it any more. */
  boolean isOver() {
    return held.isCompleted();
  }

  /** What holding it failed with. */
  @Nullable TemporalFailure failure() {
    return failure;
  }

  /** Does something that is cancelled when the holding ends before it. */
  <T> T whileHeld(Functions.Func<T> work) {
    List<Promise<T>> begun = new ArrayList<>(1);
    CancellationScope scope = Workflow.newCancellationScope(() -> begun.add(Async.function(work)));
    scope.run();
    Promise<T> promise = begun.get(0);
    Workflow.await(() -> promise.isCompleted() || held.isCompleted());
    if (!promise.isCompleted()) {
      scope.cancel("the snapshot is lost");
    }
    return promise.get();
  }

  /**
   * Does something that is cancelled where a person has to mend what is held; a mere loss it finds
   * out by itself. Returns when it has ended, also where the whole is cancelled.
   */
  <T> T unlessInVain(Functions.Func<T> work) {
    List<Promise<T>> begun = new ArrayList<>(1);
    CancellationScope scope = Workflow.newCancellationScope(() -> begun.add(Async.function(work)));
    scope.run();
    Promise<T> promise = begun.get(0);
    try {
      Workflow.await(() -> promise.isCompleted() || isInVain());
      if (!promise.isCompleted()) {
        scope.cancel("it would be in vain");
      }
    } catch (CanceledFailure e) {
      // The work has heard of it too, and is waited for all the same.
    }
    return promise.get();
  }

  private boolean isInVain() {
    TemporalFailure why = failure;
    return why != null && !CopyRun.mayPass(why);
  }

  /** Ends it, and waits until it has ended. */
  void end() {
    holding.cancel("the generation is over");
    Workflow.newDetachedCancellationScope(() -> Workflow.await(held::isCompleted)).run();
  }
}
