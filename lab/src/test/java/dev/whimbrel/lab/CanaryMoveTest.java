package dev.whimbrel.lab;

import static org.assertj.core.api.Assertions.assertThat;

import dev.whimbrel.lab.Product.Ran;
import dev.whimbrel.migration.MigrationResult.Ending;
import dev.whimbrel.migration.MigrationStatus;
import dev.whimbrel.migration.MigrationStatus.State;
import dev.whimbrel.servers.Needs;
import dev.whimbrel.servers.Program;
import java.sql.SQLException;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.parallel.Isolated;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * The service moves by canary, whatever sets the weights: what clients see at each weight is what
 * was asked for, and a rollback at each weight, also after the hand-over, puts back what was found,
 * to the last byte, and loses no write.
 */
@Needs({Program.MINISTACK, Program.HAPROXY, Program.PGBOUNCER, Program.TEMPORAL, Program.PG_DUMP})
@Isolated // What it measures is a share of a load that the machine must carry.
class CanaryMoveTest {
  private static final Duration LIMIT = Duration.ofMinutes(3);
  private static final Duration LONG = Duration.ofMinutes(30);
  private static final int SAMPLES = 1_000;
  private static final String NAME = "canary";
  private static final LabCanary SHORT = LabCanary.of(Duration.ofSeconds(1), 5, 25, 100);

  private enum By {
    ROUTE53,
    AZURE,
    HAPROXY;

    /** A way back from all of the traffic is taken behind the hand-over, or before it. */
    boolean goesBackAfterTheHandOver() {
      return this != HAPROXY;
    }

    LabWorld.Builder world() {
      LabWorld.Builder plan = LabWorld.build().onRealTemporal().pooled();
      return switch (this) {
        case ROUTE53 -> plan.atRoute53();
        case AZURE -> plan.atAzure();
        case HAPROXY -> plan.balanced();
      };
    }
  }

  @ParameterizedTest
  @EnumSource
  void theServiceMovesByWeightsAndBackFromEachOfThem(By by) throws Exception {
    Ledger ledger = new Ledger();
    try (LabWorld world = by.world().start();
        LabMigration migration = new LabMigration(world, NAME)) {
      String exact = exact(world);
      String bystanders = bystanders(world);
      try (ShopClients load = ShopClients.forgetful(ledger, world, 8, 200)) {
        assertThat(load).isNotNull();
        world.product().startWorker();
        for (int weight : List.of(5, 25, 100)) {
          boolean handedOver = weight == 100 && by.goesBackAfterTheHandOver();
          if (handedOver) {
            start(world, LabRunbook.quickest(NAME).with(SHORT).withWindow(LONG));
            awaitWindow(migration);
          } else {
            start(world, LabRunbook.quickest(NAME).with(LabCanary.of(LONG, weight)));
            awaitBake(migration, weight);
          }
          assertSplit(world, weight);

          MigrationStatus back = rollBack(world, migration);

          assertThat(back.switchover() != null).isEqualTo(handedOver);
          assertThat(exact(world)).as("after a rollback at %d %%", weight).isEqualTo(exact);
          assertThat(bystanders(world)).isEqualTo(bystanders);
          assertSplit(world, 0);
        }
        start(world, LabRunbook.quickest(NAME).with(SHORT));

        MigrationStatus end = end(migration);

        assertThat(end.result()).as(LabMigration.summary(end)).isEqualTo(Ending.MIGRATED);
        assertSplit(world, 100);
        assertThat(bystanders(world)).isEqualTo(bystanders);
      }
      Judgement judgement = world.judgeTarget(ledger);
      assertThat(judgement.wrongs()).isEmpty();
      assertThat(ledger.errors()).isEmpty();
    }
  }

  /** The target's writes are acknowledged by now, and have to come back too. */
  private static void awaitWindow(LabMigration migration) {
    MigrationStatus there =
        migration.await(
            "the window of the way back",
            LIMIT,
            status ->
                status.state() == State.WAITING_FOR_TIME && "cutover.window".equals(status.step()));
    assertThat(there.writesGoTo()).isEqualTo("target");
  }

  private static MigrationStatus rollBack(LabWorld world, LabMigration migration) {
    Ran back = world.product().run("rollback", NAME, "--yes", "--reason", "a test");
    assertThat(back.exit()).as(back.out() + back.err()).isZero();
    MigrationStatus end = end(migration);
    assertThat(end.result()).as(LabMigration.summary(end)).isEqualTo(Ending.ROLLED_BACK);
    assertThat(end.writesGoTo()).isEqualTo("source");
    return end;
  }

  private static void awaitBake(LabMigration migration, int weight) {
    migration.await(
        "the bake at " + weight + " %",
        LIMIT,
        status ->
            status.state() == State.WAITING_FOR_TIME
                && "the end of the bake at %d %%".formatted(weight).equals(status.waitingFor()));
  }

  /** What the stacks were asked for, within four standard deviations of the sampling error. */
  private static void assertSplit(LabWorld world, int weight) {
    long source = world.stack(false).requests();
    long target = world.stack(true).requests();
    Poll.until(
        SAMPLES + " requests",
        LIMIT,
        () ->
            world.stack(false).requests() + world.stack(true).requests() - source - target
                >= SAMPLES);
    long here = world.stack(false).requests() - source;
    long there = world.stack(true).requests() - target;
    double share = weight / 100.0;
    double deviation = Math.sqrt((here + there) * share * (1 - share));
    assertThat((double) there)
        .as("%d of %d requests at the target, asked for %d %%", there, here + there, weight)
        .isBetween(
            (here + there) * share - 4 * deviation - 1, (here + there) * share + 4 * deviation + 1);
  }

  private static MigrationStatus end(LabMigration migration) {
    return migration.await("the end", LIMIT, status -> status.state() == State.ENDED);
  }

  private static String exact(LabWorld world) throws SQLException {
    return world.isBalanced() ? world.balancer().exact() : world.zone().exact();
  }

  private static String bystanders(LabWorld world) {
    return world.isBalanced() ? world.balancer().bystanders() : world.zone().bystanders();
  }

  private static void start(LabWorld world, LabRunbook runbook) {
    Ran started = world.product().run("start", world.write(runbook).toString());
    assertThat(started.exit()).as(started.out() + started.err()).isZero();
  }
}
