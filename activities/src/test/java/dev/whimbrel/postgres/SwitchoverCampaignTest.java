package dev.whimbrel.postgres;

import static org.assertj.core.api.Assertions.assertThat;

import dev.whimbrel.activity.HandOver;
import dev.whimbrel.activity.Move;
import dev.whimbrel.activity.Side;
import dev.whimbrel.runbook.PostgresSpec;
import dev.whimbrel.servers.PostgresServer;
import dev.whimbrel.servers.Relay;
import java.sql.Connection;
import java.time.Duration;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.parallel.Isolated;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * The long matrix: at every point, forward and back, the process is frozen past every time-out and
 * woken after another attempt has ended, its lines are cut without a word, or a server crashes.
 */
@Tag("campaign")
@Isolated("the pause is held to a limit")
class SwitchoverCampaignTest {
  private static Pairs pair;

  @BeforeAll
  static void start() {
    pair = Pairs.of(15, 16);
  }

  @AfterAll
  static void stop() {
    pair.close();
  }

  @ParameterizedTest
  @EnumSource(Checkpoints.Point.class)
  void survivesAnAttemptThatWakesUpAfterAnotherOneHasEndedAt(Checkpoints.Point point)
      throws Exception {
    overAndBack(point, (world, to) -> world.move(), SwitchoverCampaignTest::frozen);
  }

  @ParameterizedTest
  @EnumSource(Checkpoints.Point.class)
  void survivesLinesThatSwallowEverythingAt(Checkpoints.Point point) throws Exception {
    try (Relay toSource = Relay.to(pair.source().port());
        Relay toTarget = Relay.to(pair.target().port())) {
      overAndBack(
          point,
          (world, to) -> through(world, toSource, toTarget),
          (world, child, to) -> {
            toSource.blackhole();
            toTarget.blackhole();
            child.goOn();
            settle(world, to);
            toSource.heal();
            toTarget.heal();
            child.kill();
          });
    }
  }

  @ParameterizedTest
  @EnumSource(Checkpoints.Point.class)
  void survivesACrashOfTheSourceAt(Checkpoints.Point point) throws Exception {
    overAndBack(
        point, (world, to) -> world.move(), (world, child, to) -> crash(pair.source(), child));
  }

  @ParameterizedTest
  @EnumSource(Checkpoints.Point.class)
  void survivesACrashOfTheTargetAt(Checkpoints.Point point) throws Exception {
    overAndBack(
        point, (world, to) -> world.move(), (world, child, to) -> crash(pair.target(), child));
  }

  private interface Route {
    Move of(World world, Side to);
  }

  private interface Blow {
    void strike(World world, SwitchoverProcess child, Side to) throws Exception;
  }

  private static void overAndBack(Checkpoints.Point point, Route route, Blow blow)
      throws Exception {
    try (World world = new World(pair).prepared();
        Load load = world.load(4);
        ObjectLoad objects = new ObjectLoad(world, writersOfObjects(point));
        Prober prober = new Prober(pair, world.name())) {
      Wait.until("writes flow", Duration.ofSeconds(20), () -> load.acknowledged() > 100);
      for (Side to : new Side[] {Side.TARGET, Side.SOURCE}) {
        prober.clear();
        try (SwitchoverProcess child =
            SwitchoverProcess.start(route.of(world, to), to, point.name()).awaitAt(point)) {
          blow.strike(world, child, to);
        }
        HandOver end = settle(world, to);
        long settled = System.nanoTime();
        Wait.until(
            "the " + to.word() + " takes writes",
            Duration.ofSeconds(10),
            () -> prober.accepts(to, settled));
        long before = load.acknowledged();
        Wait.until("writes flow", Duration.ofSeconds(20), () -> load.acknowledged() > before + 50);
        assertThat(end.writesGoTo()).isEqualTo(to);
        assertThat(end.canGoBack()).as(end.line()).isEqualTo(to == Side.TARGET);
        assertThat(prober.overlaps(to.other())).isEmpty();
        System.out.printf("campaign %s %s: %s%n", point, to, end.line());
      }
      load.stop();
      objects.stop();

      try (Connection source = world.connect(Side.SOURCE)) {
        assertThat(load.faults(source)).isEmpty();
        assertThat(objects.faults(source)).isEmpty();
      }
    }
  }

  /** Where it makes a difference for them. */
  private static int writersOfObjects(Checkpoints.Point point) {
    return point.compareTo(Checkpoints.Point.READY) >= 0
            && point.compareTo(Checkpoints.Point.OPENED) <= 0
        ? 2
        : 0;
  }

  private static void frozen(World world, SwitchoverProcess child, Side to) throws Exception {
    child.freeze();
    settle(world, to); // the second attempt, to its end
    Thread.sleep(2_500); // past the dead man's switch, also where the second attempt was quick
    child.goOn();
    child.thaw();
    child.awaitEnd();
  }

  private static void crash(PostgresServer server, SwitchoverProcess child) {
    server.stopImmediate();
    child.goOn();
    server.start();
    child.awaitEnd();
  }

  /** As Temporal does: an attempt that failed for the moment is made again. */
  private static HandOver settle(World world, Side to) {
    RuntimeException last = null;
    for (int attempt = 0; attempt < 5; attempt++) {
      try {
        return world.switchover().settle(world.to(to));
      } catch (RuntimeException e) {
        last = e;
      }
    }
    throw new AssertionError("five attempts failed", last);
  }

  private static Move through(World world, Relay toSource, Relay toTarget) {
    Move move = world.move();
    String name = world.name();
    return new Move(
        move.migration(),
        new PostgresSpec(
            "postgresql://postgres@127.0.0.1:" + toSource.port() + "/" + name, null, null, null),
        new PostgresSpec(
            "postgresql://postgres@127.0.0.1:" + toTarget.port() + "/" + name, null, null, null),
        move.connect(),
        move.leftBehind(),
        move.jobs(),
        move.maxLag());
  }
}
