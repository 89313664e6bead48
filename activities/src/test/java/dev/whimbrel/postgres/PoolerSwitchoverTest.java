package dev.whimbrel.postgres;

import static org.assertj.core.api.Assertions.assertThat;

import dev.whimbrel.activity.HandOver;
import dev.whimbrel.activity.Move;
import dev.whimbrel.activity.Side;
import dev.whimbrel.activity.SwitchoverRequest;
import dev.whimbrel.runbook.PostgresSpec;
import dev.whimbrel.servers.Needs;
import dev.whimbrel.servers.Program;
import dev.whimbrel.servers.Relay;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.parallel.Isolated;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

@Needs(Program.PGBOUNCER)
@Isolated("the pause is held to a limit")
class PoolerSwitchoverTest {
  /** PAUSE, the locks, the marker, everything of the opening, the hand-over, the opening. */
  private static final int TRIPS = 6;

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
    try (PooledWorld pooled = PooledWorld.prepared(pair);
        Load load = pooled.load(8)) {
      World world = pooled.world();
      load.resetGap();

      HandOver there = world.switchover().handOver(world.to(Side.TARGET));
      PooledWorld.awaitMore(load, 200);
      long forwardGap = load.longestGapMillis();
      load.resetGap();
      HandOver back = world.switchover().settle(world.to(Side.SOURCE));
      PooledWorld.awaitMore(load, 200);
      System.out.println(
          "pooled: %d ms over (%d ms pause, %d trips), %d ms back (%d ms), %d acknowledged"
              .formatted(
                  forwardGap,
                  there.writePauseMillis(),
                  there.roundTrips(),
                  load.longestGapMillis(),
                  back.writePauseMillis(),
                  load.acknowledged()));
      load.stop();

      assertThat(load.errors()).isEmpty();
      assertThat(forwardGap).isLessThan(2000);
      assertThat(there.roundTrips()).isEqualTo(TRIPS);
      assertThat(back.roundTrips()).isEqualTo(TRIPS);
      assertThat(back.writesGoTo()).isEqualTo(Side.SOURCE);
      try (Connection source = world.connect(Side.SOURCE)) {
        assertThat(load.faults(source)).isEmpty();
      }
    }
  }

  @Test
  void needsNoMoreTripsWhereEverythingIsFar() throws Exception {
    Duration oneWay = Duration.ofMillis(20);
    try (PooledWorld pooled = PooledWorld.prepared(pair);
        Relay source = Relay.to(pair.source().port(), oneWay);
        Relay target = Relay.to(pair.target().port(), oneWay);
        Relay console = Relay.to(pooled.pooler().port(), oneWay);
        Load load = pooled.load(8)) {
      World world = pooled.world();
      String admin = "postgresql://admin@127.0.0.1:%d/pgbouncer".formatted(console.port());
      Move near = world.move();
      Move far =
          new Move(
              near.migration(),
              through(source, world),
              through(target, world),
              List.of(PooledWorld.connect(pooled.pooler(), world.name(), admin)),
              near.leftBehind(),
              near.jobs(),
              near.maxLag());
      load.resetGap();

      HandOver there =
          world
              .switchover()
              .handOver(
                  new SwitchoverRequest(
                      far,
                      Side.TARGET,
                      Duration.ofSeconds(5),
                      Duration.ofSeconds(30),
                      null,
                      "a test asked for it"));
      PooledWorld.awaitMore(load, 200);
      System.out.println(
          "pooled, 40 ms between all: %d ms over (%d ms pause, %d trips)"
              .formatted(load.longestGapMillis(), there.writePauseMillis(), there.roundTrips()));
      load.stop();

      assertThat(load.errors()).isEmpty();
      assertThat(there.roundTrips()).isEqualTo(TRIPS);
      // The figure counts what it says: each trip costs its distance, and more than one is local.
      assertThat(there.writePauseMillis()).isGreaterThanOrEqualTo(TRIPS * oneWay.toMillis() * 2);
      try (Connection database = world.connect(Side.TARGET)) {
        assertThat(load.faults(database)).isEmpty();
      }
    }
  }

  @Test
  void endsAtTheTruthWhenANewerAttemptEndsOneThatIsAboutToLead() throws Exception {
    try (PooledWorld pooled = PooledWorld.prepared(pair);
        Load load = pooled.load(8)) {
      World world = pooled.world();
      Standing older = new Standing(Checkpoints.Point.OPENED, world.to(Side.TARGET));
      older.awaitThere();
      String holder = holder(world);

      CompletableFuture<HandOver> back =
          CompletableFuture.supplyAsync(() -> world.switchover().settle(world.to(Side.SOURCE)));
      Wait.until(
          "the newer attempt has ended it",
          Duration.ofSeconds(10),
          () -> !holder(world).equals(holder));
      String end = older.howItEnds();
      System.out.println("the older attempt: " + end);

      assertThat(back.get().writesGoTo()).isEqualTo(Side.SOURCE);
      assertThat(pooled.leadsTo(pair.source())).isTrue();
      PooledWorld.awaitMore(load, 50);
      load.stop();
      try (Connection source = world.connect(Side.SOURCE)) {
        assertThat(load.faults(source)).isEmpty();
      }
    }
  }

  @ParameterizedTest
  @EnumSource(
      value = Checkpoints.Point.class,
      names = {"PAUSED", "READY", "HANDED_OVER", "OPENED"})
  void resumesThePoolerWhenTheProcessThatPausedItIsKilledAt(Checkpoints.Point point)
      throws Exception {
    try (PooledWorld pooled = PooledWorld.prepared(pair);
        // Few: a process of its own starts meanwhile, and the stream must keep up.
        Load load = pooled.load(4)) {
      World world = pooled.world();

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
      PooledWorld.awaitMore(load, 200);
      load.stop();

      try (Connection target = world.connect(Side.TARGET)) {
        assertThat(load.faults(target)).isEmpty();
      }
    }
  }

  /** The process that holds the lock of switchovers on the target. */
  private static String holder(World world) throws SQLException {
    return Pairs.value(
        pair.target(),
        world.name(),
        "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted"
            + " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())");
  }

  private static PostgresSpec through(Relay wire, World world) {
    return new PostgresSpec(
        "postgresql://postgres@127.0.0.1:%d/%s".formatted(wire.port(), world.name()),
        null,
        null,
        null);
  }
}
