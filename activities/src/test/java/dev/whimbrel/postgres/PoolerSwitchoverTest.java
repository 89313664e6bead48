package dev.whimbrel.postgres;

import static org.assertj.core.api.Assertions.assertThat;

import dev.whimbrel.activity.HandOver;
import dev.whimbrel.activity.Side;
import dev.whimbrel.runbook.Connect;
import dev.whimbrel.servers.Needs;
import dev.whimbrel.servers.PgBouncer;
import dev.whimbrel.servers.Program;
import java.sql.Connection;
import java.sql.DriverManager;
import java.time.Duration;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

@Needs(Program.PGBOUNCER)
class PoolerSwitchoverTest {
  private static Pairs pair;

  @BeforeAll
  static void start() {
    pair = Pairs.of(15, 16);
  }

  @AfterAll
  static void stop() {
    pair.close();
  }

  @Test
  void letsNoClientOfAPoolerFailForwardOrBack() throws Exception {
    World world = new World(pair).prepared();
    try (PgBouncer pooler = pooler(world);
        Load load = load(pooler)) {
      world.connect(connect(pooler, world));
      Wait.until("writes flow", Duration.ofSeconds(10), () -> load.acknowledged() > 500);
      load.resetGap();

      HandOver there = world.switchover().handOver(world.to(Side.TARGET));
      awaitMore(load);
      long forwardGap = load.longestGapMillis();
      load.resetGap();
      HandOver back = world.switchover().settle(world.to(Side.SOURCE));
      awaitMore(load);
      System.out.println(
          "pooled: %d ms over (%d trips), %d ms back, %d acknowledged"
              .formatted(
                  forwardGap, there.roundTrips(), load.longestGapMillis(), load.acknowledged()));
      load.stop();

      assertThat(load.errors()).isEmpty();
      assertThat(forwardGap).isLessThan(2000);
      assertThat(there.roundTrips()).isLessThanOrEqualTo(12);
      assertThat(back.writesGoTo()).isEqualTo(Side.SOURCE);
      try (Connection source = world.connect(Side.SOURCE)) {
        assertThat(load.faults(source)).isEmpty();
      }
    } finally {
      world.close();
    }
  }

  @ParameterizedTest
  @EnumSource(
      value = Checkpoints.Point.class,
      names = {"PAUSED", "READY", "HANDED_OVER", "OPENED"})
  void resumesThePoolerWhenTheProcessThatPausedItIsKilledAt(Checkpoints.Point point)
      throws Exception {
    World world = new World(pair).prepared();
    try (PgBouncer pooler = pooler(world);
        Load load = load(pooler)) {
      world.connect(connect(pooler, world));
      Wait.until("writes flow", Duration.ofSeconds(10), () -> load.acknowledged() > 100);

      try (SwitchoverProcess child =
          SwitchoverProcess.stoppingAt(world, Side.TARGET, point).awaitAt(point)) {
        child.kill();
      }
      if (point.compareTo(Checkpoints.Point.HANDED_OVER) < 0) {
        long before = load.acknowledged();
        Wait.until("writes flow", Duration.ofSeconds(4), () -> load.acknowledged() > before + 10);
        assertThat(load.errors()).isEmpty();
      }
      world.switchover().settle(world.to(Side.TARGET));
      awaitMore(load);
      load.stop();

      try (Connection target = world.connect(Side.TARGET)) {
        assertThat(load.faults(target)).isEmpty();
      }
    } finally {
      world.close();
    }
  }

  private static void awaitMore(Load load) {
    long before = load.acknowledged();
    Wait.until("writes flow", Duration.ofSeconds(10), () -> load.acknowledged() > before + 200);
  }

  private static PgBouncer pooler(World world) {
    return PgBouncer.to(pair.source().port(), world.name()).user("app").start();
  }

  private static Load load(PgBouncer pooler) {
    return new Load(side -> DriverManager.getConnection(pooler.jdbcUrl(), "app", ""), false)
        .start(8);
  }

  private static Connect connect(PgBouncer pooler, World world) {
    return new Connect(
        new Connect.PgBouncer(
            pooler.adminUrl(),
            null,
            world.name(),
            new Connect.Switch(pooler.iniFile().toString(), null)),
        null,
        null,
        false);
  }
}
