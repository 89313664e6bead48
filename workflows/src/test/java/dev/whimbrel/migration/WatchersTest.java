package dev.whimbrel.migration;

import static org.assertj.core.api.Assertions.assertThat;

import dev.whimbrel.migration.MigrationResult.Ending;
import dev.whimbrel.migration.MigrationStatus.State;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.parallel.Execution;
import org.junit.jupiter.api.parallel.ExecutionMode;

/** What watches beside the steps is gone before the world changes under it, and at the end. */
@Execution(ExecutionMode.CONCURRENT)
class WatchersTest {
  private static final String ANA = "ana@example.com";
  private static final String STOPPED = "the way back is watched no more";

  @Test
  void watchTheWayBackNoMoreWhenItIsDropped() throws Exception {
    List<String> journal =
        endedBy(stage -> stage.workflow().approve(new Approval(ANA, null, null)), Ending.MIGRATED);

    assertThat(journal).containsSubsequence(STOPPED, "stop the reverse stream");
  }

  @Test
  void doNotHoldARollbackUpAndAreGoneAtItsEnd() throws Exception {
    List<String> journal =
        endedBy(stage -> stage.untyped().signal("rollback", "because"), Ending.ROLLED_BACK);

    assertThat(journal)
        .containsSubsequence("settle on the source", STOPPED, "unprepare the switchover");
  }

  @Test
  void areGoneWhenTheMigrationIsAbandoned() throws Exception {
    List<String> journal =
        endedBy(
            stage -> stage.workflow().abandon(new Decision(ANA, "the lab is torn down")),
            Ending.ABANDONED);

    assertThat(journal).endsWith(STOPPED);
  }

  /** The journal of a migration that was decided about while its way back was being watched. */
  private static List<String> endedBy(Consumer<Stage> decision, Ending ending) throws Exception {
    Runbooks runbooks = new Runbooks();
    runbooks.endApproval = "required";
    try (Stage stage = Stage.watched(runbooks)) {
      stage.awaitAt(Step.END_APPROVAL, State.WAITING_FOR_APPROVAL);
      CompletableFuture<Void> time = watchSlowly(stage);
      decision.accept(stage);

      assertThat(stage.result().ending()).isEqualTo(ending);
      List<String> journal = stage.world.journal();
      assertThat(pending(stage)).isEmpty();
      time.get(60, TimeUnit.SECONDS);
      return journal;
    }
  }

  /** Lets the time come at which the watch over the way back begins its next round. */
  private static CompletableFuture<Void> watchSlowly(Stage stage) throws InterruptedException {
    stage.world.slowToStop = true;
    CompletableFuture<Void> time =
        CompletableFuture.runAsync(() -> stage.sleep(Duration.ofHours(1)));
    assertThat(stage.world.watching.await(60, TimeUnit.SECONDS)).isTrue();
    return time;
  }

  private static List<?> pending(Stage stage) {
    return stage.untyped().describe().getRawDescription().getPendingActivitiesList();
  }
}
