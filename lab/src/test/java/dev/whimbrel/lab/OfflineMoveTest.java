package dev.whimbrel.lab;

import static org.assertj.core.api.Assertions.assertThat;

import dev.whimbrel.lab.Product.Ran;
import dev.whimbrel.migration.MigrationStatus;
import dev.whimbrel.migration.MigrationStatus.State;
import dev.whimbrel.servers.Needs;
import dev.whimbrel.servers.Program;
import java.time.Duration;
import java.util.Map;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** A service that is closed before it is copied, by the real commands, and what dies meanwhile. */
@Tag("campaign")
@Needs({Program.TEMPORAL, Program.PG_DUMP})
class OfflineMoveTest {
  private static final Duration COPY = Duration.ofSeconds(12);
  private static final Map<String, String> OFFLINE =
      Map.of("replicate: {jobs", "replicate: {method: offline, closedAtMost: 10m, jobs");

  @Test
  void movesAlthoughTheWorkerDiesWhileTheSourceIsClosed() throws Exception {
    LabRunbook runbook = LabRunbook.quick("offline");
    try (Journey journey = Journey.begin(LabWorld.build(), runbook.name(), COPY)) {
      journey.startChanged(runbook, OFFLINE);
      awaitCopying(journey);
      MigrationStatus closed = journey.status();
      journey.killAndReplaceWorker();

      MigrationStatus end = journey.assertMigrated();
      journey.judge(true);

      assertThat(closed.closed()).isNotNull();
      assertThat(closed.rollback().possible()).isTrue();
      assertThat(Journey.outcome(end, "replicate.copy")).doesNotContain("snapshots");
      assertThat(end.steps().stream().filter(step -> step.id().equals("replicate.subscribe")))
          .isEmpty();
    }
  }

  /** As a runbook is that says nothing about approvals. */
  @Test
  void asksForOneApprovalAndForNoneWhileTheSourceIsClosed() throws Exception {
    LabRunbook runbook = LabRunbook.quick("approved").approved();
    try (Journey journey = Journey.begin(LabWorld.build(), runbook.name(), Duration.ZERO)) {
      journey.startChanged(runbook, OFFLINE);
      journey.await("the approval", status -> status.state() == State.WAITING_FOR_APPROVAL);
      journey.approve();
      journey.await(
          "another question", status -> status.switchover() != null || isAskedWhileClosed(status));
      MigrationStatus next = journey.status();
      assertThat(isAskedWhileClosed(next)).as(String.valueOf(next.waitingFor())).isFalse();
      journey.await(
          "the end of the way back",
          status ->
              status.state() == State.WAITING_FOR_APPROVAL
                  && "decommission.approval".equals(status.step()));
      journey.approve();

      journey.assertMigrated();
      journey.judge(true);
    }
  }

  @Test
  void goesBackAtOnceWhileTheSourceIsClosed() throws Exception {
    LabRunbook runbook = LabRunbook.quick("back");
    try (Journey journey = Journey.begin(LabWorld.build(), runbook.name(), COPY)) {
      journey.startChanged(runbook, OFFLINE);
      awaitCopying(journey);

      Ran rollback = journey.rollBackByCommand();
      journey.awaitAcknowledged(50);
      assertThat(rollback.exit()).as(rollback.out() + rollback.err()).isZero();

      assertThat(journey.assertRolledBackWhole()).isNotNull();
      assertThat(journey.judge(false)).isNotNull();
    }
  }

  @Test
  void givesTheWritesBackWhenEveryWorkerIsGoneAndBeginsAnewWhenAPersonSaysSo() throws Exception {
    LabRunbook runbook = LabRunbook.quick("gone");
    try (Journey journey = Journey.begin(LabWorld.build(), runbook.name(), COPY)) {
      journey.startChanged(runbook, OFFLINE);
      awaitCopying(journey);
      journey.killWorker();
      journey.awaitAcknowledged(100);
      journey.startWorker();
      journey.await("it is parked", status -> status.state() == State.NEEDS_HELP);
      MigrationStatus parked = journey.status();
      Ran retry = journey.world().product().run("retry", runbook.name(), "--by", "ana@example.com");
      assertThat(retry.exit()).as(retry.out() + retry.err()).isZero();

      MigrationStatus end = journey.assertMigrated();
      journey.judge(true);

      assertThat(parked.waitingFor())
          .startsWith("cutover.close: Writes to the source have gone on since ");
      assertThat(parked.writesGoTo()).isEqualTo("source");
      assertThat(Journey.outcome(end, "cutover.switchover")).contains("writes go to the target");
    }
  }

  @Test
  void givesTheWritesBackWhenTheEngineDoesNotAnswer() throws Exception {
    LabRunbook runbook = LabRunbook.quick("silent");
    try (Journey journey = Journey.begin(LabWorld.build(), runbook.name(), COPY.multipliedBy(4))) {
      journey.startChanged(runbook, OFFLINE);
      awaitCopying(journey);
      journey.temporal().pause();
      try {
        journey.awaitAcknowledged(100);
      } finally {
        journey.temporal().resume();
      }
      journey.await(
          "it is parked",
          status -> status.parked().stream().anyMatch(each -> each.step().equals("cutover.close")));
      Ran rollback = journey.rollBackByCommand();
      assertThat(rollback.exit()).as(rollback.out() + rollback.err()).isZero();

      assertThat(journey.assertRolledBackWhole()).isNotNull();
      assertThat(journey.judge(false)).isNotNull();
    }
  }

  private static boolean isAskedWhileClosed(MigrationStatus status) {
    return status.closed() != null && status.state() == State.WAITING_FOR_APPROVAL;
  }

  private static void awaitCopying(Journey journey) {
    journey.await(
        "the copy behind the closing",
        status ->
            status.closed() != null
                && status.steps().stream()
                    .anyMatch(step -> step.id().equals("replicate.copy") && step.ended() == null));
  }
}
