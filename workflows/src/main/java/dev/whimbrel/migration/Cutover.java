package dev.whimbrel.migration;

import static dev.whimbrel.migration.Timeouts.call;

import dev.whimbrel.activity.HandOver;
import dev.whimbrel.activity.Move;
import dev.whimbrel.activity.Outcome;
import dev.whimbrel.activity.Preflight;
import dev.whimbrel.activity.Readiness;
import dev.whimbrel.activity.Side;
import dev.whimbrel.activity.Switchover;
import dev.whimbrel.activity.SwitchoverRequest;
import dev.whimbrel.activity.UserReport;
import dev.whimbrel.activity.UsersRequest;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Moves the service to the target. Until the hand-over, whatever fails leaves it on the source. */
final class Cutover {
  private final Migration migration;
  private final Move move;
  private final Runner steps;
  private final Validate validate;
  private final Gate gate;
  private final Background keepBase;
  private final Background watchWayBack;
  private boolean handOverTried;
  private final Switching switching;
  private final Offline offline;

  Cutover(Migration migration) {
    this.migration = migration;
    this.move = migration.move;
    this.steps = migration.steps;
    this.switching = new Switching(migration);
    this.validate = new Validate(migration);
    this.offline = new Offline(migration, this, validate);
    this.gate = new Gate(migration, this::verify, this::rehearse);
    this.keepBase =
        new Background(migration.board, Step.KEEP_BASE, step -> watching(step).keepBase(move));
    this.watchWayBack =
        new Background(
            migration.board, Step.WATCH_WAY_BACK, step -> watching(step).watchWayBack(move));
  }

  void run() {
    if (move.offline()) {
      new Replicate(migration).createTables();
    }
    migration.guards.start();
    steps.run(Step.USERS, this::judgeUsers);
    steps.get(Step.EVIDENCE, step -> migration.evidence(), Gate::line);
    if (move.offline()) {
      migration.learn(offline.handOver());
    } else {
      gate.await();
      migration.learn(steps.get(Step.SWITCHOVER, this::handOver, HandOver::line));
    }
    watchWayBack();

    validate.smoke(Step.SMOKE_AGAIN);
    steps.run(Step.FIRST_WRITES, step -> watching(step).awaitFirstWrites(move));
    shiftTraffic();

    monitor(migration.runbook.cutover().monitor(), migration.runbook.rollback().window());
    keepWindow(migration.runbook.rollback().window());
    steps.run(Step.TAIL, step -> watching(step).awaitTail(move));
  }

  private Outcome judgeUsers(Step step) {
    UserReport report =
        call(Preflight.class, Timeouts.CATALOG, step)
            .judgeUsers(new UsersRequest(move, migration.users()));
    migration.learn(report);
    Judgement.refuseLeftAlone(report);
    return new Outcome(Judgement.line(report));
  }

  /** What the migration's closing of its source can be asked from outside of the steps. */
  Offline offline() {
    return offline;
  }

  /** Whether a hand-over to the target was ever begun. */
  boolean wasTried() {
    return handOverTried;
  }

  /** Whether a hand-over, in either direction, is under way just now. */
  boolean isSwitching() {
    return switching.isUnderWay();
  }

  /** Stops what still watches the way back, and waits until no worker looks at it any more. */
  void stopWatching() {
    watchWayBack.cancel();
    migration.comparisons.cancel();
    keepBase.stop();
    watchWayBack.stop();
    migration.comparisons.stop();
  }

  /** As {@link #stopWatching}, without waiting for what changes nothing and holds nothing up. */
  void leaveWatching() {
    watchWayBack.cancel();
    migration.comparisons.cancel();
    keepBase.stop();
  }

  private void verify() {
    validate.verify(Step.FRESH_VERIFY);
  }

  /**
   * From here on people can hand over by hand, without the engine: a rollback asks the databases
   * who is the truth, whatever this workflow has done.
   */
  private void rehearse() {
    migration.undo.tidying(Step.UNPREPARE, this::unprepare);
    migration.shares.registerUndo();
    migration.undo.barrier(Step.HAND_BACK, this::handBack);
    Readiness ready = steps.get(Step.REHEARSE_REVERSE, this::prepare, Readiness::line);
    migration.learn(ready);
    if (!move.offline()) {
      keepBase.start();
    }
  }

  /** The gate before the source is closed. */
  void awaitClosing() {
    gate.awaitClosing();
  }

  /** Makes the way back ready once more, behind a copy of a source that is closed. */
  void rehearseBehindClosing() {
    rehearseAgain();
    keepBase.start();
    gate.awaitBehindClosing();
  }

  /** Stops what only makes sense behind a closing. */
  void leaveClosing() {
    keepBase.stop();
  }

  /** Hands over what was copied and compared behind a closing. */
  HandOver handOverBehind(int closing) {
    return steps.get(
        Step.SWITCHOVER,
        step -> handOver(step, closing, this::awaitGateBehindClosing),
        HandOver::line);
  }

  /** What an attempt has handed over although its closing is said not to hold; null where none. */
  @Nullable HandOver finishWhatWasSent() {
    if (!handOverTried) {
      return null;
    }
    List<HandOver> sent = new ArrayList<>(1);
    steps.run(
        Step.SWITCHOVER,
        step -> {
          HandOver end = finishHandOver(step);
          if (end == null) {
            return new Outcome("nothing was handed over");
          }
          sent.add(end);
          return new Outcome(end.line());
        });
    return sent.isEmpty() ? null : sent.get(0);
  }

  /** Makes the way back ready once more, before the source is closed again. */
  void rehearseAgain() {
    migration.learnAgain(steps.get(Step.REHEARSE_REVERSE, this::prepare, Readiness::line));
  }

  /** As {@link #rehearseAgain}, within a step that a person has retried. */
  void prepareAgain(Step step) {
    migration.learnAgain(prepare(step));
  }

  private Outcome unprepare(Step back) {
    stopWatching();
    return catalog(back).unprepareSwitchover(move);
  }

  private Readiness prepare(Step step) {
    Readiness found = call(Switchover.class, Timeouts.WORK, step).prepareSwitchover(move);
    Judgement.refuseBlockers("the rehearsal of the way back", found.findings());
    return found;
  }

  /**
   * Tries while everything that a switchover rests on holds at the same instant. What an earlier
   * attempt handed over is finished first, and waits for no approval, window or evidence: both
   * sides may be closed.
   */
  private HandOver handOver(Step step) {
    return handOver(step, null, this::awaitGate);
  }

  private HandOver handOver(Step step, @Nullable Integer closing, Runnable awaitGate) {
    boolean[] parkedBefore = {handOverTried};
    return Attempts.of(
        steps,
        step,
        () -> {
          HandOver finished = handOverTried ? finishHandOver(step) : null;
          if (finished != null) {
            return finished;
          }
          if (parkedBefore[0]) {
            parkedBefore[0] = false;
            prepareAgain(step);
          }
          awaitGate.run();
          migration.board.begin(step);
          migration.board.switchoverTried();
          handOverTried = true;
          return switching.decided(
              () -> switching.call(step).handOver(migration.handOverToTarget().behind(closing)));
        },
        () -> finishHandOver(step),
        () -> {
          keepBase.start();
          migration.comparisons.resume();
        },
        () -> false);
  }

  private void awaitGateBehindClosing() {
    gate.awaitBehindClosing();
    keepBase.stop();
  }

  /**
   * What keeps the way back ready stops last: the gate may wait long once the comparisons have
   * stood back.
   */
  private void awaitGate() {
    Comparisons comparisons = migration.comparisons;
    gate.await();
    do {
      if (comparisons.known()) {
        keepBase.start();
      }
      do {
        comparisons.standBack();
        gate.await();
      } while (comparisons.atWork());
      keepBase.stop();
      gate.await();
    } while (comparisons.atWork());
  }

  private @Nullable HandOver finishHandOver(Step step) {
    migration.comparisons.standBack();
    SwitchoverRequest request = migration.handOverToTarget().toFinish();
    HandOver end = switching.finish(step, switchover -> switchover.handOver(request));
    if (end.writesGoTo() != Side.TARGET) {
      return null;
    }
    keepBase.stop();
    return end;
  }

  /**
   * A hand-over to the target that never ended may have closed both sides: that is settled at once,
   * before anything is begun.
   */
  private Outcome handBack(Step step) {
    String accepted = migration.course.acceptLossBy();
    boolean[] unsettled = {
      (handOverTried && migration.handOver() == null) || migration.board.isTruthOpen()
    };
    HandOver back =
        Attempts.of(
            steps,
            step,
            () -> {
              HandOver settled = unsettled[0] ? finishHandBack(step) : null;
              unsettled[0] = false;
              return settled != null
                  ? settled
                  : switching.decided(
                      () -> switching.call(step).settle(migration.switchoverTo(Side.SOURCE)));
            },
            () -> finishHandBack(step),
            () -> {},
            () -> accepted == null && migration.course.acceptLossBy() != null);
    migration.learn(back);
    return new Outcome(back.line());
  }

  private @Nullable HandOver finishHandBack(Step step) {
    SwitchoverRequest request = migration.switchoverTo(Side.SOURCE).toFinish();
    HandOver end = switching.finish(step, switchover -> switchover.settle(request));
    return end.writesGoTo() == Side.SOURCE ? end : null;
  }

  private void shiftTraffic() {
    if (!migration.shares.configured()) {
      migration.board.notConfigured(Step.SHIFT_TRAFFIC);
      return;
    }
    steps.run(Step.SHIFT_TRAFFIC, step -> migration.shares.shift(step, 100));
  }

  private void watchWayBack() {
    // Nobody knows yet when the window ends: it begins when everything has followed.
    migration.offerWayBack();
    // A source that was given up may come back, and must be closed then.
    if (migration.canGoBack() || migration.course.wasPromoted()) {
      watchWayBack.start();
    }
  }

  private void monitor(Duration time, Duration window) {
    steps.awaitMayGoOn(Step.MONITOR);
    migration.offerWayBack(time.plus(window));
    steps.rest(Step.MONITOR, time, "the end of the monitor period", "the target was watched");
  }

  private void keepWindow(Duration window) {
    steps.awaitMayGoOn(Step.WINDOW);
    migration.offerWayBack(window);
    steps.rest(Step.WINDOW, window, "the end of the rollback window", "the way back stayed open");
    migration.guards.cancel();
  }

  private static Switchover catalog(Step step) {
    return call(Switchover.class, Timeouts.CATALOG, step);
  }

  private static Switchover watching(Step step) {
    return call(Switchover.class, Timeouts.WATCH, step);
  }
}
