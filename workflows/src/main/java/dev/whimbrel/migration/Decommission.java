package dev.whimbrel.migration;

import static dev.whimbrel.migration.Timeouts.call;

import dev.whimbrel.activity.DnsMove;
import dev.whimbrel.activity.Outcome;
import dev.whimbrel.activity.Switchover;
import dev.whimbrel.activity.TtlRequest;

/**
 * Ends the old side. Going back is possible until {@link #passPointOfNoReturn}, and never after.
 */
final class Decommission {
  private final Migration migration;
  private final Cutover cutover;

  Decommission(Migration migration, Cutover cutover) {
    this.migration = migration;
    this.cutover = cutover;
  }

  /** Waits for the approval; the last moment at which going back is possible ends here. */
  void passPointOfNoReturn() {
    migration.endOfWindow();
    if (migration.runbook.decommission().approvalRequired()) {
      Gate.awaitDecommission(migration);
    } else {
      migration.board.notConfigured(Step.END_APPROVAL);
      migration.steps.awaitMayGoOn(Step.STOP_REVERSE);
    }
    migration.course.passPointOfNoReturn();
  }

  /** What follows the point of no return: nothing calls it back. */
  void run() {
    migration.board.offerWayBack(false, null);
    cutover.stopWatching();
    migration.shares.stop();
    migration.steps.run(
        Step.STOP_REVERSE,
        step -> call(Switchover.class, Timeouts.CATALOG, step).stopReverse(migration.move));
    migration.wal.cancel();
    restoreTtl();
    migration.steps.run(
        Step.CLEAN_UP,
        step -> {
          Outcome clean = call(Switchover.class, Timeouts.CATALOG, step).cleanUp(migration.move);
          return migration.shares.forget(step, clean);
        });
    // Last of all: the source's database may run on one of them, and was closed just now.
    new Machines(migration).retire();
  }

  private void restoreTtl() {
    DnsMove names = migration.names();
    if (names == null) {
      migration.board.notConfigured(Step.RESTORE_TTL);
      return;
    }
    TtlRequest request = new TtlRequest(names, migration.found(), 0, true);
    boolean listed = migration.runbook.decommission().retire() != null;
    migration.steps.run(
        Step.RESTORE_TTL,
        step -> {
          Outcome restored = Prepare.restoreTtl(step, request);
          return listed ? restored : new Outcome(restored.line() + Machines.zones(migration, step));
        });
  }
}
