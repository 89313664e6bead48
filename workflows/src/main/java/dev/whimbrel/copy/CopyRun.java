package dev.whimbrel.copy;

import static dev.whimbrel.copy.CopyTimeouts.call;

import dev.whimbrel.activity.Copy;
import dev.whimbrel.activity.CopyPlan;
import dev.whimbrel.activity.CopyRequest;
import dev.whimbrel.activity.Failures;
import dev.whimbrel.activity.Move;
import dev.whimbrel.activity.Outcome;
import io.temporal.failure.ApplicationFailure;
import io.temporal.failure.TemporalFailure;
import io.temporal.workflow.CancellationScope;
import io.temporal.workflow.TimerOptions;
import io.temporal.workflow.Workflow;
import java.time.Duration;
import org.jspecify.annotations.Nullable;

/** The copy, as {@link CopyWorkflow} describes it. */
public final class CopyRun implements CopyWorkflow {
  /**
   * Events after which the next snapshot begins another history. Temporal warns at 10,240 and ends
   * a workflow at 51,200; a generation with the 64 jobs that a runbook may ask for has some 380.
   */
  static final int LONG_HISTORY = 4_000;

  @Override
  public Outcome copy(Move move) {
    CopyPlan plan = prepare(move);
    if (plan.stages() == 0) {
      bring(move, plan);
    }
    while (plan.hasStage()) {
      bring(move, plan);
      makeLive(move, plan);
      plan = prepare(move);
    }
    return call(Copy.class, CopyTimeouts.LIST, "end the copy").finishCopy(move);
  }

  private static CopyPlan prepare(Move move) {
    return call(Copy.class, CopyTimeouts.LIST, "list what to copy").prepareCopy(move);
  }

  /** Copies what is listed, from as many snapshots as it takes. */
  private static void bring(Move move, CopyPlan plan) {
    boolean kept = Workflow.getVersion("kept-snapshots", Workflow.DEFAULT_VERSION, 1) == 1;
    int fruitless = 0;
    for (int number = plan.generations() + 1; !plan.copied(); number++) {
      Generation generation = new Generation(new CopyRequest(move, number), plan.line(), kept);
      generation.run();
      if (generation.isComplete()) {
        return;
      }
      fruitless = generation.pieces() > 0 ? 0 : fruitless + 1;
      askForHelp(generation.holderFailure(), fruitless);
      rest(fruitless);
      // What has achieved nothing is counted in one history until somebody is asked.
      if (fruitless == 0 || fruitless >= CopyTimeouts.FRUITLESS) {
        beginAnotherHistory(move, number);
      }
    }
  }

  /**
   * Nothing is under way, and the target knows what is copied. Asked for each generation anew: a
   * history that an earlier release has made longer than this replays as it was, and goes on so
   * with its next generation.
   */
  private static void beginAnotherHistory(Move move, int number) {
    if (Workflow.getInfo().getHistoryLength() > LONG_HISTORY
        && Workflow.getVersion("another-history-" + number, Workflow.DEFAULT_VERSION, 1) == 1) {
      Workflow.continueAsNew(move);
    }
  }

  private static void makeLive(Move move, CopyPlan plan) {
    String stage = "stage %d of %d: ".formatted(plan.stage(), plan.stages());
    call(Copy.class, CopyTimeouts.LIST, stage + "start its stream").startStage(move);
    call(Copy.class, CopyTimeouts.PIECES, stage + "let its stream catch up").followStage(move);
    call(Copy.class, CopyTimeouts.JOIN, stage + "make one stream").joinStage(move);
  }

  /** A snapshot that is lost costs a generation; what cannot go away by itself is said at once. */
  private static void askForHelp(@Nullable TemporalFailure lost, int fruitless) {
    if (lost != null && (fruitless >= CopyTimeouts.FRUITLESS || !mayPass(lost))) {
      throw lost;
    }
  }

  /** Whether another attempt, or another snapshot, may help. */
  static boolean mayPass(TemporalFailure failure) {
    return !(failure.getCause() instanceof ApplicationFailure application)
        || Failures.TRANSIENT.equals(application.getType());
  }

  private static void rest(int fruitless) {
    CancellationScope.throwCanceled();
    Duration pause =
        fruitless == 0
            ? CopyTimeouts.BETWEEN_GENERATIONS
            : CopyTimeouts.FIRST_PAUSE.multipliedBy(1L << Math.min(fruitless - 1, Byte.SIZE));
    Duration bounded =
        pause.compareTo(CopyTimeouts.LONGEST_PAUSE) < 0 ? pause : CopyTimeouts.LONGEST_PAUSE;
    Workflow.newTimer(
            bounded,
            TimerOptions.newBuilder()
                .setSummary("replicate.copy: the snapshot is lost, the next one follows")
                .build())
        .get();
  }
}
