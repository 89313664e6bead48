package dev.whimbrel.postgres;

import static org.assertj.core.api.Assertions.assertThat;

import dev.whimbrel.activity.HandOver;
import dev.whimbrel.activity.Side;
import java.sql.Connection;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.parallel.Isolated;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Real kills between every two steps, forward and then back, under load. */
@Isolated("the pause is held to a limit")
class SwitchoverFailpointTest {
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
  void losesNothingAndOpensOneSideWhenKilledAt(Checkpoints.Point point) throws Exception {
    overAndBack(new World(pair), point);
  }

  /** Is killed at the point on each of both ways; closes the world. */
  static void overAndBack(World fresh, Checkpoints.Point point) throws Exception {
    try (World world = fresh.prepared();
        Load load = world.load(4);
        Prober prober = new Prober(world.pair(), world.name())) {
      Wait.until("writes flow", Duration.ofSeconds(10), () -> load.acknowledged() > 100);
      LastLookTest.note(
          world,
          Side.TARGET,
          Map.of(LastLookTest.table("counter", List.of("writer")), List.of(List.of("1"))));
      killedAt(world, load, prober, Side.TARGET, point);
      killedAt(world, load, prober, Side.SOURCE, point);
      load.stop();

      try (Connection source = world.connect(Side.SOURCE)) {
        assertThat(load.faults(source)).isEmpty();
      }
    }
  }

  private static void killedAt(
      World world, Load load, Prober prober, Side to, Checkpoints.Point point) throws Exception {
    prober.clear();
    try (SwitchoverProcess child = SwitchoverProcess.stoppingAt(world, to, point)) {
      child.awaitAt(point);
      child.kill();
    }
    if (point.compareTo(Checkpoints.Point.HANDED_OVER) < 0) {
      long killed = System.nanoTime();
      Wait.until(
          "writes are possible again",
          Duration.ofSeconds(3),
          () -> prober.accepts(to.other(), killed));
    }
    HandOver end = world.switchover().settle(world.to(to));
    long settled = System.nanoTime();
    Wait.until(
        "the " + to.word() + " takes writes",
        Duration.ofSeconds(5),
        () -> prober.accepts(to, settled));
    long before = load.acknowledged();
    Wait.until("writes flow", Duration.ofSeconds(10), () -> load.acknowledged() > before + 100);

    assertThat(end.writesGoTo()).isEqualTo(to);
    assertThat(end.handedOver()).as(end.line()).isTrue();
    assertThat(end.canGoBack()).as(end.line()).isEqualTo(to == Side.TARGET);
    assertThat(prober.overlaps(to.other())).isEmpty();
  }
}
