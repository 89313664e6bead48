package dev.whimbrel.postgres;

import static org.assertj.core.api.Assertions.assertThat;

import dev.whimbrel.activity.Side;
import java.sql.Connection;
import java.time.Duration;
import org.junit.jupiter.api.parallel.Isolated;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Several streams over and one back, between other releases. */
@Isolated("the pause is held to a limit")
class SharedVersionsTest {
  @ParameterizedTest
  @CsvSource({"13, 13", "13, 18", "18, 18"})
  void goesOverByThreeStreamsAndBackByOne(int from, int to) throws Exception {
    try (Pairs pair = Pairs.of(from, to);
        World world = new World(pair, 3).prepared();
        Load load = world.load(3)) {
      Wait.until("writes flow", Duration.ofSeconds(20), () -> load.acknowledged() > 100);
      for (Side side : new Side[] {Side.TARGET, Side.SOURCE}) {
        assertThat(world.switchover().settle(world.to(side)).writesGoTo()).isEqualTo(side);
        long before = load.acknowledged();
        Wait.until("writes flow", Duration.ofSeconds(20), () -> load.acknowledged() > before + 50);
      }
      load.stop();

      try (Connection source = world.connect(Side.SOURCE)) {
        assertThat(load.faults(source)).isEmpty();
      }
    }
  }
}
