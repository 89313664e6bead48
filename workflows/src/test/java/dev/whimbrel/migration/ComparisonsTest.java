package dev.whimbrel.migration;

import static dev.whimbrel.migration.Stage.soon;
import static org.assertj.core.api.Assertions.assertThat;

import dev.whimbrel.activity.Failures;
import dev.whimbrel.activity.VerificationReport;
import dev.whimbrel.migration.MigrationResult.Ending;
import dev.whimbrel.migration.MigrationStatus.State;
import dev.whimbrel.migration.MigrationStatus.StepRecord;
import java.time.Duration;
import java.time.Instant;
import java.util.Collections;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.parallel.Execution;
import org.junit.jupiter.api.parallel.ExecutionMode;

/** Comparisons beside the steps: in rounds until the hand-over, and whenever a person asks. */
@Execution(ExecutionMode.CONCURRENT)
class ComparisonsTest {
  private static final String ANA = "ana@example.com";
  private static final String ROW = "public.orders (id)=(7): missing on the target";

  @Test
  void parkWhatTheRoundsFindWhileTheSoakGoesOn() {
    try (Stage stage =
        new Stage(
            new Runbooks(),
            world -> {
              world.rest = Duration.ofHours(1);
              world.looksInVain("soak", 1_000);
            })) {
      stage.awaitAt(Step.SOAK, State.RUNNING);
      stage.world.foundByRounds = List.of(ROW);
      MigrationStatus parked = stage.awaitAt(Step.SOAK, State.NEEDS_HELP);
      stage.world.foundByRounds = List.of();
      stage.workflow().retry(new StepDecision(ANA, null, Step.KEEP_VERIFYING.id()));
      MigrationStatus again = stage.awaitAt(Step.SOAK, State.RUNNING);
      int looks = stage.world.looks("keepVerifying");
      stage.sleep(Duration.ofHours(5));

      assertThat(parked.parked().get(0).step()).isEqualTo("validate.keep-verifying");
      assertThat(parked.parked().get(0).cause())
          .isEqualTo("The databases differ in 1 place:\n" + ROW);
      assertThat(Objects.requireNonNull(parked.verification()).differences()).isEqualTo(1);
      assertThat(again.parked()).isEmpty();
      assertThat(stage.world.looks("keepVerifying")).isGreaterThan(looks);
    }
  }

  @Test
  void goOnWithoutTheRoundsWhereAPersonSkipsThemAndCompareAtTheGate() {
    Runbooks runbooks = new Runbooks();
    runbooks.approval = "required";
    try (Stage stage =
        new Stage(
            runbooks,
            world -> {
              world.rest = Duration.ofHours(1);
              world.looksInVain("soak", 30);
              world.foundByRounds = List.of(ROW);
              world.differences = List.of(ROW);
            })) {
      stage.await("the rounds", s -> Stage.isParked(s, Step.KEEP_VERIFYING));
      stage.workflow().skip(new StepDecision(ANA, "a test row", Step.KEEP_VERIFYING.id()));
      stage.await("the step", s -> Stage.isParked(s, Step.VERIFY_DATA));
      stage.workflow().skip(new StepDecision(ANA, "a test row", null));
      MigrationStatus asked = stage.awaitState(State.WAITING_FOR_APPROVAL);
      stage.workflow().approve(new Approval(ANA, null, null));
      MigrationStatus parked = stage.await("the gate", s -> Stage.isParked(s, Step.FRESH_VERIFY));

      assertThat(Objects.requireNonNull(asked.findings()).lines())
          .contains(
              "SKIPPED: validate.keep-verifying skipped by ana@example.com: a test row",
              "SKIPPED: validate.verify-data skipped by ana@example.com: a test row");
      assertThat(parked.parked()).hasSize(1);
      assertThat(Collections.frequency(stage.world.journal(), "the rounds have found something"))
          .isEqualTo(1);
    }
  }

  @Test
  void endWhileTheyRunWhereAPersonSaysThatTheyHurt() throws Exception {
    Runbooks runbooks = new Runbooks();
    runbooks.approval = "required";
    try (Stage stage =
        new Stage(
            runbooks,
            world -> {
              world.rest = Duration.ofHours(1);
              world.looksInVain("soak", 30);
            })) {
      stage.awaitAt(Step.SOAK, State.RUNNING);
      stage.world.roundsAreLong = true;
      CompletableFuture<Void> time =
          CompletableFuture.runAsync(() -> stage.sleep(Duration.ofHours(2)));
      assertThat(stage.world.comparing.await(60, TimeUnit.SECONDS)).isTrue();
      String refusal =
          Stage.refusal(
              () -> stage.workflow().skip(new StepDecision(ANA, null, Step.KEEP_VERIFYING.id())));
      stage.workflow().skip(new StepDecision(ANA, "the cache suffers", Step.KEEP_VERIFYING.id()));
      soon("their end", () -> stage.world.journal().contains("the rounds are stopped"));
      time.get(60, TimeUnit.SECONDS);
      int looks = stage.world.looks("keepVerifying");
      MigrationStatus asked = stage.awaitState(State.WAITING_FOR_APPROVAL);

      assertThat(refusal).isEqualTo("Cannot skip: no reason is given. Say why with --reason TEXT.");
      assertThat(Objects.requireNonNull(asked.findings()).lines())
          .contains(
              "SKIPPED: validate.keep-verifying skipped by ana@example.com: the cache suffers");
      assertThat(stage.world.looks("keepVerifying")).isEqualTo(looks);
    }
  }

  @Test
  void letTheGateTakeWhatTheRoundsHaveComparedMinutesAgo() throws Exception {
    Runbooks runbooks = new Runbooks();
    runbooks.approval = "required";
    runbooks.evidenceMaxAge = Duration.ofHours(4);
    try (Stage stage = Stage.watched(runbooks)) {
      stage.awaitState(State.WAITING_FOR_APPROVAL);
      stage.sleep(Duration.ofHours(9)); // what the step has compared is too old
      stage.world.roundsAreLong = true;
      CompletableFuture<Void> time =
          CompletableFuture.runAsync(() -> stage.sleep(Duration.ofHours(2)));
      assertThat(stage.world.comparing.await(60, TimeUnit.SECONDS)).isTrue();
      stage.world.roundsAreLong = false;
      stage.workflow().approve(new Approval(ANA, null, null));
      MigrationStatus monitored = stage.awaitAt(Step.MONITOR, State.WAITING_FOR_TIME);
      time.get(60, TimeUnit.SECONDS);

      assertThat(Collections.frequency(stage.world.journal(), "verify against the source"))
          .isEqualTo(1);
      assertThat(stage.world.journal())
          .containsSubsequence(
              "prepare the switchover", "the rounds are stopped", "hand over to the target");
      assertThat(outcome(monitored, Step.FRESH_VERIFY))
          .startsWith(
              "4,711 rows in 3 tables, 0 differences, 0 in flux, by validate.keep-verifying, begun at ");
      assertThat(Objects.requireNonNull(monitored.verification()).rows()).isEqualTo(4_711);
    }
  }

  @Test
  void areNamedByWhoMadeThemAndFromWhenTheyAre() {
    VerificationReport plain =
        new VerificationReport(
            Instant.parse("2026-01-01T12:00:00Z"), 3, 42, 0, 0, List.of(), List.of(), List.of());
    VerificationReport told = plain.begun(Instant.parse("2026-01-01T10:00:00Z"));

    assertThat(Judgement.taken(plain, true))
        .endsWith(", by validate.keep-verifying, begun at 2026-01-01T12:00:00Z");
    assertThat(Judgement.taken(told.asOf(Instant.parse("2026-01-01T10:00:00Z")), true))
        .endsWith(", by validate.keep-verifying, begun at 2026-01-01T10:00:00Z");
    assertThat(Judgement.taken(plain, false))
        .endsWith(", by a comparison that was asked for, finished at 2026-01-01T12:00:00Z");
    assertThat(Judgement.taken(told, false))
        .endsWith(", by a comparison that was asked for, begun at 2026-01-01T10:00:00Z");
  }

  @Test
  void answerWhoeverAsksBesideTheSoakAndInTheWindow() {
    try (Stage stage =
        new Stage(
            new Runbooks(),
            world -> {
              world.rest = Duration.ofHours(1);
              world.looksInVain("soak", 30);
            })) {
      stage.awaitAt(Step.SOAK, State.RUNNING);
      stage.workflow().verify(new Decision(ANA, null));
      stage.await("an answer", s -> stage.workflow().verification().answered() == 1);
      VerificationState first = stage.workflow().verification();
      stage.awaitAt(Step.WINDOW, State.WAITING_FOR_TIME);
      stage.workflow().verify(new Decision(ANA, null));
      stage.await("an answer", s -> stage.workflow().verification().answered() == 2);

      assertThat(first.asked()).isEqualTo(1);
      assertThat(first.failure()).isNull();
      assertThat(Objects.requireNonNull(first.report()).rows()).isEqualTo(42);
      assertThat(stage.world.journal())
          .containsSubsequence("hand over to the target", "verify against the target");
      assertThat(stage.result().ending()).isEqualTo(Ending.MIGRATED);
    }
  }

  @Test
  void sayWhyAComparisonThatWasAskedForHasNoReportAndHoldNothingUp() {
    try (Stage stage =
        new Stage(
            new Runbooks(),
            world -> {
              world.rest = Duration.ofHours(1);
              world.looksInVain("soak", 30);
              world.fail("verify", Failures.needsHelp("no stream moves", "mend it", null));
            })) {
      stage.awaitAt(Step.SOAK, State.RUNNING);
      stage.workflow().verify(new Decision(ANA, null));
      stage.await("an answer", s -> stage.workflow().verification().answered() == 1);

      assertThat(stage.workflow().verification().failure()).isEqualTo("no stream moves");
      assertThat(stage.workflow().verification().report()).isNull();
      assertThat(stage.result().ending()).isEqualTo(Ending.MIGRATED);
    }
  }

  @Test
  void compareOnceMoreAtTheGateWhereSomebodyWhoAskedSawDifferences() {
    try (Stage stage =
        new Stage(
            new Runbooks(),
            world -> {
              world.rest = Duration.ofHours(1);
              world.looksInVain("soak", 30);
              world.differences = List.of(ROW);
            })) {
      stage.awaitAt(Step.SOAK, State.RUNNING);
      stage.workflow().verify(new Decision(ANA, null));
      MigrationStatus seen = stage.await("it is shown", s -> s.verification() != null);
      stage.world.differences = List.of();

      assertThat(Objects.requireNonNull(seen.verification()).differences()).isEqualTo(1);
      assertThat(seen.parked()).isEmpty();
      assertThat(stage.result().ending()).isEqualTo(Ending.MIGRATED);
      assertThat(Collections.frequency(stage.world.journal(), "verify against the source"))
          .isEqualTo(3);
    }
  }

  @Test
  void areRefusedWhileNothingFollows() {
    Runbooks runbooks = new Runbooks();
    runbooks.endApproval = "required";
    try (Stage stage =
        new Stage(
            runbooks,
            world -> {
              world.canGoBack = false;
              world.rest = Duration.ofHours(1);
              world.looksInVain("awaitCaughtUp", 30);
            })) {
      stage.awaitAt(Step.CATCH_UP, State.RUNNING);
      String early = refused(stage);
      stage.awaitAt(Step.END_APPROVAL, State.WAITING_FOR_APPROVAL);
      String late = refused(stage);

      assertThat(early)
          .isEqualTo(
              "Cannot verify: the copy is not whole yet. It can be compared from the end of replicate.catch-up to the end of the rollback window.");
      assertThat(late)
          .isEqualTo(
              "Cannot verify: no stream runs back to the source, so that nothing follows the target.");
    }
  }

  @Test
  void doNotFindAgainInRoundsWhatAPersonHasGoneOnWith() {
    Runbooks runbooks = new Runbooks();
    runbooks.approval = "required";
    try (Stage stage = new Stage(runbooks, world -> world.differences = List.of(ROW))) {
      stage.await("the step", s -> Stage.isParked(s, Step.VERIFY_DATA));
      int looks = stage.world.looks("keepVerifying");
      stage.workflow().skip(new StepDecision(ANA, "a test row", null));
      stage.awaitState(State.WAITING_FOR_APPROVAL);
      stage.sleep(Duration.ofHours(1));

      assertThat(stage.world.looks("keepVerifying")).isEqualTo(looks);
      assertThat(stage.status().parked()).isEmpty();
    }
  }

  @Test
  void doNotHideDamageBehindTheReportOfAnOlderRound() {
    try (Stage stage = new Stage(atOnce(), ComparisonsTest::longRounds)) {
      stage.world.during(
          "judgeUsers",
          () -> {
            soon("a second round", () -> stage.world.looks("a long round") == 2);
            stage.world.differences = List.of(ROW);
            stage.workflow().verify(new Decision(ANA, null));
            soon("an answer", () -> stage.workflow().verification().answered() == 1);
          });
      MigrationStatus parked = stage.await("the gate", s -> Stage.isParked(s, Step.FRESH_VERIFY));

      assertThat(parked.writesGoTo()).isEqualTo("source");
      assertThat(Objects.requireNonNull(parked.verification()).differences()).isEqualTo(1);
    }
  }

  @Test
  void takeNoApprovalBackForWhatOnlyARoundHasMet() {
    Runbooks runbooks = atOnce();
    runbooks.approval = "required";
    try (Stage stage =
        new Stage(
            runbooks,
            world -> {
              longRounds(world);
              world.notComparedByRounds = List.of("public.blobs: somebody locks it");
            })) {
      soon("the question", () -> stage.status().state() == State.WAITING_FOR_APPROVAL);
      soon("a second round", () -> stage.world.looks("a long round") == 2);
      stage.workflow().approve(new Approval(ANA, null, null));
      MigrationStatus watched = stage.awaitAt(Step.MONITOR, State.WAITING_FOR_TIME);

      assertThat(Objects.requireNonNull(watched.verification()).notCompared()).isEmpty();
      assertThat(Collections.frequency(stage.world.journal(), "verify against the source"))
          .isEqualTo(2);
    }
  }

  @Test
  void standBackBeforeTheHandOverAlsoWhereAPersonHasAskedForThem() {
    try (Stage stage = new Stage(atOnce(), ComparisonsTest::longRounds)) {
      stage.world.during(
          "judgeUsers",
          () -> {
            soon("a second round", () -> stage.world.looks("a long round") == 2);
            stage.world.nextComparisonIsLong = true;
            stage.workflow().verify(new Decision(ANA, null));
            soon("a comparison", () -> stage.world.looks("a long comparison") == 1);
          });
      stage.awaitAt(Step.MONITOR, State.WAITING_FOR_TIME);
      VerificationState told = stage.workflow().verification();

      assertThat(told.answered()).isEqualTo(1);
      assertThat(told.failure()).isEqualTo("stopped: the writes were being handed over");
      assertThat(stage.world.journal())
          .containsSubsequence("the comparison is stopped", "hand over to the target");
    }
  }

  @Test
  void areAnsweredWhereAPersonSkipsTheStepThatCompares() {
    Runbooks runbooks = new Runbooks();
    runbooks.approval = "required";
    try (Stage stage = new Stage(runbooks)) {
      stage.awaitState(State.WAITING_FOR_APPROVAL);
      stage.world.nextComparisonIsLong = true;
      stage.workflow().verify(new Decision(ANA, null));
      soon("a comparison", () -> stage.world.looks("a long comparison") == 1);
      stage.workflow().skip(new StepDecision(ANA, "it takes hours", Step.FRESH_VERIFY.id()));
      soon("an answer", () -> stage.workflow().verification().answered() == 1);

      assertThat(stage.workflow().verification().failure()).isEqualTo("skipped by a person");
    }
  }

  @Test
  void restWhileOnlyTheDatabasesKnowWhereWritesGo() {
    AtomicInteger looks = new AtomicInteger();
    try (Stage stage = new Stage(new Runbooks())) {
      stage.world.during("handOver", () -> looks.set(stage.world.looks("keepVerifying")));
      stage.world.fail("handOver", Failures.defect("index 3 out of bounds"));
      MigrationStatus parked = stage.awaitAt(Step.SWITCHOVER, State.NEEDS_HELP);
      stage.sleep(Duration.ofHours(1));
      int later = stage.world.looks("keepVerifying");
      stage.workflow().retry(new StepDecision(ANA, null, null));

      assertThat(parked.writesGoTo()).isEqualTo("unknown");
      assertThat(later).isEqualTo(looks.get());
      assertThat(stage.result().ending()).isEqualTo(Ending.MIGRATED);
    }
  }

  @Test
  void areRefusedOnceTheMigrationIsAbandoned() {
    List<String> refused = new CopyOnWriteArrayList<>();
    try (Stage stage = new Stage(atOnce())) {
      stage.world.during(
          "judgeUsers",
          () -> {
            stage.workflow().abandon(new Decision(ANA, "the lab is torn down"));
            refused.add(refused(stage));
          });

      assertThat(stage.result().ending()).isEqualTo(Ending.ABANDONED);
      assertThat(refused).containsExactly("Cannot verify: the migration is abandoned.");
    }
  }

  /** Nothing waits for time before the switchover, and evidence does not grow old. */
  private static Runbooks atOnce() {
    Runbooks runbooks = new Runbooks();
    runbooks.names = false;
    runbooks.evidenceMaxAge = Duration.ofHours(4);
    return runbooks;
  }

  /** The first round is at work before the step that stops it: on a busy machine it comes late. */
  private static void longRounds(World world) {
    world.roundsAreLong = true;
    world.beside("soak", () -> soon("a first round", () -> world.looks("a long round") == 1));
  }

  private static String refused(Stage stage) {
    return Stage.refusal(() -> stage.workflow().verify(new Decision(ANA, null)));
  }

  private static String outcome(MigrationStatus status, Step step) {
    return status.steps().stream()
        .filter(record -> record.id().equals(step.id()))
        .map(StepRecord::outcome)
        .findFirst()
        .orElse("");
  }
}
