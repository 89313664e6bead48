package dev.whimbrel.migration;

import dev.whimbrel.activity.Outcome;
import io.temporal.failure.TemporalFailure;
import io.temporal.workflow.CancellationScope;
import io.temporal.workflow.Promise;
import io.temporal.workflow.TimerOptions;
import io.temporal.workflow.Workflow;
import java.time.Duration;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/** Carries out steps one by one: holds before each one, records it, parks it when it fails. */
final class Runner {
  private final Board board;
  private final Map<Step, String> skipped = new EnumMap<>(Step.class);

  private @Nullable Running running;

  Runner(Board board) {
    this.board = board;
  }

  /** Carries a step out; a person may skip it where {@link Step#skippable()} says so. */
  void run(Step step, Function<Step, Outcome> work) {
    attempt(step, work, Outcome::line, step.skippable());
  }

  /** Carries out a step whose result the migration cannot do without. */
  <R> R get(Step step, Function<Step, R> work, Function<R, String> line) {
    R result = attempt(step, work, line, false);
    if (result == null) {
      throw new IllegalStateException(step.id() + " was skipped, which is never allowed");
    }
    return result;
  }

  /** As {@link #get}, but null when a person skipped the step. */
  <R> @Nullable R attempt(
      Step step, Function<Step, R> work, Function<R, String> line, boolean skippable) {
    while (true) {
      awaitMayGoOn(step);
      board.begin(step);
      try {
        R result = perform(step, work, skippable);
        if (result != null) {
          skipped.remove(step);
          board.end(step, line.apply(result));
        }
        return result;
      } catch (TemporalFailure e) {
        rethrowIfCancelled(e);
        Parking.Verdict verdict =
            board.parking().park(step.id(), Judgement.help(step, e), skippable);
        if (!verdict.retry()) {
          skip(step, verdict.decision());
          return null;
        }
      }
    }
  }

  /**
   * Carries a step out without parking it: its failure is the caller's.
   *
   * @return whether it was carried out, and not skipped
   */
  boolean once(Step step, Function<Step, Outcome> work) {
    board.begin(step);
    try {
      Outcome outcome = perform(step, work, step.skippable());
      if (outcome != null) {
        board.end(step, outcome.line());
      }
      return outcome != null;
    } catch (TemporalFailure e) {
      if (!CancellationScope.current().isCancelRequested()) {
        board.end(step, "FAILED: " + Judgement.help(step, e).cause());
      }
      throw e;
    }
  }

  /** Does the work in a scope of its own, so that a person can go on without waiting for it. */
  private <R> @Nullable R perform(Step step, Function<Step, R> work, boolean skippable) {
    List<R> results = new ArrayList<>(1);
    CancellationScope scope = Workflow.newCancellationScope(() -> results.add(work.apply(step)));
    Running now = new Running(step, scope);
    running = skippable ? now : null;
    try {
      scope.run();
    } catch (TemporalFailure e) {
      rethrowIfCancelled(e);
      if (now.skip == null) {
        throw e;
      }
    } finally {
      running = null;
    }
    if (results.isEmpty() && now.skip != null) {
      skip(step, now.skip);
    }
    return results.isEmpty() ? null : results.get(0);
  }

  private void skip(Step step, StepDecision decision) {
    String who = "skipped by " + decision.by() + ": " + decision.reason();
    skipped.put(step, step.id() + " " + who);
    board.end(step, who);
  }

  /** Whether a decision names a step that runs and may be skipped. */
  boolean isRunning(StepDecision decision) {
    return running != null && running.step.id().equals(decision.step());
  }

  /** Goes on without the step that runs. */
  String skipRunning(StepDecision decision) {
    Running now = running;
    if (now == null) {
      return "it has just ended by itself";
    }
    now.skip = decision;
    now.scope.cancel("skipped by " + decision.by());
    return "going on without: " + now.step.id();
  }

  private static final class Running {
    final Step step;
    final CancellationScope scope;
    @Nullable StepDecision skip;

    Running(Step step, CancellationScope scope) {
      this.step = step;
      this.scope = scope;
    }
  }

  /**
   * Lets time pass, labelled with the step's id.
   *
   * @param waitingFor what is waited for
   * @param outcome what stands afterwards
   */
  void rest(Step step, Duration time, String waitingFor, String outcome) {
    awaitMayGoOn(step);
    board.begin(step);
    board.await(MigrationStatus.State.WAITING_FOR_TIME, waitingFor);
    timer(time, step.label()).get();
    board.goOn();
    board.end(step, outcome);
  }

  /** Lets time pass inside of a step's work. */
  void pass(Duration time, String label) {
    timer(time, label).get();
  }

  /** Waits until a condition holds, or until a time has passed. */
  void awaitFor(Duration time, String label, Supplier<Boolean> condition) {
    Promise<?>[] timer = new Promise<?>[1];
    CancellationScope scope = Workflow.newCancellationScope(() -> timer[0] = timer(time, label));
    scope.run();
    Workflow.await(() -> timer[0].isCompleted() || condition.get());
    if (!timer[0].isCompleted()) {
      scope.cancel("the wait is over");
    }
  }

  private static Promise<Void> timer(Duration time, String label) {
    return Workflow.newTimer(time, TimerOptions.newBuilder().setSummary(label).build());
  }

  /** Holds while the migration is paused, or while something else waits for a person. */
  void awaitMayGoOn(Step step) {
    CancellationScope.throwCanceled();
    if (mayGoOn()) {
      return;
    }
    board.await(MigrationStatus.State.RUNNING, step.id() + " starts when a person has decided");
    Workflow.await(this::mayGoOn);
    board.goOn();
  }

  boolean mayGoOn() {
    return !board.isPaused() && board.parking().isEmpty();
  }

  /** These are carried out anew, whoever went on without them before. */
  void forget(Step... again) {
    for (Step step : again) {
      skipped.remove(step);
    }
  }

  /** Whether a person has skipped a step. */
  boolean isSkipped(Step step) {
    return skipped.containsKey(step);
  }

  /** What people skipped so far, with their reasons. */
  List<String> skipped() {
    return List.copyOf(skipped.values());
  }

  /** When a step ends while a cancel is requested, for whatever cause, the way back begins. */
  static void rethrowIfCancelled(TemporalFailure failure) {
    if (CancellationScope.current().isCancelRequested()) {
      throw failure;
    }
  }
}
