package dev.whimbrel.migration;

import static dev.whimbrel.migration.Timeouts.call;

import dev.whimbrel.activity.Closed;
import dev.whimbrel.activity.ClosingRequest;
import dev.whimbrel.activity.HandOver;
import dev.whimbrel.activity.SourceClosing;
import dev.whimbrel.migration.MigrationStatus.SourceClosed;
import io.temporal.failure.CanceledFailure;
import io.temporal.failure.TemporalFailure;
import io.temporal.workflow.Async;
import io.temporal.workflow.CancellationScope;
import io.temporal.workflow.Promise;
import io.temporal.workflow.Workflow;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * Closes the source first, and then copies, compares and hands over. Whatever ends the closing
 * before the hand-over leaves the source what it was: the truth, and open.
 */
final class Offline {
  private static final String BY_HAND =
      "closing %d of the source could not be ended: %s. It opens by itself within 20 s, since nobody keeps it closed any more, and Whimbrel's triggers stay in the writers' way. whimbrel inspect RUNBOOK says how it stands; to open it: UPDATE whimbrel.closing SET ended_at = clock_timestamp(), ended = 'by hand' WHERE ended_at IS NULL";

  private final Migration migration;
  private final Gate gate;
  private final Rehearsal rehearsal;
  private final HandingOver handingOver;
  private final Validate validate;
  private final Replicate replicate;

  /** How many closings were tried, which one was the last that stood, and what is open again. */
  private int closings;

  private int closed;
  private int opened;
  private boolean copiedBefore;
  private boolean closingTried;
  private @Nullable String atLast;

  Offline(
      Migration migration,
      Gate gate,
      Rehearsal rehearsal,
      HandingOver handingOver,
      Validate validate) {
    this.migration = migration;
    this.gate = gate;
    this.rehearsal = rehearsal;
    this.handingOver = handingOver;
    this.validate = validate;
    this.replicate = new Replicate(migration);
  }

  /** Returns when the target has the writes, however often the source has to be closed for it. */
  HandOver handOver() {
    while (true) {
      gate.awaitClosing();
      if (copiedBefore) {
        replicate.createTablesAnew(rehearsal::again);
      }
      Closed standing = migration.steps.get(Step.CLOSE, this::close, Closed::line);
      closingTried = false;
      copiedBefore = true;
      closed = standing.number();
      Keeping keeping = new Keeping(standing);
      HandOver end = keeping.during(() -> copyCompareHandOver(standing.number()));
      if (end == null) {
        // The hand-over ends its closing by itself: what it has sent is finished first.
        end = handingOver.finishWhatWasSent();
      }
      if (end != null) {
        opened = closings;
        return pausing(end, keeping.began);
      }
      askAgain(standing.number(), Objects.requireNonNull(keeping.failure));
    }
  }

  /** Nobody could write since the source was closed, whatever the hand-over itself took. */
  private static HandOver pausing(HandOver end, Instant since) {
    return new HandOver(
        end.writesGoTo(),
        end.epoch(),
        end.at(),
        Duration.between(since, Board.now()).toMillis(),
        end.roundTrips(),
        end.handedOver(),
        end.canGoBack(),
        end.line());
  }

  /**
   * Each try is a closing of its own: one that did not hold never holds again. What a person is
   * asked about is asked before the source is closed, so that the gate is looked at before each
   * try, and behind each rehearsal.
   */
  private Closed close(Step step) {
    boolean[] parkedBefore = {closingTried};
    closingTried = true;
    return Attempts.of(
        migration.steps,
        step,
        () -> {
          if (parkedBefore[0]) {
            parkedBefore[0] = false;
            rehearsal.again(step);
          }
          gate.awaitClosing();
          migration.board.begin(step);
          closings = Math.max(closings, lastClosing()) + 1;
          return call(SourceClosing.class, Timeouts.CLOSE, step).closeSource(request(closings));
        },
        () -> null,
        () -> {},
        () -> false);
  }

  /** A migration of the same name that was abandoned has counted before. */
  private int lastClosing() {
    return Objects.requireNonNull(migration.readiness()).lastClosing();
  }

  private ClosingRequest request(int number) {
    return new ClosingRequest(
        migration.move,
        number,
        Objects.requireNonNull(migration.readiness()).epoch(),
        migration.runbook.replicate().closedFor());
  }

  private HandOver copyCompareHandOver(int closing) {
    replicate.copyWhatIsClosed();

    // Before the comparison: from here on nobody writes to the target.
    rehearsal.again();
    rehearsal.keep();
    gate.awaitBehindClosing();
    validate.verify(Step.VERIFY_DATA);
    validate.smoke(Step.SMOKE);

    return handingOver.behind(closing);
  }

  /** Writes go on at the source. A person says when it may be closed once more. */
  private void askAgain(int number, TemporalFailure why) {
    rehearsal.leave();
    try {
      call(SourceClosing.class, Timeouts.LOOK, Step.CLOSE).openSource(request(number));
      opened = number;
    } catch (TemporalFailure e) {
      // It has opened by itself; its triggers are taken out of the way by whoever comes next.
      Runner.rethrowIfCancelled(e);
    }
    migration.approvals.clear();
    migration.forgetCopy();
    migration.board.parking().park(Step.CLOSE.id(), Judgement.help(Step.CLOSE, why), false);
  }

  /**
   * Opens whatever may be closed of a migration that is abandoned: nobody comes back to take the
   * triggers out of the writers' way. Never fails, and never takes long.
   *
   * @return what is left to be done by hand
   */
  List<String> abandon() {
    List<String> left = new ArrayList<>();
    for (int number : closed < closings ? new int[] {closed, closings} : new int[] {closed}) {
      if (number <= opened) {
        continue;
      }
      try {
        String done =
            call(SourceClosing.class, Timeouts.OPEN, Step.KEEP_CLOSED)
                .openSource(request(number))
                .line();
        migration.board.note(Step.KEEP_CLOSED, done);
        atLast = done;
      } catch (TemporalFailure e) {
        String why = Judgement.help(Step.KEEP_CLOSED, e).cause();
        migration.board.note(Step.KEEP_CLOSED, "FAILED: " + why);
        left.add(BY_HAND.formatted(number, why));
      }
    }
    return left;
  }

  /** What {@link #abandon} has come to, in words; null where nothing was to be opened. */
  @Nullable String atLast() {
    return atLast;
  }

  /** Somebody who keeps the source closed beside the work, which ends with the closing. */
  private final class Keeping {
    private final Closed closed;
    private final Instant began = Board.now();
    private final List<HandOver> results = new ArrayList<>(1);
    private @Nullable CancellationScope work;
    private @Nullable TemporalFailure failure;

    Keeping(Closed closed) {
      this.closed = closed;
    }

    /** Null where the closing did not hold until the work was done: {@link #failure} says why. */
    @Nullable HandOver during(Supplier<HandOver> what) {
      List<Promise<Void>> kept = new ArrayList<>(1);
      CancellationScope keeping =
          Workflow.newCancellationScope(() -> kept.add(Async.procedure(this::keep)));
      CancellationScope own = Workflow.newCancellationScope(() -> results.add(what.get()));
      work = own;
      migration.board.closed(new SourceClosed(closed.since(), closed.until()));
      try {
        keeping.run();
        own.run();
      } catch (TemporalFailure e) {
        Runner.rethrowIfCancelled(e);
        if (failure == null) {
          throw e;
        }
      } finally {
        migration.board.closed(null);
        keeping.cancel("the closing is over");
        Workflow.newDetachedCancellationScope(() -> Workflow.await(kept.get(0)::isCompleted)).run();
      }
      return results.isEmpty() ? null : results.get(0);
    }

    private void keep() {
      try {
        call(SourceClosing.class, Timeouts.KEEP, Step.KEEP_CLOSED)
            .keepClosed(request(closed.number()));
      } catch (TemporalFailure e) {
        if (!CancellationScope.current().isCancelRequested()) {
          failure = e;
          migration.board.closed(null);
          endWork();
        }
      }
    }

    /** A hand-over that is under way ends by itself: it may have been sent, or finds out too. */
    private void endWork() {
      try {
        Workflow.await(() -> !handingOver.isUnderWay());
      } catch (CanceledFailure e) {
        return; // The work has ended.
      }
      Objects.requireNonNull(work).cancel("the source is not closed any more");
    }
  }
}
