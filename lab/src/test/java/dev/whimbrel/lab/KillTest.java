package dev.whimbrel.lab;

import static org.assertj.core.api.Assertions.assertThat;

import dev.whimbrel.migration.MigrationStatus;
import dev.whimbrel.migration.MigrationStatus.State;
import dev.whimbrel.servers.Needs;
import dev.whimbrel.servers.PostgresServer;
import dev.whimbrel.servers.Program;
import java.time.Duration;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/**
 * Whatever dies, the migration goes on and ends well: the worker, with SIGKILL to its process
 * group, while it works and while it waits; Temporal, which then goes on from its database file;
 * either PostgreSQL during the copy.
 */
@Needs({Program.NAMED, Program.TEMPORAL, Program.PG_DUMP})
class KillTest {
  private static final String NAME = "unkillable";
  private static final Duration COPY = Duration.ofSeconds(6);
  private static final LabRunbook SLOW =
      new LabRunbook(
          NAME, Duration.ofSeconds(5), Duration.ofSeconds(5), Duration.ofSeconds(5), "none");

  @Test
  void theWorkerAndTemporalDieOnTheWay() throws Exception {
    try (Journey journey = Journey.begin(LabWorld.build().withoutDns(), NAME, COPY)) {
      journey.start(SLOW);
      journey.awaitStep("replicate.copy");
      journey.killAndReplaceWorker();

      journey.awaitStep("replicate.soak");
      journey.temporal().kill9();
      journey.temporal().start();

      journey.awaitStep("cutover.window");
      journey.killAndReplaceWorker();

      MigrationStatus end = journey.assertMigrated();
      journey.judge(true);
      assertThat(Journey.outcome(end, "replicate.copy"))
          .contains(" rows in ")
          .doesNotContain("snapshots");
    }
  }

  @Test
  @Tag("campaign")
  void bothDatabasesAreRestartedDuringTheCopy() throws Exception {
    try (Journey journey = Journey.begin(LabWorld.build(), NAME, COPY)) {
      journey.start(SLOW);
      journey.awaitStep("replicate.copy");
      restart(journey.world().source());
      journey.awaitAcknowledged(300);
      assertThat(journey.whereItIs()).startsWith("replicate.");
      restart(journey.world().target());

      journey.assertMigrated();
      journey.judge(true);
    }
  }

  private static void restart(PostgresServer server) {
    server.stopImmediate();
    server.start();
  }

  @Test
  @Tag("campaign")
  void theWorkerDiesWhileItCompares() throws Exception {
    try (Journey journey = Journey.begin(LabWorld.build().withoutDns(), NAME, Duration.ZERO)) {
      journey.start(SLOW);
      journey.awaitStep("validate.verify-data");
      journey.killAndReplaceWorker();

      journey.assertMigrated();
      journey.judge(true);
    }
  }

  @Test
  @Tag("campaign")
  void theWorkerDiesInTheSwitchoverAndWhileAnApprovalIsAwaited() throws Exception {
    try (Journey journey = Journey.begin(LabWorld.build(), NAME, Duration.ZERO)) {
      journey.start(SLOW.approved());
      journey.await("approval", status -> status.state() == State.WAITING_FOR_APPROVAL);
      journey.killWorker();
      journey.awaitAcknowledged(500);
      journey.startWorker();
      journey.approve();

      journey.awaitStep("cutover.switchover");
      journey.killAndReplaceWorker();

      journey.await(
          "the second approval",
          status ->
              status.state() == State.WAITING_FOR_APPROVAL
                  && "decommission.approval".equals(status.step()));
      journey.approve();
      journey.assertMigrated();
      journey.judge(true);
    }
  }

  @Test
  @Tag("campaign")
  void temporalDiesAgainAndAgain() throws Exception {
    try (Journey journey = Journey.begin(LabWorld.build(), NAME, COPY)) {
      journey.start(SLOW);
      for (String step :
          new String[] {
            "replicate.copy",
            "validate.verify-data",
            "cutover.switchover",
            "cutover.monitor",
            "cutover.window"
          }) {
        journey.awaitStep(step);
        journey.temporal().kill9();
        journey.temporal().start();
      }

      journey.assertMigrated();
      journey.judge(true);
    }
  }
}
