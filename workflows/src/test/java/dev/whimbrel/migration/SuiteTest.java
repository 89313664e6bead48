package dev.whimbrel.migration;

import static org.assertj.core.api.Assertions.assertThat;

import dev.whimbrel.activity.Failures;
import dev.whimbrel.activity.Finding;
import dev.whimbrel.activity.SuiteClone;
import dev.whimbrel.migration.MigrationResult.Ending;
import dev.whimbrel.migration.MigrationStatus.State;
import dev.whimbrel.runbook.StageSpec;
import dev.whimbrel.runbook.SuiteSpec;
import io.temporal.failure.ApplicationFailure;
import java.time.Duration;
import java.util.Collections;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.parallel.Execution;
import org.junit.jupiter.api.parallel.ExecutionMode;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The suite that writes on a clone, {@code validate.suite}. */
@Execution(ExecutionMode.CONCURRENT)
class SuiteTest {

  @Test
  void runsOnACloneBehindTheComparisonAndBeforeTheChecksAndDropsIt() {
    try (Stage stage = new Stage(runbooks())) {
      MigrationStatus status = stage.awaitState(State.WAITING_FOR_APPROVAL);

      assertThat(stage.world.journal())
          .containsSubsequence(
              "verify against the source",
              "make a clone",
              "look before cloning",
              "claim the clone",
              "bring rows to the clone",
              "complete the clone",
              "let go of the clone",
              "make the clone ready",
              "run the suite",
              "drop the clone",
              "1 checks");
      assertThat(outcome(status))
          .isEqualTo(
              "the suite is green; on a clone of 42 rows in 3 tables; without public.far: a foreign table");
      assertThat(stage.world.clones)
          .singleElement()
          .satisfies(
              clone -> {
                assertThat(clone.database()).matches("whimbrel_shop_suite_[0-9a-f]{8}");
                assertThat(clone.postgres().url())
                    .isEqualTo("postgresql://migrator@198.51.100.20/" + clone.database());
              });
    }
  }

  @Test
  void clonesAllAtOnceWhatCameInStages() {
    Runbooks runbooks = runbooks();
    runbooks.stages = List.of(new StageSpec(List.of("shop.orders")));
    try (Stage stage = new Stage(runbooks)) {
      MigrationStatus status = stage.awaitState(State.WAITING_FOR_APPROVAL);

      assertThat(outcome(status)).startsWith("the suite is green; on a clone of 42 rows");
      assertThat(stage.world.journal())
          .containsSubsequence("join stage 2", "make a clone", "bring rows to the clone")
          .containsOnlyOnce("join stage 2");
    }
  }

  @Test
  void makesNothingWhereThereIsNoSuite() {
    Runbooks runbooks = new Runbooks();
    runbooks.approval = "required";
    try (Stage stage = new Stage(runbooks)) {
      assertThat(outcome(stage.awaitState(State.WAITING_FOR_APPROVAL))).isEqualTo("not configured");
      assertThat(stage.world.journal()).noneMatch(line -> line.contains("clone"));
    }
  }

  @Test
  void parksOnARedSuiteAndGivesARetryAFreshClone() {
    try (Stage stage = failing(Failures.needsHelp("The suite is not green: 3", "mend it", null))) {
      MigrationStatus parked = stage.awaitState(State.NEEDS_HELP);

      assertThat(parked.parked())
          .singleElement()
          .satisfies(
              step -> {
                assertThat(step.step()).isEqualTo("validate.suite");
                assertThat(step.cause()).isEqualTo("The suite is not green: 3");
                assertThat(step.skippable()).isTrue();
              });
      assertThat(stage.world.journal()).endsWith("run the suite", "drop the clone");

      stage.workflow().retry(new StepDecision("ana@example.com", null, null));
      stage.awaitState(State.WAITING_FOR_APPROVAL);
      assertThat(count(stage, "run the suite")).isEqualTo(2);
      assertThat(count(stage, "drop the clone")).isEqualTo(2);
      assertThat(stage.world.clones).extracting(SuiteClone::mark).doesNotHaveDuplicates();
    }
  }

  @Test
  void showsASkippedSuiteAtTheApproval() {
    try (Stage stage = failing(Failures.needsHelp("The suite is not green", "mend it", null))) {
      stage.awaitState(State.NEEDS_HELP);
      stage.workflow().skip(new StepDecision("ana@example.com", "known", "validate.suite"));

      MigrationStatus status = stage.awaitState(State.WAITING_FOR_APPROVAL);
      assertThat(Objects.requireNonNull(status.findings()).lines())
          .contains("SKIPPED: validate.suite skipped by ana@example.com: known");
      assertThat(stage.world.journal()).contains("drop the clone");
    }
  }

  @Test
  void dropsTheCloneWhenItIsSkippedWhileItRuns() {
    try (Stage stage = new Stage(runbooks())) {
      stage.world.during(
          "runSuite",
          () ->
              stage
                  .workflow()
                  .skip(new StepDecision("ana@example.com", "too slow", "validate.suite")));

      assertThat(outcome(stage.awaitState(State.WAITING_FOR_APPROVAL)))
          .isEqualTo("skipped by ana@example.com: too slow");
      assertThat(stage.world.journal())
          .containsSubsequence("run the suite", "drop the clone", "1 checks");
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        Failures.TRANSIENT,
        "io.temporal.client.ActivityWorkerShutdownException",
        "java.lang.IllegalStateException"
      })
  void runsAgainOnAFreshCloneWhereItsWorkerIsLost(String type) {
    try (Stage stage = failing(ApplicationFailure.newFailure("it is stopped", type))) {
      stage.awaitState(State.WAITING_FOR_APPROVAL);

      assertThat(stage.world.journal())
          .containsSubsequence(
              "run the suite", "drop the clone", "make a clone", "run the suite", "drop the clone");
      assertThat(stage.world.clones)
          .hasSize(2)
          .extracting(SuiteClone::mark)
          .doesNotHaveDuplicates();
    }
  }

  @Test
  void asksAPersonWhenEveryWorkerIsLostUnderIt() {
    RuntimeException lost = Failures.transientFailure("the worker is shutting down");
    try (Stage stage = failing(lost, lost, lost)) {
      MigrationStatus parked = stage.awaitState(State.NEEDS_HELP);

      assertThat(parked.parked().get(0).cause()).contains("the worker is shutting down");
      assertThat(count(stage, "drop the clone")).isEqualTo(3);
    }
  }

  @Test
  void parksOnACloneThatCannotBeMadeWithItsReason() {
    try (Stage stage =
        new Stage(
            runbooks(),
            world ->
                world.cloneFindings =
                    List.of(
                        new Finding(
                            Finding.Level.BLOCKER,
                            "large-objects",
                            "target",
                            "holds large objects.",
                            "unlink them")))) {
      MigrationStatus parked = stage.awaitState(State.NEEDS_HELP);

      assertThat(parked.parked().get(0).cause())
          .startsWith("Cannot clone the target for the suite: ")
          .contains("holds large objects.");
      assertThat(stage.world.journal()).doesNotContain("run the suite").endsWith("drop the clone");
    }
  }

  @Test
  void onlyDropsTheCloneWhereThatAloneHasFailed() {
    try (Stage stage =
        new Stage(
            runbooks(),
            world ->
                world.fail(
                    "dropSuiteClone", Failures.needsHelp("a slot is in use", "drop it", null)))) {
      MigrationStatus parked = stage.awaitState(State.NEEDS_HELP);

      assertThat(parked.parked().get(0).cause())
          .matches(
              "The suite was green; its clone whimbrel_shop_suite_\\w+ could not be dropped: a slot is in use");
      stage.workflow().retry(new StepDecision("ana@example.com", null, null));
      stage.awaitState(State.WAITING_FOR_APPROVAL);
      assertThat(stage.world.journal()).containsSubsequence("drop the clone", "drop every clone");
      assertThat(count(stage, "run the suite")).isEqualTo(1);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"createSuiteClone", "openClone", "runSuite"})
  void dropsTheCloneBeforeAnythingElseWhenTheMigrationGoesBackInItsMiddle(String activity) {
    try (Stage stage = new Stage(runbooks())) {
      stage.world.during(activity, () -> stage.untyped().signal("rollback", "because"));

      MigrationResult result = stage.result();

      assertThat(result.ending()).isEqualTo(Ending.ROLLED_BACK);
      assertThat(result.leftOver()).isEmpty();
      assertThat(stage.world.journal())
          .containsSubsequence("drop the clone", "drop every clone", "unsubscribe", "drop the copy")
          .doesNotContain("1 checks");
    }
  }

  @Test
  void namesACloneThatARollbackCannotDrop() {
    try (Stage stage = new Stage(runbooks())) {
      stage.awaitState(State.WAITING_FOR_APPROVAL);
      stage.world.fail("dropSuiteClones", Failures.needsHelp("no right", "grant it", null));
      stage.untyped().signal("rollback", "because");

      assertThat(stage.result().leftOver()).containsExactly("drop the suite's clone: no right");
    }
  }

  /** With a suite, and an approval behind it. */
  static Runbooks runbooks() {
    Runbooks runbooks = new Runbooks();
    runbooks.approval = "required";
    runbooks.suite = new SuiteSpec(List.of("./suite"), "clone", Duration.ofHours(1));
    return runbooks;
  }

  private static Stage failing(RuntimeException... failures) {
    return new Stage(runbooks(), world -> world.fail("runSuite", failures));
  }

  private static int count(Stage stage, String line) {
    return Collections.frequency(stage.world.journal(), line);
  }

  private static @Nullable String outcome(MigrationStatus status) {
    return status.steps().stream()
        .filter(step -> step.id().equals("validate.suite"))
        .findFirst()
        .orElseThrow()
        .outcome();
  }
}
