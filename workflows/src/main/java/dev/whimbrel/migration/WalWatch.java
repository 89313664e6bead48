package dev.whimbrel.migration;

import dev.whimbrel.activity.Failures.Help;
import dev.whimbrel.activity.HandOver;
import dev.whimbrel.activity.KeptWal;
import dev.whimbrel.activity.Side;
import dev.whimbrel.activity.WalReport;
import dev.whimbrel.activity.WalReport.What;
import dev.whimbrel.activity.WalRequest;
import io.temporal.failure.CanceledFailure;
import io.temporal.failure.TemporalFailure;
import io.temporal.workflow.Async;
import io.temporal.workflow.CancellationScope;
import io.temporal.workflow.Promise;
import io.temporal.workflow.Workflow;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The watch over the log that the servers keep for the migration's slots: from before the first of
 * them is made until the last one is gone, whichever way the migration goes, and whatever else is
 * waited for. Costs the history nothing as long as both sides stay under their limits.
 */
final class WalWatch {
  private static final Step STEP = Step.WATCH_WAL;

  private final Migration migration;
  private final List<Side> accepted = new ArrayList<>();
  private final List<String> skipped = new ArrayList<>();
  private @Nullable CancellationScope scope;
  private @Nullable Promise<Void> running;
  private boolean wayBackLost;
  private boolean goingBack;

  WalWatch(Migration migration) {
    this.migration = migration;
  }

  /** Starts it; again is harmless. */
  void start() {
    if (scope == null) {
      CancellationScope own =
          Workflow.newDetachedCancellationScope(() -> running = Async.procedure(this::keepOn));
      scope = own;
      own.run();
    }
  }

  /** From now on nobody is asked: the way back drops the slots, and waits for no answer. */
  void goBack() {
    goingBack = true;
    accepted.addAll(List.of(Side.values()));
  }

  /** Asks it to stop and does not wait; again is harmless. */
  void cancel() {
    if (scope != null) {
      scope.cancel("no slot is left");
    }
  }

  /** Stops it and waits until no worker is at it any more; again is harmless. */
  void stop() {
    cancel();
    Promise<Void> ending = running;
    if (ending != null) {
      Workflow.await(ending::isCompleted);
    }
  }

  /** What people went on with although a limit was reached. */
  List<String> skipped() {
    return List.copyOf(skipped);
  }

  private void keepOn() {
    try {
      boolean goesOn = true;
      while (goesOn) {
        goesOn = watchOnce();
      }
    } catch (CanceledFailure e) {
      // Nothing is to be watched any more, while a person was being asked.
      return;
    }
  }

  /** Whether there is something to watch afterwards. */
  private boolean watchOnce() {
    WalReport report;
    try {
      report = watch(false);
    } catch (TemporalFailure e) {
      if (CancellationScope.current().isCancelRequested() || goingBack) {
        return false;
      }
      Parking.Verdict verdict = ask(Judgement.help(STEP, e));
      return verdict == null || verdict.retry() || skip(verdict.decision(), List.of());
    }
    if (report.what() == What.RELEASED) {
      return released(report);
    }
    Parking.Verdict verdict = goingBack ? null : ask(help(report));
    if (verdict != null && !verdict.retry()) {
      skip(verdict.decision(), List.of(report.side()));
    }
    return true;
  }

  /** Whether a person who goes on leaves something to watch. */
  private boolean skip(StepDecision decision, List<Side> sides) {
    accepted.addAll(sides);
    skipped.add(
        "%s skipped by %s: %s"
            .formatted(STEP.id(), decision.by(), String.valueOf(decision.reason())));
    return !sides.isEmpty();
  }

  private WalReport watch(boolean asking) {
    return Timeouts.call(KeptWal.class, Timeouts.WATCH, STEP)
        .awaitWal(new WalRequest(migration.move, asking, List.copyOf(accepted), wayBackLost));
  }

  /** What was dropped is said where people look, and never only in a log. */
  private boolean released(WalReport report) {
    migration.board.note(STEP, report.line());
    if (report.side() == Side.TARGET) {
      wayBackLost = true;
      migration.loseWayBack(report.line());
      return true;
    }
    HandOver handOver = migration.handOver();
    if (handOver != null && handOver.writesGoTo() == Side.TARGET) {
      // A source that came back, until the watch over the way back has closed it.
      return true;
    }
    migration.course.ask(new RollbackRequest(STEP.id(), report.line(), false));
    return false;
  }

  private Help help(WalReport report) {
    String name = migration.runbook.name();
    return new Help(
        report.line(),
        "A full disk stops that server. Give it more disk, find out what holds the stream up, or roll back, which drops the slots. It goes on by itself once less is kept; a skip goes on without asking again.",
        "whimbrel rollback " + name + " --reason \"" + STEP.id() + "\"");
  }

  /** Asks a person and looks on meanwhile; null where there is nothing to ask any more. */
  private Parking.@Nullable Verdict ask(Help help) {
    List<Promise<Parking.@Nullable Verdict>> answer = new ArrayList<>(1);
    CancellationScope asking =
        Workflow.newCancellationScope(() -> answer.add(Async.function(this::park, help)));
    List<Promise<Boolean>> relief = new ArrayList<>(1);
    CancellationScope looking =
        Workflow.newCancellationScope(() -> relief.add(Async.function(this::awaitRelief)));
    asking.run();
    looking.run();
    Promise<Parking.@Nullable Verdict> answered = answer.get(0);
    Promise<Boolean> relieved = relief.get(0);
    try {
      Workflow.await(
          () -> goingBack || answered.isCompleted() || (relieved.isCompleted() && relieved.get()));
    } finally {
      asking.cancel("less is kept again");
      looking.cancel("a person has answered");
      Workflow.newDetachedCancellationScope(
              () -> Workflow.await(() -> answered.isCompleted() && relieved.isCompleted()))
          .run();
    }
    return answered.get();
  }

  private Parking.@Nullable Verdict park(Help help) {
    try {
      return migration.board.parking().park(STEP.id(), help, true);
    } catch (CanceledFailure e) {
      return null;
    }
  }

  /** False where nobody can look: then only a person ends the wait. */
  private boolean awaitRelief() {
    try {
      // Slots that were dropped meanwhile are told by the next watch, from the note on the server.
      return watch(true).what() != What.ASK;
    } catch (TemporalFailure e) {
      return false;
    }
  }
}
