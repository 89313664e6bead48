package dev.whimbrel.postgres;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.whimbrel.activity.Side;
import java.time.Duration;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.parallel.Isolated;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** A standby that every COMMIT waits for, and that is gone. */
@Isolated("the pause is held to a limit")
class SynchronousStandbyTest {
  private Pairs pair;
  private World world;

  @BeforeEach
  void start() throws Exception {
    pair = Pairs.of(15, 16);
    world = new World(pair).prepared();
  }

  @AfterEach
  void stop() {
    pair.close();
  }

  @ParameterizedTest
  @EnumSource(Side.class)
  void isNamedBeforeWritersAreHeldUp(Side side) throws Exception {
    standby(side, "ghost");

    long began = System.nanoTime();
    assertThatThrownBy(() -> world.switchover().handOver(world.to(Side.TARGET)))
        .hasMessageContaining(
            "The %s waits for a synchronous standby that does not answer (synchronous_standby_names = 'ghost')"
                .formatted(side.word()));
    assertThat(Duration.ofNanos(System.nanoTime() - began)).isLessThan(Duration.ofSeconds(10));

    standby(side, "");
    assertThat(world.switchover().handOver(world.to(Side.TARGET)).writesGoTo())
        .isEqualTo(Side.TARGET);
  }

  private void standby(Side side, String name) {
    world
        .server(side)
        .execute(
            world.name(),
            "ALTER SYSTEM SET synchronous_standby_names = '" + name + "'",
            "SELECT pg_reload_conf()");
    try {
      Wait.until(
          "the server has read its settings",
          Duration.ofSeconds(10),
          () ->
              Pairs.value(world.server(side), world.name(), "SHOW synchronous_standby_names")
                  .equals(name));
    } catch (Exception e) {
      throw new IllegalStateException(e);
    }
  }
}
