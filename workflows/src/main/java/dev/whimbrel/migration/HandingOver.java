package dev.whimbrel.migration;

import dev.whimbrel.activity.HandOver;
import dev.whimbrel.activity.Outcome;
import dev.whimbrel.activity.Side;
import dev.whimbrel.activity.SwitchoverRequest;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Hands the writes over, in either direction, in as many attempts as it takes, and finishes what
 * one of them has sent before anything else.
 */
final class HandingOver {
  private final Migration migration;
  private final Runner steps;
  private final Gate gate;
  private final Rehearsal rehearsal;
  private final Switching switching;
  private boolean handOverTried;

  HandingOver(Migration migration, Gate gate, Rehearsal rehearsal) {
    this.migration = migration;
    this.steps = migration.steps;
    this.gate = gate;
    this.rehearsal = rehearsal;
    this.switching = new Switching(migration);
  }

  /** Whether a hand-over to the target was ever begun. */
  boolean wasTried() {
    return handOverTried;
  }

  /** Whether a hand-over, in either direction, is under way just now. */
  boolean isUnderWay() {
    return switching.isUnderWay();
  }

  /**
   * Tries while everything that a switchover rests on holds at the same instant. What an earlier
   * attempt handed over is finished first, and waits for no approval, window or evidence: both
   * sides may be closed.
   */
  HandOver toTarget() {
    return steps.get(
        Step.SWITCHOVER, step -> handOver(step, null, this::awaitGate), HandOver::line);
  }

  /** Hands over what was copied and compared behind a closing. */
  HandOver behind(int closing) {
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
            rehearsal.again(step);
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
          rehearsal.keep();
          migration.comparisons.resume();
        },
        () -> false);
  }

  private void awaitGateBehindClosing() {
    gate.awaitBehindClosing();
    rehearsal.leave();
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
        rehearsal.keep();
      }
      do {
        comparisons.standBack();
        gate.await();
      } while (comparisons.atWork());
      rehearsal.leave();
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
    rehearsal.leave();
    return end;
  }

  /**
   * A hand-over to the target that never ended may have closed both sides: that is settled at once,
   * before anything is begun.
   */
  Outcome toSource(Step step) {
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
}
