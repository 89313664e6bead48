package dev.whimbrel.migration;

import static org.assertj.core.api.Assertions.assertThat;

import dev.whimbrel.activity.Failures;
import dev.whimbrel.activity.Finding;
import dev.whimbrel.activity.OldMachines;
import dev.whimbrel.migration.MigrationResult.Ending;
import dev.whimbrel.migration.MigrationStatus.State;
import dev.whimbrel.runbook.ProvisionSpec;
import dev.whimbrel.runbook.RetireSpec;
import java.time.Duration;
import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.parallel.Execution;
import org.junit.jupiter.api.parallel.ExecutionMode;

@Execution(ExecutionMode.CONCURRENT)
class MachinesTest {

  @Test
  void makesTheTargetsMachinesFirstAndTerminatesTheOldOnesLastWithAnApprovalOfTheirOwn() {
    Runbooks runbooks = withMachines("required");
    try (Stage stage = new Stage(runbooks)) {
      MigrationStatus waiting = stage.awaitAt(Step.TERMINATE_APPROVAL, State.WAITING_FOR_APPROVAL);
      assertThat(Objects.requireNonNull(waiting.findings()).lines())
          .containsExactly(
              "THE OLD MACHINES ARE TERMINATED, with the disks that go with them.",
              "EC2 instance i-0abc");
      stage.workflow().approve(new Approval("ana@example.com", null, null));

      assertThat(stage.result().ending()).isEqualTo(Ending.MIGRATED);
      assertThat(stage.world.journal())
          .containsSubsequence(
              "plan the names",
              "plan the machines",
              "plan the retirement of the old machines",
              "claim both databases",
              "make the machines",
              "machines are healthy",
              "find records",
              "stop the reverse stream",
              "clean up",
              "stop the old machines",
              "look at the old machines",
              "look at the old machines",
              "terminate the old machines");
      assertThat(Objects.requireNonNull(stage.world.stopped).seen()).containsExactly("i-0abc");
      assertThat(Objects.requireNonNull(stage.world.terminated).running()).isEmpty();
    }
  }

  @Test
  void parksBeforeAnythingIsTouchedWhereAnOldMachineIsNotThere() {
    try (Stage stage =
        new Stage(
            withMachines("none"),
            world ->
                world.oldMachineFindings =
                    List.of(
                        new Finding(
                            Finding.Level.BLOCKER,
                            "old-machines",
                            "i-0abc",
                            "expected this machine in EC2 eu-west-1, found none.",
                            null)))) {
      MigrationStatus parked = stage.awaitState(State.NEEDS_HELP);

      assertThat(parked.parked().get(0).cause())
          .contains("i-0abc: expected this machine in EC2 eu-west-1, found none.");
      assertThat(stage.world.journal()).doesNotContain("claim both databases", "make the machines");
    }
  }

  @Test
  void withdrawsTheApprovalWhereAMachineWasStartedAgainMeanwhile() {
    String again = "i-0abc RUNS AGAIN, since 2026-11-28T15:00:00Z";
    try (Stage stage = new Stage(withMachines("required"))) {
      stage.awaitAt(Step.TERMINATE_APPROVAL, State.WAITING_FOR_APPROVAL);
      stage.world.oldMachines = new OldMachines(List.of("i-0abc"), List.of(again));
      stage.workflow().approve(new Approval("ana@example.com", null, null));

      MigrationStatus asked =
          stage.await(
              "asked about the machine that runs again",
              status ->
                  status.state() == State.WAITING_FOR_APPROVAL
                      && status.findings() != null
                      && status.findings().lines().contains(again));
      assertThat(asked.waitingFor())
          .contains("the approval by ana@example.com was withdrawn: new: " + again);
      assertThat(stage.world.journal()).doesNotContain("terminate the old machines");

      stage.workflow().approve(new Approval("ana@example.com", null, null));
      assertThat(stage.result().ending()).isEqualTo(Ending.MIGRATED);
      assertThat(Objects.requireNonNull(stage.world.terminated).running())
          .containsExactly("i-0abc");
    }
  }

  @Test
  void terminatesNothingThatRunsAgainWhereNobodyIsAsked() {
    Runbooks runbooks = withMachines("none");
    try (Stage stage = new Stage(runbooks)) {
      assertThat(stage.result().ending()).isEqualTo(Ending.MIGRATED);

      assertThat(Objects.requireNonNull(stage.world.terminated).running()).isEmpty();
      assertThat(stage.world.journal()).doesNotContain("look at the old machines");
    }
  }

  @Test
  void listsTheZoneWithWhatGoesOnCostingMoney() {
    Runbooks runbooks = withMachines("none");
    runbooks.atRoute53 = true;
    try (Stage stage = new Stage(runbooks)) {
      stage.result();

      assertThat(outcome(stage, Step.TERMINATE))
          .endsWith("; nothing costs money any more; goes on costing money: the zone of route53");
      assertThat(outcome(stage, Step.RESTORE_TTL)).isEqualTo("TTL restored");
    }
  }

  @Test
  void listsTheZoneAlsoWhereNoMachineIsRetired() {
    Runbooks runbooks = new Runbooks();
    runbooks.atRoute53 = true;
    try (Stage stage = new Stage(runbooks)) {
      stage.result();

      assertThat(outcome(stage, Step.RESTORE_TTL))
          .isEqualTo("TTL restored; goes on costing money: the zone of route53");
    }
  }

  private static String outcome(Stage stage, Step step) {
    return stage.status().steps().stream()
        .filter(each -> each.id().equals(step.id()))
        .map(each -> String.valueOf(each.outcome()))
        .findFirst()
        .orElseThrow();
  }

  @Test
  void aRollbackRemovesWhatWasMadeAfterEverythingThatUsesIt() {
    try (Stage stage = new Stage(withMachines("none"))) {
      stage.awaitAt(Step.MONITOR, State.WAITING_FOR_TIME);
      stage.untyped().signal("rollback", "because");

      assertThat(stage.result().ending()).isEqualTo(Ending.ROLLED_BACK);
      assertThat(stage.world.journal())
          .containsSubsequence(
              "settle on the source",
              "point names to the source",
              "restore TTL",
              "remove the machines",
              "release both databases");
      assertThat(stage.world.journal()).doesNotContain("stop the old machines");
    }
  }

  @Test
  void parksBeforeAnythingIsTouchedWhereAMachineCannotBeMade() {
    try (Stage stage =
        new Stage(
            withMachines("none"),
            world ->
                world.machineFindings =
                    List.of(
                        new Finding(
                            Finding.Level.BLOCKER,
                            "quota",
                            "eu-north-1",
                            "expected 4 vCPUs, found room for 2",
                            "raise the quota L-1216C47A")))) {
      MigrationStatus parked = stage.awaitState(State.NEEDS_HELP);

      assertThat(parked.parked().get(0).cause()).contains("eu-north-1: expected 4 vCPUs");
      assertThat(stage.world.journal()).doesNotContain("claim both databases", "make the machines");
    }
  }

  @Test
  void terminatesNothingThatAPersonWouldNotLetBeStopped() {
    try (Stage stage =
        new Stage(
            withMachines("none"),
            world ->
                world.fail(
                    "stopMachines", Failures.needsHelp("i-0abc is still needed", "look", null)))) {
      stage.awaitState(State.NEEDS_HELP);
      stage.workflow().skip(new StepDecision("ana@example.com", "needed", Step.RETIRE.id()));

      assertThat(stage.result().ending()).isEqualTo(Ending.MIGRATED);
      assertThat(stage.world.journal()).doesNotContain("terminate the old machines");
    }
  }

  private static Runbooks withMachines(String approval) {
    Runbooks runbooks = new Runbooks();
    runbooks.provision =
        new ProvisionSpec(
            new ProvisionSpec.Ec2("eu-north-1", List.of(), List.of(), List.of()), null, null);
    runbooks.retire =
        new RetireSpec("eu-west-1", List.of("i-0abc"), List.of(), Duration.ofDays(7), approval);
    return runbooks;
  }
}
