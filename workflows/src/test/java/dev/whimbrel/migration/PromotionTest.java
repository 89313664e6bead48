package dev.whimbrel.migration;

import static org.assertj.core.api.Assertions.assertThat;

import dev.whimbrel.activity.Failures;
import dev.whimbrel.migration.MigrationResult.Ending;
import dev.whimbrel.migration.MigrationStatus.State;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.parallel.Execution;
import org.junit.jupiter.api.parallel.ExecutionMode;

/** The source is lost at the switchover, and a named person goes on without it. */
@Execution(ExecutionMode.CONCURRENT)
class PromotionTest {
  private static final String BY = "ana@example.com";
  private static final RollbackRequest PROMOTION = new RollbackRequest(BY, "it burns", true);

  @Test
  void opensTheTargetAloneOnceANamedPersonAcceptsTheLoss() {
    try (Stage stage = new Stage(new Runbooks(), world -> world.fail("handOver", sourceLost()))) {
      MigrationStatus parked = stage.awaitAt(Step.SWITCHOVER, State.NEEDS_HELP);
      String answer = stage.workflow().promote(PROMOTION);

      assertThat(stage.result().ending()).isEqualTo(Ending.MIGRATED);
      assertThat(parked.nextSteps())
          .contains("whimbrel promote shop --accept-loss --by … --reason …");
      assertThat(answer)
          .isEqualTo("opening the target without the source; what the source had not sent is lost");
      assertThat(stage.world.journal())
          .contains("hand over to the target, loss accepted by ana@example.com");
    }
  }

  @Test
  void acceptsALossForOneAttemptOnly() {
    try (Stage stage =
        new Stage(
            new Runbooks(),
            world ->
                world.fail(
                    "handOver",
                    sourceLost(),
                    Failures.needsHelp("the target is full", "make room", null)))) {
      stage.awaitAt(Step.SWITCHOVER, State.NEEDS_HELP);
      stage.workflow().promote(PROMOTION);
      stage.await(
          "the second stop", s -> String.valueOf(s.waitingFor()).contains("the target is full"));
      String refusal = Stage.refusal(() -> stage.workflow().promote(PROMOTION));
      stage.workflow().retry(new StepDecision(BY, null, null));

      assertThat(stage.result().ending()).isEqualTo(Ending.MIGRATED);
      assertThat(refusal)
          .isEqualTo(
              "Cannot promote: only while cutover.switchover is parked because the source cannot be"
                  + " reached. See: whimbrel status shop");
      assertThat(stage.world.journal())
          .containsOnlyOnce("hand over to the target, loss accepted by ana@example.com");
    }
  }

  @Test
  void refusesWhoMayNotOrDoesNotSaySo() {
    Runbooks runbooks = new Runbooks();
    runbooks.approvers = List.of(BY);
    try (Stage stage = new Stage(runbooks, world -> world.fail("handOver", sourceLost()))) {
      MigrationWorkflow workflow = stage.workflow();
      assertThat(Stage.refusal(() -> workflow.promote(PROMOTION)))
          .startsWith("Cannot promote: only while cutover.switchover is parked");
      stage.awaitAt(Step.SWITCHOVER, State.NEEDS_HELP);

      assertThat(
              Stage.refusal(
                  () -> workflow.promote(new RollbackRequest("bob@example.com", "so", true))))
          .isEqualTo(
              "Cannot promote: bob@example.com may not. The runbook's approvers names"
                  + " ana@example.com. Say who decides with --by NAME.");
      assertThat(Stage.refusal(() -> workflow.promote(new RollbackRequest(BY, null, true))))
          .isEqualTo("Cannot promote: no reason is given. Say why with --reason TEXT.");
      assertThat(Stage.refusal(() -> workflow.promote(new RollbackRequest(BY, "so", false))))
          .isEqualTo(
              "Cannot promote: it loses what the source had not sent. Say so with --accept-loss.");
    }
  }

  private static RuntimeException sourceLost() {
    return Failures.needsHelp(
        "The source cannot be reached for 60 s",
        "bring the source back and retry; or accept the loss by name",
        "whimbrel promote shop --accept-loss --by NAME --reason WHY");
  }
}
