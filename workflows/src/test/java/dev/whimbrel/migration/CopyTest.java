package dev.whimbrel.migration;

import static org.assertj.core.api.Assertions.assertThat;

import dev.whimbrel.activity.Failures;
import dev.whimbrel.migration.MigrationResult.Ending;
import dev.whimbrel.migration.MigrationStatus.State;
import dev.whimbrel.runbook.StageSpec;
import java.time.Duration;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Set;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.parallel.Execution;
import org.junit.jupiter.api.parallel.ExecutionMode;

@Execution(ExecutionMode.CONCURRENT)
class CopyTest {
  /** More snapshots than one history has room for. */
  private static final int MANY = 120;

  private static Set<Integer> many() {
    return IntStream.rangeClosed(1, MANY).boxed().collect(Collectors.toSet());
  }

  @Test
  void goesOnFromTheNextSnapshotWhenOneIsLost() {
    try (Stage stage =
        new Stage(new Runbooks(), world -> world.lostSnapshots.addAll(Set.of(1, 2)))) {
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
  void goesOnInAnotherHistoryWhenSnapshotsAreLostAgainAndAgain() {
    try (Stage stage = new Stage(new Runbooks(), world -> world.lostSnapshots.addAll(many()))) {
      MigrationResult result = stage.result();

      assertThat(result.ending()).isEqualTo(Ending.MIGRATED);
      assertThat(stage.world.journal())
          .containsSubsequence(
              "list what to copy",
              "copy from snapshot 1",
              "list what to copy",
              "copy from snapshot " + (MANY + 1),
              "copied",
              "subscribe");
    }
  }

  @Test
  void hearsARollbackInAnotherHistoryToo() {
    try (Stage stage = new Stage(new Runbooks(), world -> world.lostSnapshots.addAll(many()))) {
      rollBackAtTheLast(stage);

      assertThat(stage.result().ending()).isEqualTo(Ending.ROLLED_BACK);
      assertThat(stage.world.journal())
          .containsSubsequence("list what to copy", "list what to copy", "unsubscribe")
          .doesNotContain("copied");
    }
  }

  private static void rollBackAtTheLast(Stage stage) {
    stage.world.beside(
        "copyPieces",
        () -> {
          if (stage.world.journal().contains("copy from snapshot " + MANY)) {
            stage.world.during("copyPieces", () -> {});
            stage.untyped().signal("rollback", "because");
          } else {
            rollBackAtTheLast(stage);
          }
        });
  }

  @Test
  void parksWhatTheHolderOfTheSnapshotCannotDo() {
    try (Stage stage =
        new Stage(
            new Runbooks(),
            world -> {
              world.neverEnds("openGeneration");
              world.fail("keepGeneration", Failures.needsHelp("no slot is free", "free one", null));
            })) {
      MigrationStatus parked = stage.awaitState(State.NEEDS_HELP);

      assertThat(parked.waitingFor()).isEqualTo("replicate.copy: no slot is free");
      assertThat(parked.parked().get(0).remedy()).isEqualTo("free one");
    }
  }

  @Test
  void losesNoSnapshotWithTheWorkerThatHeldIt() {
    try (Stage stage =
        new Stage(
            new Runbooks(),
            world -> {
              for (int i = 0; i < 3; i++) {
                world.fail("keepGeneration", Failures.transientFailure("the worker is stopped"));
              }
              // Longer than the holder's attempts take, whoever copies.
              for (int i = 0; i < 40; i++) {
                world.fail("copyPieces", Failures.transientFailure("the worker is stopped"));
                world.fail("copyPieces too", Failures.transientFailure("the worker is stopped"));
              }
            })) {
      MigrationResult result = stage.result();

      assertThat(result.ending()).isEqualTo(Ending.MIGRATED);
      assertThat(stage.world.held).containsExactly(1, 1, 1, 1);
      assertThat(stage.world.journal())
          .contains("copy from snapshot 1", "copied")
          .doesNotContain("open snapshot 2");
    }
  }

  @Test
  void takesNothingBackBesideWhoeverStillCopies() {
    AtomicBoolean early = new AtomicBoolean();
    try (Stage stage = new Stage(new Runbooks())) {
      stage.world.during(
          "copyPieces",
          () -> {
            stage.untyped().signal("rollback", "because");
            long end = System.nanoTime() + Duration.ofSeconds(2).toNanos();
            while (System.nanoTime() < end && !early.get()) {
              early.set(stage.world.journal().contains("unsubscribe"));
              LockSupport.parkNanos(Duration.ofMillis(20).toNanos());
            }
          });

      assertThat(stage.result().ending()).isEqualTo(Ending.ROLLED_BACK);
      assertThat(early).as("the stream is removed beside a copier").isFalse();
      assertThat(stage.world.journal()).contains("unsubscribe");
    }
  }

  @Test
  void copiesNothingInVainWhereTheSlotIsLost() {
    try (Stage stage =
        new Stage(
            new Runbooks(),
            world -> {
              world.neverEnds("copyPieces");
              world.during(
                  "copyPieces too",
                  () ->
                      world.fail(
                          "keepGeneration",
                          Failures.needsHelp("the slot is lost", "copy anew", null)));
            })) {
      MigrationStatus parked = stage.awaitState(State.NEEDS_HELP);

      assertThat(parked.waitingFor()).isEqualTo("replicate.copy: the slot is lost");
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
                world.fail("keepGeneration", Failures.lost("the source restarts"));
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

  @Test
  void makesOneStageLiveBeforeTheNextBegins() {
    try (Stage stage = new Stage(inStages("shop.orders", "shop.*"))) {
      MigrationResult result = stage.result();

      assertThat(result.ending()).isEqualTo(Ending.MIGRATED);
      assertThat(ofTheCopy(stage))
          .containsExactly(
              "list what to copy",
              "open snapshot 1",
              "copy from snapshot 1",
              "start stage 1",
              "follow stage 1",
              "join stage 1",
              "list what to copy",
              "open snapshot 2",
              "copy from snapshot 2",
              "start stage 2",
              "follow stage 2",
              "join stage 2",
              "list what to copy",
              "open snapshot 3",
              "copy from snapshot 3",
              "start stage 3",
              "follow stage 3",
              "join stage 3",
              "list what to copy",
              "copied",
              "subscribe");
    }
  }

  @Test
  void goesOnWithTheStageWhoseSnapshotIsLost() {
    try (Stage stage =
        new Stage(
            inStages("shop.orders"), world -> world.lostSnapshots.addAll(java.util.Set.of(1, 3)))) {
      MigrationResult result = stage.result();

      assertThat(result.ending()).isEqualTo(Ending.MIGRATED);
      assertThat(ofTheCopy(stage))
          .containsExactly(
              "list what to copy",
              "open snapshot 1",
              "copy from snapshot 1",
              "open snapshot 2",
              "copy from snapshot 2",
              "start stage 1",
              "follow stage 1",
              "join stage 1",
              "list what to copy",
              "open snapshot 3",
              "copy from snapshot 3",
              "open snapshot 4",
              "copy from snapshot 4",
              "start stage 2",
              "follow stage 2",
              "join stage 2",
              "list what to copy",
              "copied",
              "subscribe");
    }
  }

  @Test
  void goesBackBetweenTwoStages() {
    try (Stage stage = new Stage(inStages("shop.orders"))) {
      stage.world.during("joinStage", () -> stage.untyped().signal("rollback", "because"));
      MigrationResult result = stage.result();

      assertThat(result.ending()).isEqualTo(Ending.ROLLED_BACK);
      assertThat(stage.world.journal())
          .containsSubsequence("join stage 1", "unsubscribe", "drop the copy")
          .doesNotContain("open snapshot 2");
    }
  }

  @Test
  void endsTheStagesBeforeItPauses() {
    try (Stage stage = new Stage(inStages("shop.orders"))) {
      stage.world.beside(
          "joinStage", () -> stage.workflow().pause(new Decision("ana@example.com", "let us see")));
      stage.awaitState(State.PAUSED);

      assertThat(stage.world.journal()).contains("join stage 2").doesNotContain("subscribe");
      stage.workflow().resume(new Decision("ana@example.com", null));
      assertThat(stage.result().ending()).isEqualTo(Ending.MIGRATED);
    }
  }

  @Test
  void copiesNothingAgainWhenOnlyTheStreamsDidNotMeet() {
    try (Stage stage = new Stage(inStages("shop.orders"))) {
      stage.world.fail("joinStage", Failures.needsHelp("no slot is free", "free one", null));
      MigrationStatus parked = stage.awaitState(State.NEEDS_HELP);
      stage.workflow().retry(new StepDecision("ana@example.com", null, null));

      assertThat(parked.waitingFor()).isEqualTo("replicate.copy: no slot is free");
      assertThat(stage.result().ending()).isEqualTo(Ending.MIGRATED);
      assertThat(ofTheCopy(stage))
          .startsWith(
              "list what to copy",
              "open snapshot 1",
              "copy from snapshot 1",
              "start stage 1",
              "follow stage 1",
              "join stage 1",
              "list what to copy",
              "start stage 1",
              "follow stage 1",
              "join stage 1",
              "list what to copy",
              "open snapshot 2");
    }
  }

  private static Runbooks inStages(String... stages) {
    Runbooks runbooks = new Runbooks();
    runbooks.stages = Arrays.stream(stages).map(tables -> new StageSpec(List.of(tables))).toList();
    return runbooks;
  }

  /** What happened from the list to the stream. */
  private static List<String> ofTheCopy(Stage stage) {
    List<String> journal = stage.world.journal();
    return journal.subList(
        journal.indexOf("list what to copy"), journal.lastIndexOf("subscribe") + 1);
  }
}
