package dev.whimbrel.migration;

import static org.assertj.core.api.Assertions.assertThat;

import dev.whimbrel.activity.Failures;
import dev.whimbrel.activity.QueriesReport.Result;
import dev.whimbrel.activity.QueriesReport.Verdict;
import dev.whimbrel.migration.MigrationStatus.State;
import dev.whimbrel.runbook.QuerySpec;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/** The queries that both sides are asked, {@code validate.queries}. */
class QueriesTest {
  private static final QuerySpec TOP = new QuerySpec("top", 1, "select 1", false, false);

  @Test
  void asksBothSidesBehindTheComparisonAndShowsTheAnswerAtTheApproval() {
    try (Stage stage = stage(result(Verdict.SAME, 10.0, 12.0, false, null))) {
      MigrationStatus status = stage.awaitState(State.WAITING_FOR_APPROVAL);

      assertThat(stage.world.journal())
          .containsSubsequence(
              "verify against the source", "ask both databases 1 queries", "1 checks");
      assertThat(outcome(status)).isEqualTo("1 query: 1 answered alike");
      assertThat(lines(status)).contains("Of 1 query: 1 answered alike.");
    }
  }

  @Test
  void asksNobodyWhereThereIsNothingToAsk() {
    Runbooks runbooks = new Runbooks();
    runbooks.approval = "required";
    try (Stage stage = new Stage(runbooks)) {
      MigrationStatus status = stage.awaitState(State.WAITING_FOR_APPROVAL);

      assertThat(outcome(status)).isEqualTo("not configured");
      assertThat(stage.world.journal()).noneMatch(line -> line.contains("queries"));
      assertThat(lines(status)).noneMatch(line -> line.contains("answered alike"));
    }
  }

  @Test
  void parksWhereTheyDoNotAnswerAlikeAndGoesOnWhenTheyDo() {
    try (Stage stage =
        stage(
            result(Verdict.DIFFERS, null, null, false, "3 rows on the source, 4 on the target"))) {
      MigrationStatus parked = stage.awaitState(State.NEEDS_HELP);

      assertThat(parked.parked())
          .singleElement()
          .satisfies(
              step -> {
                assertThat(step.step()).isEqualTo("validate.queries");
                assertThat(step.skippable()).isTrue();
                assertThat(step.cause())
                    .isEqualTo(
                        "1 query is not answered alike by source and target:\n"
                            + "Query top (line 1): 3 rows on the source, 4 on the target");
                assertThat(step.remedy()).contains("whimbrel verify", "-- compare: time only");
              });

      stage.world.queryResults = List.of(result(Verdict.SAME, 10.0, 10.0, false, null));
      stage.workflow().retry(new StepDecision("ana@example.com", null, null));
      assertThat(lines(stage.awaitState(State.WAITING_FOR_APPROVAL)))
          .contains("Of 1 query: 1 answered alike.");
    }
  }

  @Test
  void showsASkipAndWhatWasFoundInCapitals() {
    try (Stage stage = stage(result(Verdict.FAILS_ON_ONE, null, null, false, "no function"))) {
      stage.awaitState(State.NEEDS_HELP);
      stage.workflow().skip(new StepDecision("ana@example.com", "known", "validate.queries"));

      assertThat(lines(stage.awaitState(State.WAITING_FOR_APPROVAL)))
          .contains(
              "SKIPPED: validate.queries skipped by ana@example.com: known",
              "Of 1 query: 0 answered alike, 1 NOT ANSWERED ALIKE.",
              "NOT ANSWERED ALIKE: Query top (line 1): no function");
    }
  }

  @Test
  void tellsTheApprovalWhatIsSlowerAndWhatWasNotCompared() {
    try (Stage stage =
        stage(
            result(Verdict.SAME, 10.0, 99.5, true, "its plan is another one"),
            result(Verdict.NOT_COMPARED, null, null, false, "in flux"),
            result(Verdict.OTHER_ORDER, 1.0, 1.0, false, "the same rows in another order"),
            result(Verdict.TIME_ONLY, 1.0, 1.0, false, null))) {
      MigrationStatus status = stage.awaitState(State.WAITING_FOR_APPROVAL);

      assertThat(outcome(status))
          .isEqualTo(
              "4 queries: 2 answered alike, 1 for their time only, 1 not compared, 1 slower on the target");
      assertThat(lines(status))
          .contains(
              "Query top (line 1) takes 99.5 ms on the target and 10.0 ms on the source: its plan is another one",
              "Query top (line 1): in flux",
              "Query top (line 1): the same rows in another order");
    }
  }

  @Test
  void comesAgainWhereAServerIsAwayForAMoment() {
    Runbooks runbooks = runbooks();
    try (Stage stage =
        new Stage(
            runbooks,
            world -> {
              world.queryResults = List.of(result(Verdict.SAME, 1.0, 1.0, false, null));
              world.fail("compareQueries", Failures.transientFailure("the server is starting up"));
            })) {
      assertThat(outcome(stage.awaitState(State.WAITING_FOR_APPROVAL)))
          .isEqualTo("1 query: 1 answered alike");
    }
  }

  private static Runbooks runbooks() {
    Runbooks runbooks = new Runbooks();
    runbooks.approval = "required";
    runbooks.queries = List.of(TOP);
    return runbooks;
  }

  private static Stage stage(Result... results) {
    return new Stage(runbooks(), world -> world.queryResults = List.of(results));
  }

  private static Result result(
      Verdict verdict,
      @Nullable Double source,
      @Nullable Double target,
      boolean slower,
      @Nullable String note) {
    return new Result("top", 1, verdict, 3, source, target, slower, note);
  }

  private static @Nullable String outcome(MigrationStatus status) {
    return status.steps().stream()
        .filter(step -> step.id().equals("validate.queries"))
        .findFirst()
        .orElseThrow()
        .outcome();
  }

  private static List<String> lines(MigrationStatus status) {
    return Objects.requireNonNull(status.findings()).lines();
  }
}
