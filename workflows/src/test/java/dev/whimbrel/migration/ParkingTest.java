package dev.whimbrel.migration;

import static org.assertj.core.api.Assertions.assertThat;

import dev.whimbrel.activity.Failures;
import dev.whimbrel.activity.Finding;
import dev.whimbrel.activity.Side;
import dev.whimbrel.migration.MigrationResult.Ending;
import dev.whimbrel.migration.MigrationStatus.State;
import java.util.Collections;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.parallel.Execution;
import org.junit.jupiter.api.parallel.ExecutionMode;

@Execution(ExecutionMode.CONCURRENT)
class ParkingTest {
  private static final String BY = "ana@example.com";

  @Test
  void retriesAParkedStepAndGoesOn() {
    try (Stage stage = new Stage(new Runbooks())) {
      stage.world.fail("subscribe", Failures.needsHelp("no slot is free", "free one", null));
      MigrationStatus parked = stage.awaitState(State.NEEDS_HELP);
      String answer = stage.workflow().retry(new StepDecision(BY, null, "replicate.subscribe"));

      assertThat(stage.result().ending()).isEqualTo(Ending.MIGRATED);
      assertThat(parked.waitingFor()).isEqualTo("replicate.subscribe: no slot is free");
      assertThat(parked.nextSteps())
          .containsExactly(
              "whimbrel retry shop --step replicate.subscribe",
              "whimbrel rollback shop --reason …");
      assertThat(answer).isEqualTo("trying again: replicate.subscribe");
      assertThat(Collections.frequency(stage.world.journal(), "subscribe")).isEqualTo(2);
    }
  }

  @Test
  void triesATransientFailureADozenTimesAndThenAsks() {
    try (Stage stage = new Stage(new Runbooks())) {
      for (int i = 0; i < 12; i++) {
        stage.world.fail("createTables", Failures.transientFailure("the server restarts"));
      }
      MigrationStatus parked = stage.awaitState(State.NEEDS_HELP);
      stage.workflow().retry(new StepDecision(BY, null, null));

      assertThat(stage.result().ending()).isEqualTo(Ending.MIGRATED);
      assertThat(parked.parked().get(0).cause()).isEqualTo("the server restarts");
      assertThat(Collections.frequency(stage.world.journal(), "create tables")).isEqualTo(13);
    }
  }

  @Test
  void parksADefectWithWhatToReport() {
    try (Stage stage = new Stage(new Runbooks())) {
      stage.world.fail("analyze", Failures.defect("index 3 out of bounds"));
      MigrationStatus parked = stage.awaitState(State.NEEDS_HELP);

      assertThat(parked.parked().get(0).cause())
          .isEqualTo(
              "replicate.analyze ended with a failure that nobody expected: index 3 out of bounds");
      assertThat(parked.parked().get(0).remedy()).startsWith("Please report this");
    }
  }

  @Test
  void goesOnWithoutASkippedStepAndSaysSo() {
    try (Stage stage = new Stage(new Runbooks())) {
      stage.world.fail("analyze", Failures.needsHelp("no right to analyze", "grant it", null));
      stage.awaitState(State.NEEDS_HELP);
      stage.workflow().skip(new StepDecision(BY, "autovacuum does it", "replicate.analyze"));

      MigrationResult result = stage.result();

      assertThat(result.ending()).isEqualTo(Ending.MIGRATED);
      assertThat(result.leftOver())
          .containsExactly("replicate.analyze skipped by " + BY + ": autovacuum does it");
      assertThat(Collections.frequency(stage.world.journal(), "analyze")).isEqualTo(1);
    }
  }

  @Test
  void refusesDecisionsThatMakeNoSenseNow() {
    try (Stage stage = new Stage(new Runbooks())) {
      stage.world.fail("subscribe", Failures.needsHelp("no slot is free", "free one", null));
      stage.awaitState(State.NEEDS_HELP);
      MigrationWorkflow workflow = stage.workflow();

      assertThat(Stage.refusal(() -> workflow.retry(new StepDecision(BY, null, "replicate.copy"))))
          .isEqualTo("Cannot retry replicate.copy: it is not parked. Parked: replicate.subscribe.");
      assertThat(Stage.refusal(() -> workflow.skip(new StepDecision(BY, "so", null))))
          .isEqualTo(
              "Cannot skip replicate.subscribe: the migration cannot go on without it."
                  + " Allowed: retry, rollback, abandon.");
      assertThat(Stage.refusal(() -> workflow.skip(new StepDecision(BY, null, null))))
          .isEqualTo("Cannot skip: no reason is given. Say why with --reason TEXT.");
      assertThat(Stage.refusal(() -> workflow.retry(new StepDecision("", null, null))))
          .isEqualTo("Cannot retry: nobody is named. Say who decides with --by NAME.");
      assertThat(Stage.refusal(() -> workflow.approve(new Approval(BY, null, null))))
          .isEqualTo("Cannot approve: nothing waits for an approval now.");
      assertThat(Stage.refusal(() -> workflow.resume(new Decision(BY, null))))
          .isEqualTo("Cannot resume: it is not paused.");
      assertThat(Stage.refusal(() -> workflow.verify(new Decision(BY, null))))
          .isEqualTo(
              "Cannot verify: the copy is not whole yet. It can be compared from the end of replicate.catch-up to the end of the rollback window.");
      assertThat(Stage.refusal(() -> workflow.abandon(new Decision(BY, null))))
          .isEqualTo("Cannot abandon: no reason is given. Say why with --reason TEXT.");

      workflow.retry(new StepDecision(BY, null, null));
      stage.result();
    }
  }

  @Test
  void showsEveryBlockerOfPreflightWithItsFixAndNeverSkipsThem() {
    try (Stage stage =
        new Stage(
            new Runbooks(),
            world ->
                world.preflightFindings =
                    List.of(
                        finding(Finding.Level.BLOCKER, "public.orders", "no key", "ALTER 1;"),
                        finding(Finding.Level.BLOCKER, "public.lines", "no key", "ALTER 2;"),
                        finding(Finding.Level.WARNING, "public.logs", "is big", null)))) {
      MigrationStatus parked = stage.awaitState(State.NEEDS_HELP);
      String refusal =
          Stage.refusal(
              () -> stage.workflow().skip(new StepDecision(BY, "so", "prepare.preflight")));
      stage.world.preflightFindings = List.of();
      stage.workflow().retry(new StepDecision(BY, null, null));

      assertThat(stage.result().ending()).isEqualTo(Ending.MIGRATED);
      assertThat(parked.parked().get(0).cause())
          .isEqualTo("preflight found 2 blockers:\npublic.orders: no key\npublic.lines: no key");
      assertThat(parked.parked().get(0).command()).isEqualTo("ALTER 1;\nALTER 2;");
      assertThat(parked.parked().get(0).skippable()).isFalse();
      assertThat(refusal).startsWith("Cannot skip prepare.preflight");
    }
  }

  @Test
  void parksDifferencesAndGoesOnOnlyWithAReason() {
    try (Stage stage =
        new Stage(
            new Runbooks(), world -> world.differences = List.of("public.orders: row 7 differs"))) {
      MigrationStatus parked = stage.awaitAt(Step.VERIFY_DATA, State.NEEDS_HELP);
      stage.workflow().skip(new StepDecision(BY, "row 7 is a test", null));
      stage.awaitAt(Step.FRESH_VERIFY, State.NEEDS_HELP);
      stage.workflow().skip(new StepDecision(BY, "still a test", null));

      assertThat(stage.result().ending()).isEqualTo(Ending.MIGRATED);
      assertThat(parked.parked().get(0).cause())
          .isEqualTo("The databases differ in 1 place:\npublic.orders: row 7 differs");
      assertThat(parked.verification()).isNotNull();
    }
  }

  @Test
  void skipsAStepThatRunsAndDoesNotEnd() {
    try (Stage stage = new Stage(new Runbooks(), world -> world.neverEnds("awaitFirstWrites"))) {
      MigrationStatus waiting = stage.awaitAt(Step.FIRST_WRITES, State.RUNNING);
      String refusal =
          Stage.refusal(
              () -> stage.workflow().skip(new StepDecision(BY, null, "cutover.first-writes")));
      String answer =
          stage.workflow().skip(new StepDecision(BY, "nobody writes", "cutover.first-writes"));
      MigrationStatus watched = stage.awaitAt(Step.MONITOR, State.WAITING_FOR_TIME);

      // The window's time does not run before everything has followed.
      assertThat(waiting.rollback().possible()).isTrue();
      assertThat(waiting.rollback().until()).isNull();
      assertThat(watched.rollback().until()).isNotNull();
      assertThat(watched.waitingFor()).isEqualTo("the end of the monitor period");
      assertThat(stage.result().ending()).isEqualTo(Ending.MIGRATED);
      assertThat(refusal).isEqualTo("Cannot skip: no reason is given. Say why with --reason TEXT.");
      assertThat(answer).isEqualTo("going on without: cutover.first-writes");
    }
  }

  @Test
  void triesASwitchoverThreeTimesAMinuteApartAndThenNamesTheBlockers() {
    try (Stage stage = new Stage(new Runbooks())) {
      for (int i = 0; i < 3; i++) {
        stage.world.fail("handOver", Failures.transientFailure("blocked by pid 42"));
      }
      MigrationStatus parked = stage.awaitAt(Step.SWITCHOVER, State.NEEDS_HELP);
      int attempts = Collections.frequency(stage.world.journal(), "hand over to the target");
      stage.workflow().retry(new StepDecision(BY, null, null));

      assertThat(stage.result().ending()).isEqualTo(Ending.MIGRATED);
      assertThat(parked.parked().get(0).cause()).isEqualTo("blocked by pid 42");
      assertThat(parked.parked().get(0).skippable()).isFalse();
      assertThat(attempts).isEqualTo(3);
      assertThat(stage.world.truth).isEqualTo(Side.TARGET);
    }
  }

  @Test
  void pausesFurtherStepsUntilResumed() {
    try (Stage stage = new Stage(new Runbooks())) {
      stage.awaitAt(Step.LOWER_TTL, State.WAITING_FOR_TIME);
      stage.workflow().pause(new Decision(BY, "lunch"));
      stage.sleep(java.time.Duration.ofHours(5));
      MigrationStatus paused = stage.status();
      String refusal = Stage.refusal(() -> stage.workflow().pause(new Decision(BY, null)));
      List<String> meanwhile = stage.world.journal();
      stage.workflow().resume(new Decision(BY, null));

      assertThat(stage.result().ending()).isEqualTo(Ending.MIGRATED);
      assertThat(paused.state()).isEqualTo(State.PAUSED);
      assertThat(paused.waitingFor()).isEqualTo("paused by " + BY + ": lunch");
      assertThat(refusal).isEqualTo("Cannot pause: it is paused already.");
      assertThat(meanwhile).doesNotContain("create tables");
    }
  }

  @Test
  void endsWhereItStandsWhenAbandoned() {
    try (Stage stage = new Stage(new Runbooks())) {
      stage.awaitAt(Step.MONITOR, State.WAITING_FOR_TIME);
      List<String> before = stage.world.journal();
      stage.workflow().abandon(new Decision(BY, "the lab is torn down"));

      MigrationResult result = stage.result();

      assertThat(result.ending()).isEqualTo(Ending.ABANDONED);
      assertThat(result.line())
          .isEqualTo(
              "abandoned by ana@example.com (the lab is torn down); everything stands as it was left");
      assertThat(stage.world.journal()).isEqualTo(before);
    }
  }

  private static Finding finding(
      Finding.Level level,
      String subject,
      String message,
      @org.jspecify.annotations.Nullable String fix) {
    return new Finding(level, "replica-identity", subject, message, fix);
  }
}
