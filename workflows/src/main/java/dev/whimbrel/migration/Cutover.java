package dev.whimbrel.migration;

import static dev.whimbrel.migration.Timeouts.call;

import dev.whimbrel.activity.Move;
import dev.whimbrel.activity.Outcome;
import dev.whimbrel.activity.Preflight;
import dev.whimbrel.activity.Switchover;
import dev.whimbrel.activity.UserReport;
import dev.whimbrel.activity.UsersRequest;
import java.time.Duration;

/** Moves the service to the target. Until the hand-over, whatever fails leaves it on the source. */
final class Cutover {
  private final Migration migration;
  private final Move move;
  private final Runner steps;
  private final Validate validate;
  private final Gate gate;
  private final Rehearsal rehearsal;
  private final HandingOver handingOver;
  private final Offline offline;
  private final Background watchWayBack;

  Cutover(Migration migration) {
    this.migration = migration;
    this.move = migration.move;
    this.steps = migration.steps;
    this.validate = new Validate(migration);
    this.gate = new Gate(migration, this::verify, this::rehearse);
    this.rehearsal = new Rehearsal(migration);
    this.handingOver = new HandingOver(migration, gate, rehearsal);
    this.offline = new Offline(migration, gate, rehearsal, handingOver, validate);
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
      migration.learn(handingOver.toTarget());
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
    return handingOver.wasTried();
  }

  /** Whether a hand-over, in either direction, is under way just now. */
  boolean isSwitching() {
    return handingOver.isUnderWay();
  }

  /** Stops what still watches the way back, and waits until no worker looks at it any more. */
  void stopWatching() {
    watchWayBack.cancel();
    migration.comparisons.cancel();
    rehearsal.leave();
    watchWayBack.stop();
    migration.comparisons.stop();
  }

  /** As {@link #stopWatching}, without waiting for what changes nothing and holds nothing up. */
  void leaveWatching() {
    watchWayBack.cancel();
    migration.comparisons.cancel();
    rehearsal.leave();
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
    migration.undo.barrier(Step.HAND_BACK, handingOver::toSource);
    rehearsal.run();
  }

  private Outcome unprepare(Step back) {
    stopWatching();
    return rehearsal.takeBack(back);
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

  private static Switchover watching(Step step) {
    return call(Switchover.class, Timeouts.WATCH, step);
  }
}
