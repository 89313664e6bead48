package dev.whimbrel.migration;

import dev.whimbrel.activity.HandOver;
import dev.whimbrel.activity.Switchover;
import dev.whimbrel.migration.MigrationStatus.State;
import io.temporal.failure.TemporalFailure;
import java.util.function.Function;
import java.util.function.Supplier;

/** Asks for a hand-over, in either direction, and says where writes go only while that is known. */
final class Switching {
  private final Migration migration;
  private boolean underWay;

  Switching(Migration migration) {
    this.migration = migration;
  }

  /** Whether one is under way just now. */
  boolean isUnderWay() {
    return underWay;
  }

  /** One attempt. */
  Switchover call(Step step) {
    return Timeouts.call(
        Switchover.class, Timeouts.switchover(migration.runbook.rollback().patience()), step);
  }

  /** As many attempts as it takes to finish what was sent. */
  HandOver finish(Step step, Function<Switchover, HandOver> how) {
    migration.board.await(
        State.RUNNING, "the end of a hand-over that was sent: both sides may be closed");
    try {
      return decided(
          () ->
              how.apply(
                  Timeouts.call(
                      Switchover.class,
                      Timeouts.finishing(migration.runbook.rollback().patience()),
                      step)));
    } finally {
      migration.board.goOn();
    }
  }

  /** Says where writes go only while that is known. */
  HandOver decided(Supplier<HandOver> switchover) {
    underWay = true;
    try {
      HandOver end = switchover.get();
      migration.board.truthIs(end);
      return end;
    } catch (TemporalFailure e) {
      // Only an answer closes the question: a failure that learnt nothing may follow one that did.
      if (Judgement.leavesTheTruthOpen(e)) {
        migration.board.truthIsOpen();
      }
      throw e;
    } finally {
      underWay = false;
    }
  }
}
