package dev.whimbrel.migration;

import static dev.whimbrel.migration.Stage.soon;
import static org.assertj.core.api.Assertions.assertThat;

import dev.whimbrel.activity.Failures;
import dev.whimbrel.migration.MigrationResult.Ending;
import dev.whimbrel.migration.MigrationStatus.State;
import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.parallel.Execution;
import org.junit.jupiter.api.parallel.ExecutionMode;

/** What the approval of an offline move covers, and when somebody is asked again. */
@Execution(ExecutionMode.CONCURRENT)
class OfflineApprovalTest {
  /** What a comparison cannot compare is known behind the closing only, and asks nobody. */
  @Test
  void asksNobodyOnceMoreBehindTheClosingWhereNothingDiffers() {
    Runbooks runbooks = Runbooks.closingFirst();
    runbooks.approval = "required";
    try (Stage stage =
        new Stage(
            runbooks,
            world ->
                world.notCompared = List.of("definitions of views", "public.far: foreign table"))) {
      MigrationStatus asked = stage.awaitAt(Step.APPROVAL, State.WAITING_FOR_APPROVAL);
      approve(stage);
      MigrationStatus next =
          stage.await(
              "the hand-over", status -> status.switchover() != null || isAskedWhileClosed(status));

      assertThat(next.closed()).as(lines(next)).isNull();
      assertThat(lines(asked))
          .contains("what cannot be compared is reported, and nobody is asked about it");
      assertThat(Objects.requireNonNull(next.verification()).notCompared())
          .contains("public.far: foreign table");
      assertThat(stage.result().ending()).isEqualTo(Ending.MIGRATED);
    }
  }

  @Test
  void asksForTheApprovalOfWhatDiffersWhereAPersonGoesOnWithIt() {
    Runbooks runbooks = Runbooks.closingFirst();
    runbooks.approval = "required";
    try (Stage stage =
        new Stage(
            runbooks,
            world -> {
              world.differences = List.of("public.orders (id)=(7): missing on the target");
              world.notCompared = List.of("definitions of views");
            })) {
      stage.awaitAt(Step.APPROVAL, State.WAITING_FOR_APPROVAL);
      approve(stage);
      stage.await("the differences", status -> Stage.isParked(status, Step.VERIFY_DATA));
      stage.workflow().skip(new StepDecision("luis@example.com", "we know it", null));
      MigrationStatus asked = stage.awaitAt(Step.APPROVAL, State.WAITING_FOR_APPROVAL);
      approve(stage);

      assertThat(asked.closed()).isNotNull();
      assertThat(asked.waitingFor())
          .startsWith("the approval by ana@example.com was withdrawn: new: ")
          .doesNotContain("gone: ");
      assertThat(lines(asked))
          .contains(
              "SKIPPED: validate.verify-data skipped by luis@example.com: we know it",
              "THE DATABASES DIFFER IN 1 PLACE.",
              "public.orders (id)=(7): missing on the target",
              "Just now: Not compared: definitions of views");
      assertThat(stage.result().ending()).isEqualTo(Ending.MIGRATED);
    }
  }

  /** What was found, and gone on with, behind a closing that did not hold is about a stale copy. */
  @Test
  void forgetsWhatWasFoundBehindAClosingThatDidNotHold() {
    Runbooks runbooks = Runbooks.closingFirst();
    runbooks.approval = "required";
    try (Stage stage = new Stage(runbooks)) {
      stage.world.differences = List.of("public.orders (id)=(7): missing on the target");
      stage.awaitAt(Step.APPROVAL, State.WAITING_FOR_APPROVAL);
      stage.world.keepersWork = true;
      approve(stage);
      soon("the differences", () -> Stage.isParked(stage.status(), Step.VERIFY_DATA));
      stage.workflow().skip(new StepDecision("luis@example.com", "we know it", null));
      soon("the question", () -> isAskedWhileClosed(stage.status()));
      stage.world.differences = List.of();
      stage.world.brokenClosing = broken();
      soon("the closing is parked", () -> Stage.isParked(stage.status(), Step.CLOSE));
      stage.world.keepersWork = false;
      stage.workflow().retry(new StepDecision("ana@example.com", null, null));
      MigrationStatus again = stage.awaitAt(Step.APPROVAL, State.WAITING_FOR_APPROVAL);
      approve(stage);
      MigrationStatus next =
          stage.await(
              "the hand-over", status -> status.switchover() != null || isAskedWhileClosed(status));

      assertThat(again.closed()).isNull();
      assertThat(again.verification()).isNull();
      assertThat(lines(again)).doesNotContain("DIFFER", "SKIPPED");
      assertThat(next.closed()).as(lines(next)).isNull();
      assertThat(stage.result().ending()).isEqualTo(Ending.MIGRATED);
    }
  }

  /** The second rehearsal finds out what the first closing's did not: that is asked in time. */
  @Test
  void asksAboutALostWayBackBeforeItClosesTheSourceOnceMore() {
    Runbooks runbooks = Runbooks.closingFirst();
    runbooks.approval = "required";
    try (Stage stage = new Stage(runbooks)) {
      stage.world.keepersWork = true;
      stage.world.beside("verify", () -> stage.world.brokenClosing = broken());
      stage.world.fail("verify", Failures.needsHelp("they differ", "repair it", null));
      stage.awaitAt(Step.APPROVAL, State.WAITING_FOR_APPROVAL);
      approve(stage);
      soon("the closing is parked", () -> Stage.isParked(stage.status(), Step.CLOSE));
      stage.world.keepersWork = false;
      stage.world.canGoBack = false;
      stage.workflow().retry(new StepDecision("ana@example.com", null, null));
      stage.awaitAt(Step.APPROVAL, State.WAITING_FOR_APPROVAL);
      approve(stage);
      MigrationStatus again =
          stage.await("the question", status -> lines(status).contains("NO WAY BACK"));
      List<String> asked = stage.world.journal();
      approve(stage);

      assertThat(again.closed()).isNull();
      assertThat(asked).doesNotContain("close the source, closing 2");
      assertThat(stage.result().ending()).isEqualTo(Ending.MIGRATED);
    }
  }

  private static RuntimeException broken() {
    return Failures.needsHelp("writes have gone on", "retry", null);
  }

  private static void approve(Stage stage) {
    stage.workflow().approve(new Approval("ana@example.com", null, null));
  }

  private static boolean isAskedWhileClosed(MigrationStatus status) {
    return status.state() == State.WAITING_FOR_APPROVAL && status.closed() != null;
  }

  private static String lines(MigrationStatus status) {
    return status.findings() == null ? "" : String.join("\n", status.findings().lines());
  }
}
