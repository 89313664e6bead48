package dev.whimbrel.migration;

import static org.assertj.core.api.Assertions.assertThat;

import dev.whimbrel.activity.Failures;
import dev.whimbrel.activity.Progress;
import dev.whimbrel.activity.Window;
import dev.whimbrel.migration.MigrationResult.Ending;
import dev.whimbrel.migration.MigrationStatus.SourceClosed;
import dev.whimbrel.migration.MigrationStatus.State;
import io.temporal.activity.Activity;
import java.time.Duration;
import java.util.Collections;
import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.parallel.Execution;
import org.junit.jupiter.api.parallel.ExecutionMode;

/** A source that is closed first, and then copied, compared and handed over. */
@Execution(ExecutionMode.CONCURRENT)
class OfflineTest {
  private static RuntimeException broken() {
    return Failures.needsHelp(
        "Writes to the source have gone on since 02:14",
        "retry, or roll back",
        "whimbrel retry shop");
  }

  @Test
  void closesTheSourceBeforeAnythingIsCopiedAndComparesBehindIt() {
    try (Stage stage = new Stage(Runbooks.closingFirst())) {
      MigrationResult result = stage.result();

      assertThat(result.ending()).isEqualTo(Ending.MIGRATED);
      assertThat(stage.world.journal())
          .containsExactly(
              "look at both databases",
              "claim both databases",
              "find records",
              "set TTL 60",
              "TTL 60 served",
              "create tables",
              "look at who uses the source",
              "prepare the switchover",
              "close the source, closing 1",
              "list what to copy",
              "open snapshot 1",
              "copy from snapshot 1",
              "copied",
              "create indexes",
              "analyze",
              "carry sequences",
              "prepare the switchover",
              "verify against the source",
              "1 checks",
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
      assertThat(stage.world.behind).containsExactly(1);
      assertThat(stage.status().closed()).isNull();
    }
  }

  /** One of this name was abandoned, and the source remembers its closings. */
  @Test
  void countsOnFromTheLastClosingThatTheSourceKnows() {
    try (Stage stage = new Stage(Runbooks.closingFirst(), world -> world.lastClosing = 3)) {
      assertThat(stage.result().ending()).isEqualTo(Ending.MIGRATED);
      assertThat(stage.world.journal()).contains("close the source, closing 4");
      assertThat(stage.world.behind).containsExactly(4);
    }
  }

  @Test
  void asksForTheApprovalAndTheWindowBeforeItClosesAnything() {
    Runbooks runbooks = Runbooks.closingFirst();
    runbooks.approval = "required";
    runbooks.window = "Sun 02:00-08:00 UTC";
    try (Stage stage = new Stage(runbooks)) {
      MigrationStatus asked = stage.awaitAt(Step.APPROVAL, State.WAITING_FOR_APPROVAL);
      stage.world.window =
          new Window(
              stage.world.now().plus(Duration.ofDays(2)),
              stage.world.now().plus(Duration.ofDays(3)));
      List<String> before = stage.world.journal();
      stage.workflow().approve(new Approval("ana@example.com", null, null));
      stage.awaitState(State.WAITING_FOR_WINDOW);
      List<String> waiting = stage.world.journal();

      assertThat(String.join("\n", Objects.requireNonNull(asked.findings()).lines()))
          .contains(
              "THE SOURCE IS CLOSED FOR WRITES BEFORE ANYTHING IS COPIED, for 4 hours at the most")
          .doesNotContain("NOT VERIFIED");
      assertThat(before).doesNotContain("close the source, closing 1");
      assertThat(waiting).doesNotContain("close the source, closing 1");
      assertThat(stage.result().ending()).isEqualTo(Ending.MIGRATED);
    }
  }

  @Test
  void parksAWindowThatHasNoRoomForTheClosing() {
    Runbooks runbooks = Runbooks.closingFirst();
    runbooks.window = "Sun 02:00-06:00 UTC";
    try (Stage stage =
        new Stage(
            runbooks,
            world ->
                world.window = new Window(world.now(), world.now().plus(Duration.ofHours(4))))) {
      MigrationStatus parked = stage.awaitState(State.NEEDS_HELP);

      assertThat(parked.waitingFor())
          .contains("shorter than closedAtMost, pauseBudget and monitor together");
      assertThat(stage.world.journal()).doesNotContain("close the source, closing 1");
    }
  }

  @Test
  void saysThatNobodyCanWriteWhileTheSourceIsClosed() {
    try (Stage stage =
        new Stage(
            Runbooks.closingFirst(),
            world -> world.fail("verify", Failures.needsHelp("they differ", "repair it", null)))) {
      MigrationStatus parked = stage.awaitState(State.NEEDS_HELP);
      stage.sleep(Duration.ofMinutes(20));
      stage.workflow().retry(new StepDecision("ana@example.com", null, null));
      MigrationResult result = stage.result();

      assertThat(Objects.requireNonNull(stage.status().switchover()).writePauseMillis())
          .isGreaterThan(Duration.ofMinutes(20).toMillis());
      assertThat(parked.waitingFor()).isEqualTo("validate.verify-data: they differ");
      SourceClosed closed = Objects.requireNonNull(parked.closed());
      assertThat(closed.until()).isEqualTo(closed.since().plus(Duration.ofHours(4)));
      assertThat(parked.rollback().possible()).isTrue();
      assertThat(result.ending()).isEqualTo(Ending.MIGRATED);
      assertThat(Collections.frequency(stage.world.journal(), "verify against the source"))
          .isEqualTo(2);
    }
  }

  @Test
  void parksWhatDidNotHoldAndBeginsAnewWhenAPersonSaysSo() {
    Runbooks runbooks = Runbooks.closingFirst();
    runbooks.approval = "required";
    try (Stage stage = new Stage(runbooks)) {
      stage.world.keepersWork = true;
      stage.world.beside("verify", () -> stage.world.brokenClosing = broken());
      stage.world.fail("verify", Failures.needsHelp("they differ", "repair it", null));
      stage.awaitAt(Step.APPROVAL, State.WAITING_FOR_APPROVAL);
      stage.workflow().approve(new Approval("ana@example.com", null, null));
      MigrationStatus parked =
          stage.await("the closing is parked", s -> Stage.isParked(s, Step.CLOSE));
      stage.workflow().retry(new StepDecision("ana@example.com", null, null));
      MigrationStatus again = stage.awaitAt(Step.APPROVAL, State.WAITING_FOR_APPROVAL);
      stage.workflow().approve(new Approval("luis@example.com", null, null));
      MigrationResult result = stage.result();

      assertThat(parked.parked()).hasSize(1);
      assertThat(parked.waitingFor())
          .isEqualTo("cutover.close: Writes to the source have gone on since 02:14");
      assertThat(parked.writesGoTo()).isEqualTo("source");
      assertThat(parked.closed()).isNull();
      assertThat(again.closed()).isNull();
      assertThat(result.ending()).isEqualTo(Ending.MIGRATED);
      assertThat(stage.world.journal())
          .containsSubsequence(
              "close the source, closing 1",
              "copy from snapshot 1",
              "verify against the source",
              "open the source, closing 1",
              "unsubscribe",
              "prepare the switchover",
              "drop the copy",
              "create tables",
              "close the source, closing 2",
              "list what to copy",
              "verify against the source",
              "hand over to the target");
      assertThat(stage.world.behind).containsExactly(2);
    }
  }

  @Test
  void closesUnderANewNumberWhereAPersonSaysRetryToAClosingThatFailed() {
    try (Stage stage =
        new Stage(
            Runbooks.closingFirst(),
            world ->
                world.fail(
                    "closeSource", Failures.needsHelp("a prepared transaction", "end it", null)))) {
      stage.awaitState(State.NEEDS_HELP);
      stage.workflow().retry(new StepDecision("ana@example.com", null, null));

      assertThat(stage.result().ending()).isEqualTo(Ending.MIGRATED);
      assertThat(stage.world.behind).containsExactly(2);
    }
  }

  @Test
  void givesTheWritesBackBeforeAnythingElseWhenSomebodyRollsBackWhileItIsClosed() {
    try (Stage stage =
        new Stage(
            Runbooks.closingFirst(),
            world -> world.fail("verify", Failures.needsHelp("they differ", "repair it", null)))) {
      stage.awaitState(State.NEEDS_HELP);
      stage.workflow().requestRollback(new RollbackRequest("ana@example.com", "enough", false));
      MigrationResult result = stage.result();
      List<String> journal = stage.world.journal();

      assertThat(result.ending()).isEqualTo(Ending.ROLLED_BACK);
      int verified = journal.indexOf("verify against the source");
      assertThat(journal.get(verified + 1)).isEqualTo("settle on the source");
      assertThat(journal)
          .containsSubsequence(
              "settle on the source", "unprepare the switchover", "unsubscribe", "drop the copy");
    }
  }

  /** A hand-over that was sent, and whose closing is said not to hold: it ended it itself. */
  @Test
  void finishesWhatWasHandedOverBeforeItAsksAnybody() {
    Runbooks runbooks = Runbooks.closingFirst();
    runbooks.approval = "required";
    try (Stage stage = new Stage(runbooks)) {
      handOverAndBreak(stage, Failures.unfinished("a session ended"));

      assertThat(stage.result().ending()).isEqualTo(Ending.MIGRATED);
      assertThat(stage.world.journal()).doesNotContain("close the source, closing 2");
    }
  }

  /** As before, where what the hand-over itself says would wait for a person. */
  @Test
  void finishesWhatWasHandedOverAlsoWhereThatAsksForHelp() {
    Runbooks runbooks = Runbooks.closingFirst();
    runbooks.approval = "required";
    try (Stage stage = new Stage(runbooks)) {
      handOverAndBreak(
          stage, Failures.maybeClosed(new Failures.Help("both may be closed", "look", null)));

      assertThat(stage.result().ending()).isEqualTo(Ending.MIGRATED);
      assertThat(stage.world.journal()).doesNotContain("close the source, closing 2");
    }
  }

  /**
   * Sends a hand-over that fails, once the migration has heard that its closing is broken. Where a
   * keeper fails while a workflow task asks for its end, the in-process server (1.38, {@code
   * TestWorkflowMutableStateImpl.processRequestCancelActivityTask}, sdk-java#2391) refuses that
   * task as ACTIVITY_UNKNOWN and never gives it out again; a real one records both.
   */
  private static void handOverAndBreak(Stage stage, RuntimeException failure) {
    stage.world.keepersWork = true;
    stage.world.beside("handOver", () -> breakClosing(stage));
    stage.world.fail("handOver", failure);
    stage.awaitAt(Step.APPROVAL, State.WAITING_FOR_APPROVAL);
    stage.workflow().approve(new Approval("ana@example.com", null, null));
  }

  private static void breakClosing(Stage stage) {
    stage.world.brokenClosing = broken();
    Stage.soon(
        "the migration hears of it",
        () -> {
          Activity.getExecutionContext().heartbeat(Progress.of("handing over"));
          return stage.status().closed() == null;
        });
  }
}
