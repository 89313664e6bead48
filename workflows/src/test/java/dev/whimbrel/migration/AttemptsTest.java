package dev.whimbrel.migration;

import static org.assertj.core.api.Assertions.assertThat;

import dev.whimbrel.activity.Failures;
import dev.whimbrel.activity.Side;
import dev.whimbrel.migration.MigrationResult.Ending;
import dev.whimbrel.migration.MigrationStatus.State;
import dev.whimbrel.migration.MigrationStatus.StepRecord;
import io.temporal.failure.ApplicationFailure;
import java.time.Duration;
import java.util.Collections;
import java.util.Objects;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.parallel.Execution;
import org.junit.jupiter.api.parallel.ExecutionMode;

/** When a switchover that failed is tried again: before its hand-over slowly, after it at once. */
@Execution(ExecutionMode.CONCURRENT)
class AttemptsTest {
  private static final String ANA = "ana@example.com";
  private static final String HAND_OVER = "hand over to the target";

  @Test
  void finishesAtOnceWhatWasHandedOverHoweverOftenItFails() {
    try (Stage stage =
        new Stage(
            new Runbooks(),
            world ->
                world.fail(
                    "handOver",
                    unfinished(),
                    Failures.transientFailure("the target restarts"),
                    unfinished(),
                    Failures.transientFailure("the target restarts"),
                    unfinished()))) {
      assertThat(stage.result().ending()).isEqualTo(Ending.MIGRATED);
      MigrationStatus watched = stage.status();

      StepRecord switchover = record(watched, Step.SWITCHOVER);
      assertThat(Duration.between(switchover.started(), switchover.ended()))
          .isLessThan(Duration.ofSeconds(20));
      assertThat(Objects.requireNonNull(watched.switchover()).attempts()).isEqualTo(1);
      assertThat(Collections.frequency(stage.world.journal(), HAND_OVER)).isEqualTo(6);
    }
  }

  @Test
  void waitsAMinuteBetweenAttemptsThatHandedNothingOver() {
    try (Stage stage = new Stage(new Runbooks(), World::handsNothingOverAtFirst)) {
      assertThat(stage.result().ending()).isEqualTo(Ending.MIGRATED);
      MigrationStatus watched = stage.status();

      StepRecord switchover = record(watched, Step.SWITCHOVER);
      assertThat(Duration.between(switchover.started(), switchover.ended()))
          .isGreaterThanOrEqualTo(Timeouts.BETWEEN_SWITCHOVERS);
      assertThat(Objects.requireNonNull(watched.switchover()).attempts()).isEqualTo(2);
    }
  }

  @Test
  void asksAPersonWhenWhatWasHandedOverCannotBeFinished() {
    try (Stage stage = new Stage(new Runbooks())) {
      for (int i = 0; i < 13; i++) {
        stage.world.fail("handOver", unfinished());
      }
      MigrationStatus parked = stage.awaitAt(Step.SWITCHOVER, State.NEEDS_HELP);
      int tried = Collections.frequency(stage.world.journal(), HAND_OVER);
      assertThat(parked.writesGoTo()).isEqualTo("unknown");
      stage.workflow().retry(new StepDecision(ANA, null, null));

      assertThat(stage.result().ending()).isEqualTo(Ending.MIGRATED);
      assertThat(tried).isEqualTo(13);
      assertThat(parked.parked().get(0).cause()).isEqualTo("the target did not open");
      assertThat(stage.world.truth).isEqualTo(Side.TARGET);
      assertThat(stage.status().writesGoTo()).isEqualTo("target");
    }
  }

  @Test
  void saysWhereWritesGoUnlessBothSidesMayBeClosed() {
    try (Stage stage = new Stage(new Runbooks())) {
      stage.world.fail(
          "handOver",
          Failures.needsHelp("the tables cannot be locked", "end what is named", null),
          Failures.maybeClosed(new Failures.Help("its last rows do not arrive", "mend", null)));
      MigrationStatus untouched = stage.awaitAt(Step.SWITCHOVER, State.NEEDS_HELP);
      stage.workflow().retry(new StepDecision(ANA, null, null));
      MigrationStatus closed =
          stage.await(
              "parked with both sides closed",
              status -> status.parked().stream().anyMatch(place -> place.cause().contains("rows")));
      stage.workflow().retry(new StepDecision(ANA, null, null));

      assertThat(stage.result().ending()).isEqualTo(Ending.MIGRATED);
      assertThat(untouched.writesGoTo()).isEqualTo("source");
      assertThat(closed.writesGoTo()).isEqualTo("unknown");
    }
  }

  @Test
  void settlesAtOnceWhatARollbackFindsHalfDone() {
    try (Stage stage =
        new Stage(
            new Runbooks(),
            world -> {
              world.fail("handOver", Failures.needsHelp("the stream stands still", "mend", null));
              world.fail("settle", Failures.transientFailure("the target restarts"), unfinished());
            })) {
      stage.awaitAt(Step.SWITCHOVER, State.NEEDS_HELP);
      stage.untyped().signal("rollback", "because");

      MigrationResult result = stage.result();

      StepRecord back = record(stage.status(), Step.HAND_BACK);
      assertThat(result.ending()).isEqualTo(Ending.ROLLED_BACK);
      assertThat(Duration.between(back.started(), back.ended())).isLessThan(Duration.ofSeconds(20));
      assertThat(stage.world.truth).isEqualTo(Side.SOURCE);
    }
  }

  @Test
  void finishesARollbackAtOnceThatFailedAfterItsHandOver() {
    try (Stage stage = new Stage(new Runbooks())) {
      stage.world.fail("settle", unfinished(), Failures.transientFailure("the source restarts"));
      stage.awaitAt(Step.WINDOW, State.WAITING_FOR_TIME);
      stage.untyped().signal("rollback", "because");

      MigrationResult result = stage.result();

      StepRecord back = record(stage.status(), Step.HAND_BACK);
      assertThat(result.ending()).isEqualTo(Ending.ROLLED_BACK);
      assertThat(Duration.between(back.started(), back.ended())).isLessThan(Duration.ofSeconds(20));
      assertThat(Collections.frequency(stage.world.journal(), "settle on the source")).isEqualTo(3);
    }
  }

  private static ApplicationFailure unfinished() {
    return Failures.unfinished("the target did not open");
  }

  private static StepRecord record(MigrationStatus status, Step step) {
    return status.steps().stream()
        .filter(found -> found.id().equals(step.id()))
        .findFirst()
        .orElseThrow();
  }
}
