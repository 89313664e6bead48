package dev.whimbrel.postgres;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.time.Instant;
import org.junit.jupiter.api.Test;

class WalGrowthTest {
  private static final Instant T = Instant.parse("2026-03-01T00:00:00Z");
  private static final long MB = 1 << 20;

  private final WalGrowth growth = new WalGrowth();

  @Test
  void saysWhenTheLimitIsReached() {
    for (int second = 0; second <= 60; second += 2) {
      growth.look(T.plusSeconds(second), 100 * MB + second * MB);
    }

    assertThat(growth.perMinute()).isEqualTo(60 * MB);
    assertThat(growth.until(400 * MB)).contains(Duration.ofMinutes(4));
    assertThat(growth.until(100 * MB)).contains(Duration.ZERO);
  }

  @Test
  void forgetsWhatIsLongAgo() {
    growth.look(T, 0);
    growth.look(T.plus(Duration.ofMinutes(10)), 900 * MB);
    growth.look(T.plus(Duration.ofMinutes(11)), 900 * MB);

    assertThat(growth.perMinute()).isZero();
    assertThat(growth.until(1000 * MB)).isEmpty();
  }

  @Test
  void saysNothingOfAMinuteAfterAMoment() {
    growth.look(T, 0);
    growth.look(T.plusSeconds(4), 900 * MB);

    assertThat(growth.perMinute()).isZero();
  }

  @Test
  void seesThatLessAndLessIsKept() {
    growth.look(T, 900 * MB);
    growth.look(T.plusSeconds(60), 300 * MB);

    assertThat(growth.perMinute()).isEqualTo(-600 * MB);
    assertThat(growth.until(1000 * MB)).isEmpty();
  }
}
