package dev.whimbrel.migration;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.whimbrel.activity.Failures;
import dev.whimbrel.activity.Finding;
import dev.whimbrel.activity.Forecast;
import dev.whimbrel.activity.PreflightReport;
import dev.whimbrel.migration.MigrationStatus.State;
import io.temporal.activity.Activity;
import io.temporal.client.WorkflowOptions;
import io.temporal.testing.TestWorkflowEnvironment;
import io.temporal.worker.Worker;
import java.time.Duration;
import java.time.Instant;
import java.util.Objects;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class PlanTest {
  private static final PlanWorkflow.More SAMPLE = new PlanWorkflow.More(true, false);
  private static final String BUSY = "Route 53 cannot do GetHostedZone now: Throttling";

  private final TestWorkflowEnvironment environment = TestWorkflowEnvironment.newInstance();
  private final World world =
      new World(() -> Instant.ofEpochMilli(environment.currentTimeMillis()));

  @AfterEach
  void stop() {
    environment.close();
  }

  @Test
  void looksAgainWhereAServiceIsBusy() {
    world.fail("planNames", busy(), busy());

    assertThat(plan(new Runbooks()).findings()).isEmpty();
  }

  @Test
  void saysThatItHasNotLookedWhereAServiceStaysBusy() {
    world.fail("planNames", busy(), busy(), busy());

    PreflightReport report = plan(new Runbooks().withCanary(25));

    assertThat(report.findings())
        .singleElement()
        .satisfies(
            finding -> {
              assertThat(finding.level()).isEqualTo(Finding.Level.WARNING);
              assertThat(finding.line())
                  .isEqualTo(
                      "names: not looked at, which says nothing about the runbook: "
                          + BUSY
                          + ". Fix: plan again");
            });
    assertThat(world.journal()).contains("plan the traffic");
  }

  @Test
  void waitsNoLongerThanAPersonDoesHoweverLongAServiceAsksFor() {
    world.fail("planNames", Failures.transientFailure(BUSY, Duration.ofMinutes(10)));

    PreflightReport report = plan(new Runbooks());

    assertThat(report.findings()).hasSize(1);
    assertThat(world.journal()).containsOnlyOnce("plan the names");
  }

  @Test
  void saysThatItHasNotLookedWhereALookTakesTooLong() {
    neverAnswers("planNames");

    PreflightReport report = plan(new Runbooks());

    assertThat(report.findings())
        .singleElement()
        .satisfies(
            finding -> {
              assertThat(finding.level()).isEqualTo(Finding.Level.WARNING);
              assertThat(finding.line())
                  .startsWith("names: not looked at, which says nothing about the runbook: ");
            });
  }

  /** Each attempt goes on for longer than anybody waits, and its worker never says how it ended. */
  private void neverAnswers(String activity) {
    world.during(
        activity,
        () -> {
          Activity.getExecutionContext().doNotCompleteOnReturn();
          neverAnswers(activity);
        });
  }

  @Test
  void endsWithWhatIsNotForItToTake() {
    world.fail("planNames", Failures.defect("a bug"));

    assertThatThrownBy(() -> plan(new Runbooks())).hasStackTraceContaining("a bug");
  }

  @Test
  void measuresOnlyWhereItIsAskedTo() {
    assertThat(plan(new Runbooks()).forecast()).isNull();
    assertThat(world.journal()).doesNotContain("measure a sample");

    PreflightReport report = plan(new Runbooks(), SAMPLE);

    assertThat(Objects.requireNonNull(report.forecast()).method()).isEqualTo("online");
    assertThat(world.journal()).containsOnlyOnce("measure a sample");
  }

  @Test
  void isAPlanAlsoWhereTheSampleFails() {
    world.fail("forecast", Failures.needsHelp("the password is wrong", "correct it", null));

    PreflightReport report = plan(new Runbooks(), SAMPLE);

    assertThat(report.blockers()).isEmpty();
    assertThat(Objects.requireNonNull(report.forecast()).times()).isNull();
    assertThat(report.findings())
        .extracting(Finding::line)
        .containsExactly(
            "copy: the copy was not measured, so that its time is an assumption: the password is wrong. Fix: plan again");
  }

  @Test
  void proposesQueriesOnlyWhereItIsAskedTo() {
    PreflightReport report = plan(new Runbooks(), new PlanWorkflow.More(false, true));

    assertThat(report.proposedQueries()).isEqualTo("SELECT 1;\n");
    assertThat(report.forecast()).isNull();

    world.fail("proposeQueries", Failures.needsHelp("no such role", "create it", null));
    PreflightReport none = plan(new Runbooks(), new PlanWorkflow.More(false, true));
    assertThat(none.proposedQueries()).isNull();
    assertThat(none.findings())
        .extracting(Finding::line)
        .containsExactly("source: no query is proposed: no such role. Fix: plan again");
  }

  @Test
  void waitsForASampleNoLongerThanAPersonDoes() {
    neverAnswers("forecast");

    PreflightReport report = plan(new Runbooks(), SAMPLE);

    assertThat(report.findings())
        .singleElement()
        .satisfies(finding -> assertThat(finding.check()).isEqualTo(Forecast.CHECK));
  }

  @Test
  void aStartLooksAgainUntilItIsAnsweredAndGoesNowhereBefore() {
    try (Stage stage =
        new Stage(
            new Runbooks().withCanary(25),
            busy ->
                busy.fail(
                    "planNames",
                    Stream.generate(PlanTest::busy).limit(12).toArray(RuntimeException[]::new)))) {
      MigrationStatus parked = stage.awaitState(State.NEEDS_HELP);

      assertThat(parked.parked())
          .singleElement()
          .satisfies(
              each -> {
                assertThat(each.step()).isEqualTo("prepare.preflight");
                assertThat(each.cause()).isEqualTo(BUSY);
              });
      assertThat(stage.world.journal()).doesNotContain("claim both databases");
    }
  }

  private static RuntimeException busy() {
    return Failures.transientFailure(BUSY);
  }

  private PreflightReport plan(Runbooks runbooks) {
    return plan(runbooks, null);
  }

  private PreflightReport plan(Runbooks runbooks, PlanWorkflow.@Nullable More more) {
    if (!environment.isStarted()) {
      Worker worker = environment.newWorker("plans", Stage.workerOptions());
      worker.registerWorkflowImplementationTypes(PlanRun.class);
      worker.registerActivitiesImplementations(world);
      environment.start();
    }
    return environment
        .getWorkflowClient()
        .newWorkflowStub(
            PlanWorkflow.class, WorkflowOptions.newBuilder().setTaskQueue("plans").build())
        .plan(runbooks.build(), more);
  }
}
