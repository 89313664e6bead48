package dev.whimbrel.copy;

import static dev.whimbrel.copy.CopyTimeouts.PIECES;
import static dev.whimbrel.copy.CopyTimeouts.WORK;
import static dev.whimbrel.copy.CopyTimeouts.labelled;

import dev.whimbrel.activity.CloneCompletion;
import dev.whimbrel.activity.CloneReport;
import dev.whimbrel.activity.CloneVerification;
import dev.whimbrel.activity.Cloning;
import dev.whimbrel.activity.Copy;
import dev.whimbrel.activity.CopyRequest;
import dev.whimbrel.activity.Schema;
import dev.whimbrel.activity.VerificationReport;
import io.temporal.failure.TemporalFailure;
import io.temporal.workflow.CancellationScope;
import io.temporal.workflow.Functions;
import io.temporal.workflow.Workflow;
import java.util.List;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/** One snapshot of a clone, from which everything is brought or nothing is kept. */
final class CloneGeneration {
  private final CloneStart start;
  private final CopyRequest request;
  private final Consumer<String> steps;
  private @Nullable String why;
  private @Nullable CloneReport report;
  private @Nullable VerificationReport verification;

  /**
   * A snapshot that nobody has asked for yet.
   *
   * @param steps told what is done next
   */
  CloneGeneration(CloneStart start, CopyRequest request, Consumer<String> steps) {
    this.start = start;
    this.request = request;
    this.steps = steps;
  }

  /** What the clone holds; null where the snapshot was lost before it was complete. */
  @Nullable CloneReport report() {
    return report;
  }

  /** How the clone compares with the snapshot; null where that was not asked for. */
  @Nullable VerificationReport verification() {
    return verification;
  }

  /** Why the snapshot is lost. */
  String why() {
    return why == null ? "nobody said why" : why;
  }

  /**
   * Brings everything; returns when nobody is at work for it any more.
   *
   * @throws TemporalFailure when something else than the snapshot keeps the clone from going on
   */
  void run() {
    Hold hold =
        new Hold(
            () ->
                why =
                    labelled(Cloning.class, PIECES, "clone.snapshot: keep it")
                        .keepSnapshot(request)
                        .line());
    try {
      if (open(hold) && copy()) {
        CloneCompletion completion = complete();
        if (!start.verify() || verify(hold)) {
          report =
              cloning("clone.report: what was brought")
                  .reportClone(request)
                  .leavingOut(completion.leftOut());
        }
      }
    } finally {
      hold.end();
    }
    CancellationScope.throwCanceled();
    TemporalFailure failure = hold.failure();
    if (failure != null && report == null) {
      throw failure;
    }
  }

  private boolean open(Hold hold) {
    steps.accept("taking a snapshot and creating the tables");
    return unlessLost(hold, () -> cloning("clone.schema: create the tables").openClone(request))
        != null;
  }

  private boolean copy() {
    steps.accept("copying rows and building indexes");
    Copiers copiers =
        new Copiers(
            start.jobs(),
            label -> labelled(Copy.class, PIECES, "clone.copy: " + label).copyPieces(request));
    boolean complete = copiers.copy("the snapshot");
    TemporalFailure failure = copiers.failure();
    if (failure != null) {
      throw failure;
    }
    why = why == null ? copiers.why() : why;
    return complete;
  }

  /** The rows are in: whether the snapshot lives on does not matter to what comes here. */
  private CloneCompletion complete() {
    steps.accept("creating foreign keys, triggers and grants");
    CloneCompletion completion =
        cloning("clone.indexes: what comes behind the rows").completeClone(request);
    steps.accept("analyzing the tables");
    labelled(Schema.class, WORK, "clone.analyze: statistics").analyze(request.move());
    return completion;
  }

  private boolean verify(Hold hold) {
    steps.accept("comparing with the snapshot");
    verification =
        unlessLost(
            hold,
            () ->
                cloning("clone.verify: compare with the snapshot")
                    .verifyClone(new CloneVerification(request, start.hash())));
    return verification != null;
  }

  /** What comes of some work; null where the snapshot is lost meanwhile. */
  private static <T> @Nullable T unlessLost(Hold hold, Functions.Func<T> work) {
    List<T> done =
        hold.whileHeld(
            () -> {
              try {
                return List.of(work.apply());
              } catch (TemporalFailure e) {
                if (hold.isOver() && CancellationScope.current().isCancelRequested()) {
                  return List.of();
                }
                throw e;
              }
            });
    return done.isEmpty() ? null : done.get(0);
  }

  private static Cloning cloning(String line) {
    return labelled(Cloning.class, WORK, line);
  }

  /** What the Temporal UI shows of the run. */
  static void describe(String words) {
    Workflow.setCurrentDetails(words);
  }
}
