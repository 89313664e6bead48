package dev.whimbrel.migration;

import static org.assertj.core.api.Assertions.assertThat;

import dev.whimbrel.activity.Failures;
import dev.whimbrel.migration.MigrationResult.Ending;
import dev.whimbrel.migration.MigrationStatus.State;
import java.util.Collections;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.parallel.Execution;
import org.junit.jupiter.api.parallel.ExecutionMode;

@Execution(ExecutionMode.CONCURRENT)
class CopyTest {

  @Test
  void goesOnFromTheNextSnapshotWhenOneIsLost() {
    try (Stage stage =
        new Stage(new Runbooks(), world -> world.lostSnapshots.addAll(java.util.Set.of(1, 2)))) {
      MigrationResult result = stage.result();

      assertThat(result.ending()).isEqualTo(Ending.MIGRATED);
      assertThat(stage.world.journal())
          .containsSubsequence(
              "list what to copy",
              "open snapshot 1",
              "copy from snapshot 1",
              "open snapshot 2",
              "copy from snapshot 2",
              "open snapshot 3",
              "copy from snapshot 3",
              "copied",
              "subscribe");
    }
  }

  @Test
  void parksWhatTheHolderOfTheSnapshotCannotDo() {
    try (Stage stage =
        new Stage(
            new Runbooks(),
            world -> {
              world.neverEnds("openGeneration");
              world.fail("holdSnapshot", Failures.needsHelp("no slot is free", "free one", null));
            })) {
      MigrationStatus parked = stage.awaitState(State.NEEDS_HELP);

      assertThat(parked.waitingFor()).isEqualTo("replicate.copy: no slot is free");
      assertThat(parked.parked().get(0).remedy()).isEqualTo("free one");
    }
  }

  @Test
  void asksWhenNoSnapshotLivesLongEnoughForAnything() {
    try (Stage stage =
        new Stage(
            new Runbooks(),
            world -> {
              world.neverEnds("openGeneration");
              for (int i = 0; i < 12; i++) {
                world.fail("holdSnapshot", Failures.transientFailure("the source restarts"));
              }
            })) {
      MigrationStatus parked = stage.awaitState(State.NEEDS_HELP);

      assertThat(parked.waitingFor()).isEqualTo("replicate.copy: the source restarts");
    }
  }

  @Test
  void goesOnFromWhatIsFinishedWhenAPersonSaysRetry() {
    try (Stage stage = new Stage(new Runbooks())) {
      stage.world.fail("copyPieces", Failures.needsHelp("the disk is full", "make room", null));
      stage.awaitState(State.NEEDS_HELP);
      stage.workflow().retry(new StepDecision("ana@example.com", null, null));

      assertThat(stage.result().ending()).isEqualTo(Ending.MIGRATED);
      assertThat(Collections.frequency(stage.world.journal(), "list what to copy")).isEqualTo(2);
      assertThat(Collections.frequency(stage.world.journal(), "subscribe")).isEqualTo(1);
    }
  }
}
