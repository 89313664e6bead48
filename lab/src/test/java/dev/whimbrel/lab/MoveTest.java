package dev.whimbrel.lab;

import static org.assertj.core.api.Assertions.assertThat;

import dev.whimbrel.lab.Product.Ran;
import dev.whimbrel.migration.MigrationResult.Ending;
import dev.whimbrel.migration.MigrationStatus;
import dev.whimbrel.migration.MigrationStatus.State;
import dev.whimbrel.servers.Needs;
import dev.whimbrel.servers.Program;
import java.nio.file.Path;
import java.time.Duration;
import org.junit.jupiter.api.Test;

/** The main job on real servers: the service moves under load, and back, and nothing is lost. */
@Needs({Program.NAMED, Program.PGBOUNCER, Program.TEMPORAL, Program.PG_DUMP})
class MoveTest {
  private static final Duration LIMIT = Duration.ofMinutes(3);

  @Test
  void theServiceMovesUnderLoadAndNothingIsLost() throws Exception {
    Ledger ledger = new Ledger();
    try (LabWorld world = LabWorld.build().pooled().start();
        LabMigration migration = new LabMigration(world, "move")) {
      try (Writers writers = Writers.start(ledger, world::connectAsShop, 8, 400);
          ShopClients clients = clients(ledger, world)) {
        MigrationStatus end;
        world.product().startWorker();
        start(world, LabRunbook.quick("move"));
        MigrationStatus validated =
            migration.await("validation", LIMIT, status -> status.phase().equals("validate"));
        assertThat(validated.epoch()).isEqualTo(1);
        Prober prober =
            Prober.start(world.source().jdbcUrl("shop"), world.target().jdbcUrl("shop"));
        try (prober) {
          // The tail waits until nobody uses the old side any more, the prober included.
          migration.await("the tail", LIMIT, status -> "cutover.tail".equals(status.step()));
        }
        end = migration.await("the end", LIMIT, status -> status.state() == State.ENDED);

        assertThat(end.result()).as(LabMigration.summary(end)).isEqualTo(Ending.MIGRATED);
        assertThat(migration.pendingActivities()).isEmpty();
        assertThat(world.product().workerLog(1)).content().doesNotContain("WAY BACK IS BROKEN");
        prober.assertAtMostOneWritable(1);
        assertThat(prober.acceptedOnTarget()).isPositive();
        assertThat(clients.address().getHostAddress()).isEqualTo(LabWorld.TARGET_ADDRESS);
        writers.reconnect();
      }

      Judgement judgement = world.judgeTarget(ledger);
      assertThat(judgement.wrongs()).isEmpty();
      assertThat(ledger.errors()).isEmpty();
      assertThat(judgement.longestGap()).isLessThan(Duration.ofSeconds(3));
      assertThat(world.serviceAddress()).isEqualTo(LabWorld.TARGET_ADDRESS);
    }
  }

  @Test
  void aRollbackInTheWindowBringsEverythingBack() throws Exception {
    Ledger ledger = new Ledger();
    try (LabWorld world = LabWorld.build().start();
        LabMigration migration = new LabMigration(world, "back")) {
      try (Writers writers = Writers.start(ledger, world::connectAsShop, 8, 400);
          ShopClients clients = clients(ledger, world)) {
        world.product().startWorker();
        start(world, LabRunbook.quick("back").withWindow(Duration.ofMinutes(10)));
        migration.await("validation", LIMIT, status -> status.phase().equals("validate"));
        try (Prober prober =
            Prober.start(world.source().jdbcUrl("shop"), world.target().jdbcUrl("shop"))) {
          migration.await("window", LIMIT, status -> "cutover.window".equals(status.step()));
          long before = ledger.acknowledged();
          Poll.until("writes on the target", LIMIT, () -> ledger.acknowledged() > before + 1_000);

          Ran rollback =
              world.product().run("rollback", "back", "--yes", "--reason", "the test says so");
          assertThat(rollback.exit()).as(rollback.err()).isZero();
          MigrationStatus end =
              migration.await("the end", LIMIT, status -> status.state() == State.ENDED);

          assertThat(end.result()).as(LabMigration.summary(end)).isEqualTo(Ending.ROLLED_BACK);
          long after = ledger.acknowledged();
          Poll.until("writes on the source", LIMIT, () -> ledger.acknowledged() > after + 200);
          prober.assertAtMostOneWritable(2);
          assertThat(clients.address().getHostAddress()).isEqualTo(LabWorld.SOURCE_ADDRESS);
        }
        writers.reconnect();
      }

      Judgement judgement = world.judgeSource(ledger);
      assertThat(judgement.wrongs()).isEmpty();
      assertThat(judgement.acknowledged()).isGreaterThan(1_500);
      assertThat(world.serviceAddress()).isEqualTo(LabWorld.SOURCE_ADDRESS);
    }
  }

  private static ShopClients clients(Ledger ledger, LabWorld world) {
    return ShopClients.start(ledger, LabWorld.NAME, world.dns().port(), world.servicePort(), 4, 50);
  }

  private static void start(LabWorld world, LabRunbook runbook) {
    Path file = world.write(runbook);
    Ran started = world.product().run("start", file.toString());
    assertThat(started.exit()).as(started.out() + started.err()).isZero();
  }
}
