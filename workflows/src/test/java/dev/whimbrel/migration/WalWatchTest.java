package dev.whimbrel.migration;

import static org.assertj.core.api.Assertions.assertThat;

import dev.whimbrel.activity.Failures;
import dev.whimbrel.activity.Side;
import dev.whimbrel.activity.WalReport;
import dev.whimbrel.activity.WalReport.What;
import dev.whimbrel.activity.WalRequest;
import dev.whimbrel.migration.MigrationResult.Ending;
import dev.whimbrel.migration.MigrationStatus.State;
import dev.whimbrel.migration.MigrationStatus.StepRecord;
import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.parallel.Execution;
import org.junit.jupiter.api.parallel.ExecutionMode;

/** What the migration makes of the log that the slots keep. */
@Execution(ExecutionMode.CONCURRENT)
class WalWatchTest {
  private static final String ANA = "ana@example.com";
  private static final String ID = "replicate.watch-wal";
  private static final String KEPT = "the slots keep 51 GB of WAL on the source";
  private static final String LOST = "THE WAY BACK IS LOST: the slots kept 51 GB";

  private static final WalReport ASKED = new WalReport(Side.SOURCE, What.ASK, KEPT);

  @Test
  void goesBackWhenTheCopysSlotWasDropped() {
    try (Stage stage =
        new Stage(
            new Runbooks(),
            world -> {
              world.attentive = true;
              world.during(
                  "copyPieces",
                  () ->
                      world.keptWal.add(
                          new WalReport(Side.SOURCE, What.RELEASED, "dropped at 51 GB")));
            })) {
      MigrationResult result = stage.result();

      assertThat(result.ending()).isEqualTo(Ending.ROLLED_BACK);
      assertThat(result.line())
          .isEqualTo(
              "shop runs on the source again; rolled back by replicate.watch-wal: dropped at 51 GB");
      assertThat(stage.world.journal())
          .containsSubsequence("kept log: RELEASED", "unsubscribe", "drop the copy");
      assertThat(record(stage.status()).outcome()).isEqualTo("dropped at 51 GB");
      assertNothingWatches(stage);
    }
  }

  @Test
  void goesBackWhenTheSlotWasDroppedWhileAnApprovalWasAwaited() {
    Runbooks runbooks = new Runbooks();
    runbooks.approval = "required";
    try (Stage stage = Stage.watched(runbooks)) {
      stage.awaitState(State.WAITING_FOR_APPROVAL);
      stage.world.keptWal.add(new WalReport(Side.SOURCE, What.RELEASED, "dropped at 51 GB"));

      assertThat(stage.result().ending()).isEqualTo(Ending.ROLLED_BACK);
      assertThat(stage.world.journal()).contains("unsubscribe", "drop the copy");
    }
  }

  @Test
  void saysThatTheWayBackIsLostAndStaysOnTheTarget() {
    Runbooks runbooks = new Runbooks();
    runbooks.endApproval = "required";
    runbooks.guards = List.of(Runbooks.guard("rollback"));
    try (Stage stage = Stage.watched(runbooks)) {
      stage.awaitAt(Step.WINDOW, State.WAITING_FOR_TIME);
      stage.world.keptWal.add(new WalReport(Side.TARGET, What.RELEASED, LOST));
      MigrationStatus lost = stage.await("a lost way back", s -> !s.rollback().possible());
      String refusal =
          Stage.refusal(
              () -> stage.workflow().requestRollback(new RollbackRequest(ANA, null, false)));
      stage.untyped().signal("rollback", "in vain");
      stage.world.breaches.put(1, "7% errors");
      MigrationStatus asked = stage.awaitState(State.NEEDS_HELP);
      stage.workflow().retry(new StepDecision(ANA, null, "guard.1"));
      MigrationStatus end = stage.awaitAt(Step.END_APPROVAL, State.WAITING_FOR_APPROVAL);
      stage.workflow().approve(new Approval(ANA, null, null));

      assertThat(stage.result().ending()).isEqualTo(Ending.MIGRATED);
      assertThat(lost.rollback().why()).isEqualTo(LOST);
      assertThat(lost.nextSteps()).noneMatch(step -> step.startsWith("whimbrel rollback"));
      assertThat(record(lost).outcome()).isEqualTo(LOST);
      assertThat(refusal)
          .isEqualTo(
              "Cannot roll back: THE WAY BACK IS LOST, see whimbrel status shop. Only where the target is"
                  + " gone for good: --accept-loss, which loses every write since.");
      assertThat(asked.parked().get(0).step()).isEqualTo("guard.1");
      assertThat(end.rollback().possible()).isFalse();
      assertThat(Objects.requireNonNull(end.findings()).lines().get(0))
          .isEqualTo("THE WAY BACK IS LOST ALREADY: shop stays on the target.");
      assertThat(asked(stage).wayBackLost()).isTrue();
      assertThat(stage.world.truth).isEqualTo(Side.TARGET);
      assertNothingWatches(stage);
    }
  }

  @Test
  void asksAndGoesOnByItselfOnceLessIsKept() {
    Runbooks runbooks = new Runbooks();
    runbooks.approval = "required";
    try (Stage stage = Stage.watched(runbooks)) {
      stage.awaitState(State.WAITING_FOR_APPROVAL);
      stage.world.keptWal.add(ASKED);
      MigrationStatus parked = stage.awaitState(State.NEEDS_HELP);
      stage.world.walSinks = new WalReport(Side.SOURCE, What.RELIEVED, "1 GB");
      stage.awaitState(State.WAITING_FOR_APPROVAL);
      stage.workflow().approve(new Approval(ANA, null, null));

      assertThat(stage.result().ending()).isEqualTo(Ending.MIGRATED);
      assertThat(parked.parked().get(0).step()).isEqualTo(ID);
      assertThat(parked.parked().get(0).cause()).isEqualTo(KEPT);
      assertThat(parked.nextSteps())
          .contains(
              "whimbrel retry shop --step " + ID,
              "whimbrel skip shop --step " + ID + " --reason …");
      assertNothingWatches(stage);
    }
  }

  @Test
  void asksNoMoreAndShowsItAtTheApprovalWhenAPersonLetsItGo() {
    Runbooks runbooks = new Runbooks();
    runbooks.approval = "required";
    try (Stage stage = Stage.watched(runbooks)) {
      stage.awaitState(State.WAITING_FOR_APPROVAL);
      stage.world.keptWal.add(ASKED);
      stage.awaitState(State.NEEDS_HELP);
      stage.workflow().skip(new StepDecision(ANA, "the disk was enlarged", ID));
      stage.awaitState(State.WAITING_FOR_APPROVAL);
      stage.workflow().approve(new Approval(ANA, null, null));
      MigrationStatus asked =
          stage.await(
              "the approval with the skip",
              s ->
                  s.findings() != null
                      && s.findings()
                          .lines()
                          .contains(
                              "SKIPPED: replicate.watch-wal skipped by ana@example.com: the disk was enlarged"));
      stage.workflow().approve(new Approval(ANA, null, null));

      assertThat(stage.result().ending()).isEqualTo(Ending.MIGRATED);
      assertThat(asked.state()).isEqualTo(State.WAITING_FOR_APPROVAL);
      assertThat(asked(stage).accepted()).contains(Side.SOURCE);
    }
  }

  @Test
  void holdsNoRollbackUpWhileAPersonIsAsked() {
    try (Stage stage = Stage.watched(new Runbooks())) {
      stage.awaitAt(Step.WINDOW, State.WAITING_FOR_TIME);
      stage.world.keptWal.add(new WalReport(Side.SOURCE, What.ASK, KEPT));
      stage.awaitState(State.NEEDS_HELP);
      stage.untyped().signal("rollback", "because");

      assertThat(stage.result().ending()).isEqualTo(Ending.ROLLED_BACK);
      assertThat(stage.world.truth).isEqualTo(Side.SOURCE);
      assertThat(asked(stage).accepted()).containsExactly(Side.values());
      assertNothingWatches(stage);
    }
  }

  @Test
  void asksAPersonWhenTheSlotsCannotBeDropped() {
    Runbooks runbooks = new Runbooks();
    runbooks.approval = "required";
    try (Stage stage = Stage.watched(runbooks)) {
      stage.awaitState(State.WAITING_FOR_APPROVAL);
      stage.world.fail("awaitWal", Failures.needsHelp("no right to drop it", "grant it", null));
      MigrationStatus parked = stage.awaitState(State.NEEDS_HELP);
      stage.world.keptWal.add(new WalReport(Side.SOURCE, What.RELEASED, "dropped"));
      stage.workflow().retry(new StepDecision(ANA, null, ID));

      assertThat(stage.result().ending()).isEqualTo(Ending.ROLLED_BACK);
      assertThat(parked.parked().get(0).cause()).isEqualTo("no right to drop it");
    }
  }

  private static WalRequest asked(Stage stage) {
    return Objects.requireNonNull(stage.world.walRequest);
  }

  private static StepRecord record(MigrationStatus status) {
    return status.steps().stream().filter(step -> step.id().equals(ID)).findFirst().orElseThrow();
  }

  private static void assertNothingWatches(Stage stage) {
    assertThat(stage.untyped().describe().getRawDescription().getPendingActivitiesList()).isEmpty();
  }
}
