package dev.whimbrel.postgres;

import static org.assertj.core.api.Assertions.assertThat;

import dev.whimbrel.activity.HandOver;
import dev.whimbrel.activity.Side;
import java.time.Duration;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

class PostgresSwitchoverTest {
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
  void losesNoAcknowledgedWriteForwardOrBackUnderEightWriters() throws Exception {
    World world = new World(pair).prepared();
    HandOver there;
    HandOver back;

    try (Load load = world.load(8);
        Prober prober = new Prober(pair, world.name())) {
      Wait.until("writes flow", Duration.ofSeconds(10), () -> load.acknowledged() > 500);
      load.resetGap();
      there = world.switchover().handOver(world.to(Side.TARGET));
      long opened = System.nanoTime();
      Wait.until(
          "the target takes writes",
          Duration.ofSeconds(5),
          () -> prober.accepts(Side.TARGET, opened));
      long before = load.acknowledged();
      Wait.until(
          "writes flow again", Duration.ofSeconds(10), () -> load.acknowledged() > before + 500);
      System.out.println("forward: " + there + ", gap " + load.longestGapMillis() + " ms");
      assertThat(prober.overlaps(Side.SOURCE)).isEmpty();
      prober.clear();
      load.resetGap();

      back = world.switchover().settle(world.to(Side.SOURCE));
      long reopened = System.nanoTime();
      Wait.until(
          "the source takes writes",
          Duration.ofSeconds(5),
          () -> prober.accepts(Side.SOURCE, reopened));
      long then = load.acknowledged();
      Wait.until(
          "writes flow again", Duration.ofSeconds(10), () -> load.acknowledged() > then + 500);
      System.out.println("back: " + back + ", gap " + load.longestGapMillis() + " ms");
      assertThat(prober.overlaps(Side.TARGET)).isEmpty();
      load.close();

      assertThat(load.faults(world.connect(Side.SOURCE))).isEmpty();
    }

    assertThat(there.writesGoTo()).isEqualTo(Side.TARGET);
    assertThat(there.epoch()).isEqualTo(2);
    assertThat(there.handedOver()).isTrue();
    assertThat(there.canGoBack()).isTrue();
    assertThat(there.roundTrips()).isBetween(1, 12);
    assertThat(back.writesGoTo()).isEqualTo(Side.SOURCE);
    assertThat(back.epoch()).isEqualTo(3);
    assertThat(back.roundTrips()).isBetween(1, 12);
  }
}
