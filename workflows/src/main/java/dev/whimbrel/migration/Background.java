package dev.whimbrel.migration;

import io.temporal.failure.TemporalFailure;
import io.temporal.workflow.Async;
import io.temporal.workflow.CancellationScope;
import io.temporal.workflow.Promise;
import io.temporal.workflow.Workflow;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/** An activity that runs beside the steps until it is stopped, in a coroutine of its own. */
final class Background {
  private final Board board;
  private final Step step;
  private final Consumer<Step> work;
  private final boolean detached;
  private @Nullable CancellationScope scope;
  private @Nullable Promise<Void> running;
  private boolean parked;
  private int parkings;
  private final List<StepDecision> skipped = new ArrayList<>();

  Background(Board board, Step step, Consumer<Step> work) {
    this(board, step, work, false);
  }

  private Background(Board board, Step step, Consumer<Step> work, boolean detached) {
    this.detached = detached;
    this.board = board;
    this.step = step;
    this.work = work;
  }

  /**
   * One that outlives the step that starts it, also where a person skips that: it ends when it is
   * told to.
   */
  static Background detached(Board board, Step step, Consumer<Step> work) {
    return new Background(board, step, work, true);
  }

  /** What it is called where people see it. */
  Step step() {
    return step;
  }

  /** Starts it; again is harmless. */
  void start() {
    if (running != null) {
      return;
    }
    Runnable start = () -> running = Async.procedure(this::keepOn);
    CancellationScope own =
        detached
            ? Workflow.newDetachedCancellationScope(start)
            : Workflow.newCancellationScope(start);
    scope = own;
    own.run();
  }

  /** A person goes on without it although nothing is wrong: it stops, and that is remembered. */
  void skip(StepDecision decision) {
    skipped.add(decision);
    cancel();
  }

  /** Asks it to stop and does not wait; again is harmless. */
  void cancel() {
    if (scope != null) {
      scope.cancel(step.id() + " is no longer needed");
    }
  }

  /** Stops it and waits until no worker is at it any more; again is harmless. */
  void stop() {
    Promise<Void> ending = running;
    if (ending == null) {
      return;
    }
    cancel();
    Workflow.await(ending::isCompleted);
    running = null;
  }

  /** Whether it was started, and has not ended since. */
  boolean running() {
    return running != null && !running.isCompleted();
  }

  /** Whether it waits for a person, so that nothing is done here. */
  boolean isParked() {
    return parked;
  }

  /** How often it has waited for a person so far. */
  int parkings() {
    return parkings;
  }

  /** Who let it go although it had not ended, each time that somebody did, in words. */
  List<String> skipped() {
    return skipped.stream()
        .map(
            decision ->
                "%s skipped by %s: %s".formatted(step.id(), decision.by(), decision.reason()))
        .toList();
  }

  /** A failure is parked beside whatever else happens; a person lets it go on, or go. */
  private void keepOn() {
    while (true) {
      try {
        work.accept(step);
        return;
      } catch (TemporalFailure e) {
        if (CancellationScope.current().isCancelRequested()) {
          return;
        }
        if (!asked(e)) {
          return;
        }
      }
    }
  }

  private boolean asked(TemporalFailure failure) {
    parked = true;
    parkings++;
    try {
      Parking.Verdict verdict =
          board.parking().park(step.id(), Judgement.help(step, failure), true);
      if (!verdict.retry()) {
        skipped.add(verdict.decision());
      }
      return verdict.retry();
    } finally {
      parked = false;
    }
  }
}
