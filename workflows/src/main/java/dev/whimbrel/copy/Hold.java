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
import java.util.function.BooleanSupplier;
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
    Beside<T> beside = Beside.begin(work);
    beside.endWhen(held::isCompleted, "the snapshot is lost");
    return beside.promise().get();
  }

  /**
   * Does something that is cancelled where a person has to mend what is held; a mere loss it finds
   * out by itself. Returns when it has ended, also where the whole is cancelled.
   */
  <T> T unlessInVain(Functions.Func<T> work) {
    Beside<T> beside = Beside.begin(work);
    try {
      beside.endWhen(this::isInVain, "it would be in vain");
    } catch (CanceledFailure e) {
      // The work has heard of it too, and is waited for all the same.
    }
    return beside.promise().get();
  }

  private boolean isInVain() {
    TemporalFailure why = failure;
    return why != null && !CopyRun.mayPass(why);
  }

  /** Work in a scope of its own. */
  private record Beside<T>(CancellationScope scope, Promise<T> promise) {
    static <T> Beside<T> begin(Functions.Func<T> work) {
      List<Promise<T>> begun = new ArrayList<>(1);
      CancellationScope scope =
          Workflow.newCancellationScope(() -> begun.add(Async.function(work)));
      scope.run();
      return new Beside<>(scope, begun.get(0));
    }

    /** Waits for its end, and cancels it where something else comes first. */
    void endWhen(BooleanSupplier condition, String why) {
      Workflow.await(() -> promise.isCompleted() || condition.getAsBoolean());
      if (!promise.isCompleted()) {
        scope.cancel(why);
      }
    }
  }

  /** Ends it, and waits until it has ended. */
  void end() {
    holding.cancel("the generation is over");
    Workflow.newDetachedCancellationScope(() -> Workflow.await(held::isCompleted)).run();
  }
}
