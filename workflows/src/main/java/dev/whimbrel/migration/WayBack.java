package dev.whimbrel.migration;

import java.util.List;

/** The rollback: takes back what was done, newest first, until the source is the truth again. */
final class WayBack {
  private final Migration migration;
  private final Cutover cutover;

  WayBack(Migration migration, Cutover cutover) {
    this.migration = migration;
    this.cutover = cutover;
  }

  /** Returns what could not be tidied up. */
  List<String> run() {
    migration.board.goBack();
    migration.approvals.clear();
    cutover.leaveWatching();
    migration.shares.leave();
    migration.wal.goBack();

    // Clients of a canary do not wait for what the databases have to say.
    boolean onlyACanary = migration.shares.touched() && !cutover.wasTried();
    return migration.undo.all(migration.steps, onlyACanary ? Step.TRAFFIC_BACK : null);
  }
}
