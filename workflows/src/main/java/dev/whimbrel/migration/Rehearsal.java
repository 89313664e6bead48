package dev.whimbrel.migration;

import static dev.whimbrel.migration.Timeouts.call;

import dev.whimbrel.activity.Outcome;
import dev.whimbrel.activity.Readiness;
import dev.whimbrel.activity.Switchover;

/** Makes the way back ready before a hand-over, proves it, and keeps it so until then. */
final class Rehearsal {
  private final Migration migration;
  private final Background keepBase;

  Rehearsal(Migration migration) {
    this.migration = migration;
    this.keepBase =
        new Background(
            migration.board,
            Step.KEEP_BASE,
            step -> call(Switchover.class, Timeouts.WATCH, step).keepBase(migration.move));
  }

  /** The first one. Of a source that is closed first, the way back is made behind the copy. */
  void run() {
    migration.learn(migration.steps.get(Step.REHEARSE_REVERSE, this::prepare, Readiness::line));
    if (!migration.move.offline()) {
      keep();
    }
  }

  /** Once more, as a step of its own. */
  void again() {
    migration.learnAgain(
        migration.steps.get(Step.REHEARSE_REVERSE, this::prepare, Readiness::line));
  }

  /** Once more, within a step that a person has retried. */
  void again(Step step) {
    migration.learnAgain(prepare(step));
  }

  /** Keeps the way back's start near the present; again is harmless. */
  void keep() {
    keepBase.start();
  }

  /** Stops that, and waits for its end; again is harmless. */
  void leave() {
    keepBase.stop();
  }

  /** Takes back whatever was made ready. */
  Outcome takeBack(Step back) {
    return call(Switchover.class, Timeouts.CATALOG, back).unprepareSwitchover(migration.move);
  }

  private Readiness prepare(Step step) {
    Readiness found = call(Switchover.class, Timeouts.WORK, step).prepareSwitchover(migration.move);
    Judgement.refuseBlockers("the rehearsal of the way back", found.findings());
    return found;
  }
}
