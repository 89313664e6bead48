package dev.whimbrel.migration;

import static org.assertj.core.api.Assertions.assertThat;

import dev.whimbrel.activity.Finding;
import dev.whimbrel.activity.PreflightReport.DatabaseUser;
import dev.whimbrel.migration.MigrationResult.Ending;
import dev.whimbrel.migration.MigrationStatus.State;
import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.parallel.Execution;
import org.junit.jupiter.api.parallel.ExecutionMode;

/** Who appears during the soak and would be left alone stops the cutover before its approval. */
@Execution(ExecutionMode.CONCURRENT)
class UsersTest {
  private static final String ANA = "ana@example.com";
  private static final DatabaseUser CLERK =
      new DatabaseUser("clerk", "192.0.2.9", "till", true, "nothing");
  private static final Finding ALONE =
      new Finding(
          Finding.Level.BLOCKER,
          "writer-left-alone",
          "clerk at 192.0.2.9",
          "can write to the source (till), and nothing makes it follow.",
          "in the runbook: connect: [manual]");

  @Test
  void asksAPersonAndLooksAgainWhenRetried() {
    try (Stage stage = new Stage(asked(), UsersTest::aClerkAppears)) {
      MigrationStatus parked = stage.awaitAt(Step.USERS, State.NEEDS_HELP);
      stage.world.userFindings = List.of();
      stage.workflow().retry(new StepDecision(ANA, null, null));
      MigrationStatus waits = stage.awaitState(State.WAITING_FOR_APPROVAL);

      assertThat(parked.users()).containsExactly(CLERK);
      assertThat(parked.findings()).isNull();
      assertThat(parked.parked().get(0).cause())
          .isEqualTo(
              "the look at who uses the source found 1 blocker:\n"
                  + "clerk at 192.0.2.9: can write to the source (till), and nothing makes it follow.");
      assertThat(parked.parked().get(0).command()).isEqualTo("in the runbook: connect: [manual]");
      assertThat(Objects.requireNonNull(waits.findings()).lines())
          .contains("1 user of the source seen, 0 left alone.");
    }
  }

  @Test
  void showsAtTheApprovalWhoIsLeftAloneOnPurpose() {
    try (Stage stage = new Stage(asked(), UsersTest::aClerkAppears)) {
      stage.awaitAt(Step.USERS, State.NEEDS_HELP);
      stage.workflow().skip(new StepDecision(ANA, "retires on Friday", "cutover.users"));
      MigrationStatus waits = stage.awaitState(State.WAITING_FOR_APPROVAL);
      stage.workflow().approve(new Approval(ANA, null, null));

      assertThat(Objects.requireNonNull(waits.findings()).lines())
          .contains(
              "SKIPPED: cutover.users skipped by ana@example.com: retires on Friday",
              "LEFT ALONE: clerk at 192.0.2.9 can write to the source (till), and nothing makes it"
                  + " follow.");
      assertThat(stage.result().ending()).isEqualTo(Ending.MIGRATED);
    }
  }

  private static Runbooks asked() {
    Runbooks runbooks = new Runbooks();
    runbooks.approval = "required";
    return runbooks;
  }

  private static void aClerkAppears(World world) {
    world.users = List.of(CLERK);
    world.userFindings = List.of(ALONE);
  }
}
