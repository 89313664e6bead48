package dev.whimbrel.migration;

import static org.assertj.core.api.Assertions.assertThat;

import dev.whimbrel.activity.Failures;
import dev.whimbrel.activity.Window;
import dev.whimbrel.migration.MigrationResult.Ending;
import dev.whimbrel.migration.MigrationStatus.State;
import java.time.Duration;
import java.time.Instant;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.parallel.Execution;
import org.junit.jupiter.api.parallel.ExecutionMode;

/** A closing, or a hand-over behind one, that has to be tried again. */
@Execution(ExecutionMode.CONCURRENT)
class OfflineRetryTest {
  private static final String LOCKED = "The tables could not be locked: pid 4711 holds orders";

  /** What was prepared is no longer what is there: without that, every retry would fail alike. */
  @Test
  void preparesAgainWhereAPersonSaysRetryToAClosingThatFailed() {
    try (Stage stage =
        new Stage(
            Runbooks.closingFirst(),
            world ->
                world.fail(
                    "closeSource", Failures.needsHelp("the catalog has changed", "retry", null)))) {
      stage.await("the closing is parked", status -> Stage.isParked(status, Step.CLOSE));
      retry(stage);

      assertThat(stage.result().ending()).isEqualTo(Ending.MIGRATED);
      assertThat(stage.world.journal())
          .containsSubsequence(
              "prepare the switchover",
              "close the source, closing 1",
              "prepare the switchover",
              "close the source, closing 2",
              "list what to copy");
    }
  }

  @Test
  void closesNothingOutsideOfTheWindowWhereAPersonSaysRetryLater() {
    Runbooks runbooks = Runbooks.closingFirst();
    runbooks.window = "Sun 02:00-08:00 UTC";
    try (Stage stage =
        new Stage(
            runbooks,
            world -> {
              world.window = new Window(world.now(), world.now().plus(Duration.ofHours(6)));
              world.fail(
                  "closeSource", Failures.needsHelp("a prepared transaction", "end it", null));
            })) {
      stage.await("the closing is parked", status -> Stage.isParked(status, Step.CLOSE));
      stage.sleep(Duration.ofHours(9));
      Instant opens = stage.world.now().plus(Duration.ofDays(6));
      stage.world.window = new Window(opens, opens.plus(Duration.ofHours(6)));
      retry(stage);
      stage.awaitState(State.WAITING_FOR_WINDOW);
      List<String> waiting = stage.world.journal();

      assertThat(waiting).doesNotContain("close the source, closing 2");
      assertThat(stage.result().ending()).isEqualTo(Ending.MIGRATED);
      assertThat(stage.world.closedAt.get(1)).isAfterOrEqualTo(opens);
    }
  }

  /** Each try holds up the writers of every table, as one of a switchover does. */
  @Test
  void triesAClosingThreeTimesAMinuteApartAndThenAsksAPerson() {
    try (Stage stage =
        new Stage(
            Runbooks.closingFirst(),
            world ->
                world.fail(
                    "closeSource",
                    Failures.transientFailure("busy"),
                    Failures.transientFailure("busy"),
                    Failures.transientFailure(LOCKED)))) {
      MigrationStatus parked =
          stage.await("the closing is parked", status -> Stage.isParked(status, Step.CLOSE));
      List<Instant> tried = List.copyOf(stage.world.closedAt);
      retry(stage);

      assertThat(parked.waitingFor()).isEqualTo("cutover.close: " + LOCKED);
      assertThat(tried).hasSize(3);
      assertThat(tried.get(1)).isAfterOrEqualTo(tried.get(0).plusSeconds(60));
      assertThat(tried.get(2)).isAfterOrEqualTo(tried.get(1).plusSeconds(60));
      assertThat(stage.result().ending()).isEqualTo(Ending.MIGRATED);
      assertThat(stage.world.behind).containsExactly(4);
    }
  }

  @Test
  void heedsAPauseBetweenTwoTriesAtTheHandOver() {
    try (Stage stage = new Stage(Runbooks.closingFirst())) {
      List<String> answers = new CopyOnWriteArrayList<>();
      stage.world.beside(
          "handOver",
          () -> answers.add(stage.workflow().pause(new Decision("ana@example.com", "a look"))));
      stage.world.fail("handOver", Failures.transientFailure(LOCKED));
      MigrationStatus paused = stage.awaitState(State.PAUSED);
      stage.sleep(Duration.ofMinutes(20));
      int tried = stage.world.behind.size();
      stage.workflow().resume(new Decision("ana@example.com", null));

      assertThat(paused.closed()).isNotNull();
      assertThat(answers.get(0)).contains("THE SOURCE STAYS CLOSED FOR WRITES, until ");
      assertThat(tried).isEqualTo(1);
      assertThat(stage.result().ending()).isEqualTo(Ending.MIGRATED);
      assertThat(Collections.frequency(stage.world.behind, 1)).isEqualTo(2);
    }
  }

  private static void retry(Stage stage) {
    stage.workflow().retry(new StepDecision("ana@example.com", null, null));
  }
}
