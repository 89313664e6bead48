package dev.whimbrel.migration;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.parallel.Execution;
import org.junit.jupiter.api.parallel.ExecutionMode;

@Execution(ExecutionMode.CONCURRENT)
class HappyPathTest {

  @Test
  void movesTheServiceStepByStep() {
    try (Stage stage = new Stage(new Runbooks())) {
      MigrationResult result = stage.result();

      assertThat(result.ending()).isEqualTo(MigrationResult.Ending.MIGRATED);
      assertThat(stage.world.journal())
          .containsExactly(
              "look at both databases",
              "claim both databases",
              "find records",
              "set TTL 60",
              "TTL 60 served",
              "create tables",
              "list what to copy",
              "open snapshot 1",
              "copy from snapshot 1",
              "copied",
              "subscribe",
              "create indexes",
              "caught up",
              "analyze",
              "carry sequences",
              "soaked for 24 h",
              "verify against the source",
              "1 checks",
              "look at who uses the source",
              "prepare the switchover",
              "verify against the source",
              "hand over to the target",
              "1 checks",
              "first writes seen",
              "point names to the target",
              "names point to the target",
              "the old side's clients are gone",
              "stop the reverse stream",
              "restore TTL",
              "TTL restored",
              "clean up");
    }
  }

  @Test
  void tellsTheHandOverHowRowsAreHashed() {
    Runbooks runbooks = new Runbooks();
    runbooks.hash = "sha256";
    try (Stage stage = new Stage(runbooks)) {
      stage.result();

      assertThat(stage.world.hashedBy).isNotEmpty().containsOnly("sha256");
    }
  }

  @Test
  void saysInWhichEpochTheSourceIsTheTruthOnceBothDatabasesAreClaimed() {
    try (Stage stage = new Stage(new Runbooks())) {
      MigrationStatus before =
          stage.awaitAt(Step.LOWER_TTL, MigrationStatus.State.WAITING_FOR_TIME);
      stage.result();

      assertThat(before.writesGoTo()).isEqualTo("source");
      assertThat(before.epoch()).isEqualTo(1);
      assertThat(stage.status().epoch()).isEqualTo(2);
    }
  }
}
