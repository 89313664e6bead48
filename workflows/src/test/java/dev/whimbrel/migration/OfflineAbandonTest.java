package dev.whimbrel.migration;

import static org.assertj.core.api.Assertions.assertThat;

import dev.whimbrel.activity.Failures;
import dev.whimbrel.migration.MigrationResult.Ending;
import dev.whimbrel.migration.MigrationStatus.State;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.parallel.Execution;
import org.junit.jupiter.api.parallel.ExecutionMode;

/** Nobody comes back to a source that is closed when its migration is abandoned. */
@Execution(ExecutionMode.CONCURRENT)
class OfflineAbandonTest {
  @Test
  void opensTheSourceAndLeavesEverythingElse() {
    try (Stage stage = new Stage(Runbooks.closingFirst(), OfflineAbandonTest::differ)) {
      stage.awaitState(State.NEEDS_HELP);
      String answer = abandon(stage);
      MigrationResult result = stage.result();

      assertThat(answer).contains("the source is opened");
      assertThat(result.ending()).isEqualTo(Ending.ABANDONED);
      assertThat(result.line())
          .endsWith("everything stands as it was left; open the source, closing 1");
      assertThat(result.leftOver()).isEmpty();
      assertThat(stage.world.journal())
          .endsWith("verify against the source", "open the source, closing 1");
    }
  }

  @Test
  void saysWhatOpensItWhereThatFails() {
    try (Stage stage = new Stage(Runbooks.closingFirst(), OfflineAbandonTest::differ)) {
      stage.world.fail("openSource", Failures.needsHelp("the source is gone", "find it", null));
      stage.awaitState(State.NEEDS_HELP);
      String unused = abandon(stage);
      MigrationResult result = stage.result();

      assertThat(result.ending()).isEqualTo(Ending.ABANDONED);
      assertThat(result.line()).endsWith("everything stands as it was left");
      assertThat(String.join("\n", result.leftOver()))
          .contains(
              "the source is gone",
              "opens by itself",
              "whimbrel inspect",
              "UPDATE whimbrel.closing SET ended_at = clock_timestamp(), ended = 'by hand' WHERE ended_at IS NULL");
    }
  }

  @Test
  void endsAlthoughOpeningItNeverEnds() {
    try (Stage stage = new Stage(Runbooks.closingFirst(), OfflineAbandonTest::differ)) {
      stage.world.neverEnds("openSource");
      stage.awaitState(State.NEEDS_HELP);
      String unused = abandon(stage);
      MigrationResult result = stage.result();

      assertThat(result.ending()).isEqualTo(Ending.ABANDONED);
      assertThat(result.leftOver()).hasSize(1);
    }
  }

  /** An attempt whose answer never came may have closed it. */
  @Test
  void opensWhatAClosingThatFailedMayHaveClosed() {
    try (Stage stage =
        new Stage(
            Runbooks.closingFirst(),
            world ->
                world.fail("closeSource", Failures.needsHelp("a session ended", "retry", null)))) {
      stage.awaitState(State.NEEDS_HELP);
      String unused = abandon(stage);

      assertThat(stage.result().ending()).isEqualTo(Ending.ABANDONED);
      assertThat(stage.world.journal())
          .endsWith("close the source, closing 1", "open the source, closing 1");
    }
  }

  @Test
  void leavesASourceAloneThatItNeverClosedOrHasHandedOver() {
    Runbooks runbooks = Runbooks.closingFirst();
    runbooks.approval = "required";
    try (Stage before = new Stage(runbooks)) {
      before.awaitState(State.WAITING_FOR_APPROVAL);
      String unused = abandon(before);

      assertThat(before.result().line()).endsWith("everything stands as it was left");
      assertThat(before.world.journal()).doesNotContain("open the source, closing 1");
    }
    try (Stage after = new Stage(Runbooks.closingFirst())) {
      after.awaitAt(Step.MONITOR, State.WAITING_FOR_TIME);
      String unused = abandon(after);

      assertThat(after.result().line()).endsWith("everything stands as it was left");
      assertThat(after.world.journal()).doesNotContain("open the source, closing 1");
    }
  }

  private static void differ(World world) {
    world.fail("verify", Failures.needsHelp("they differ", "repair it", null));
  }

  private static String abandon(Stage stage) {
    return stage.workflow().abandon(new Decision("ana@example.com", "the lab is torn down"));
  }
}
