package dev.whimbrel.lab;

import dev.whimbrel.servers.Needs;
import dev.whimbrel.servers.Program;
import java.time.Duration;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** The whole way over, and over again after a rollback, between other versions of PostgreSQL. */
@Needs({Program.TEMPORAL, Program.PG_DUMP})
class VersionsTest {
  private static final LabRunbook QUICK = LabRunbook.quick("versions");

  @Test
  @Tag("campaign")
  void theServiceMovesFrom15To18AndBackAndThereAgain() throws Exception {
    LabWorld.Builder plan = LabWorld.build().versions(15, 18).withoutDns();
    try (Journey journey = Journey.begin(plan, QUICK.name(), Duration.ZERO)) {
      journey.start(QUICK.withWindow(Duration.ofMinutes(30)));
      journey.awaitStep("cutover.window");
      journey.awaitAcknowledged(1_000);
      journey.rollBackBySignal();
      journey.assertRolledBackWhole();

      journey.start(QUICK);
      journey.assertMigrated();
      journey.judge(true);
    }
  }
}
