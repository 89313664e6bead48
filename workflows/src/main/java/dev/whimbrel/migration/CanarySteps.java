package dev.whimbrel.migration;

import static dev.whimbrel.migration.Timeouts.call;

import dev.whimbrel.activity.Canary;
import dev.whimbrel.activity.CanaryProof;
import dev.whimbrel.activity.CanaryRequest;
import dev.whimbrel.activity.Outcome;
import dev.whimbrel.migration.MigrationStatus.State;
import dev.whimbrel.runbook.CanarySpec;

/**
 * Lets the target's stack serve real traffic, a little first, while the source is still the truth.
 * The guards watch from the first percent on; the last weight stays until the switchover.
 */
final class CanarySteps {
  private final Migration migration;

  CanarySteps(Migration migration) {
    this.migration = migration;
  }

  void run() {
    CanarySpec canary = migration.runbook.validate().canary();
    if (canary == null) {
      migration.board.notConfigured(Step.CANARY_READY);
      migration.board.notConfigured(Step.CANARY);
      return;
    }
    CanaryProof proof =
        migration.steps.attempt(
            Step.CANARY_READY,
            step -> prove(step, canary),
            CanaryProof::line,
            Step.CANARY_READY.skippable());
    if (proof != null) {
      migration.learn(proof);
    }

    migration.shares.registerUndo();
    migration.guards.start();
    for (int weight : canary.weights()) {
      Outcome baked =
          migration.steps.attempt(
              Step.CANARY,
              step -> bake(step, weight, canary),
              Outcome::line,
              Step.CANARY.skippable());
      if (baked == null) {
        return;
      }
    }
  }

  private CanaryProof prove(Step step, CanarySpec canary) {
    CanaryProof proof =
        call(Canary.class, Timeouts.WORK, step)
            .proveCanary(
                new CanaryRequest(
                    migration.move,
                    canary,
                    migration.runbook.source().addresses(),
                    migration.runbook.target().addresses()));
    Judgement.refuseBlockers("the look at both stacks", proof.findings());
    return proof;
  }

  private Outcome bake(Step step, int weight, CanarySpec canary) {
    Outcome shifted = migration.shares.shift(step, weight);
    String end = "the end of the bake at %d %%".formatted(weight);
    migration.board.await(State.WAITING_FOR_TIME, end);
    try {
      migration.shares.hold(
          canary.bake(),
          step.label() + ", " + weight + " %",
          anew -> migration.board.await(State.WAITING_FOR_TIME, end + ", " + anew));
    } finally {
      migration.board.goOn();
    }
    return new Outcome("%d %% baked: %s".formatted(weight, shifted.line()));
  }
}
