package dev.whimbrel.postgres;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.time.Instant;
import org.junit.jupiter.api.Test;

class SoakClockTest {
  private static final Duration FAST = Duration.ofMillis(5);
  private static final Duration SLOW = Duration.ofSeconds(3);

  private Instant now = Instant.parse("2026-01-01T00:00:00Z");
  private SoakClock clock = new SoakClock(Duration.ofSeconds(1), null, null);

  @Test
  void countsTimeInWhichWritesArrivedFast() {
    seconds(100, FAST, true);

    assertThat(clock.held()).isEqualTo(Duration.ofSeconds(99));
  }

  @Test
  void doesNotCountATimeWithoutWrites() {
    seconds(100, FAST, true);
    seconds(600, FAST, false);

    assertThat(clock.held()).isEqualTo(Duration.ofSeconds(99 + 60));
    assertThat(clock.remark()).contains("no write seen since").endsWith("does not count");
  }

  @Test
  void countsNothingBeforeTheFirstWrite() {
    seconds(600, FAST, false);

    assertThat(clock.held()).isZero();
    assertThat(clock.remark()).isEqualTo(", no write seen yet: does not count");
  }

  @Test
  void doesNotCountATimeInWhichNobodyLooked() {
    seconds(100, FAST, true);
    now = now.plus(Duration.ofHours(5));
    seconds(100, FAST, true);

    assertThat(clock.held()).isEqualTo(Duration.ofSeconds(99 + 99));
  }

  @Test
  void goesOnWhereAnotherWorkerStopped() {
    seconds(100, FAST, true);
    now = now.plus(Duration.ofHours(5));
    clock = new SoakClock(Duration.ofSeconds(1), clock.heldSince(), clock.lastLooked());
    seconds(100, FAST, true);

    assertThat(clock.held()).isEqualTo(Duration.ofSeconds(99 + 99));
  }

  @Test
  void forgivesANightlyBatch() {
    seconds(100, FAST, true);
    seconds(50, SLOW, true);
    seconds(100, FAST, true);

    assertThat(clock.held()).isEqualTo(Duration.ofSeconds(249));
  }

  @Test
  void beginsAgainBehindABreak() {
    seconds(100, FAST, true);
    seconds(70, SLOW, true);

    assertThat(clock.held()).isZero();
    assertThat(clock.remark()).startsWith(", above the limit since 2026-01-01T00:01:");

    seconds(10, FAST, true);

    assertThat(clock.held()).isEqualTo(Duration.ofSeconds(9));
  }

  private void seconds(int seconds, Duration lag, boolean wrote) {
    for (int i = 0; i < seconds; i++) {
      now = now.plusSeconds(1);
      clock.look(now, lag, wrote);
    }
  }
}
