package dev.whimbrel.postgres;

import static org.assertj.core.api.Assertions.assertThat;

import dev.whimbrel.postgres.Beside.Seen;
import java.time.Duration;
import java.time.Instant;
import org.junit.jupiter.api.Test;

class StandstillTest {
  private static final Instant BEGUN = Instant.parse("2026-03-01T12:00:00Z");

  private final Standstill standstill = new Standstill(BEGUN);
  private Instant now = BEGUN;

  @Test
  void endsWhatBothServersWaitForSoon() {
    assertThat(endedWithin(Duration.ofMinutes(5), Seen.WAITS, Seen.WAITS))
        .isEqualTo(Standstill.BOTH_WAIT.plusSeconds(2));
  }

  @Test
  void waitsLongerWhereAServerDoesNotAnswer() {
    assertThat(endedWithin(Duration.ofMinutes(5), Seen.WAITS, Seen.NOT_KNOWN))
        .isEqualTo(Standstill.NOT_KNOWN.plusSeconds(2));
  }

  @Test
  void countsAnewWhereAServerAnswersAgain() {
    assertThat(looks(Duration.ofSeconds(30), Seen.NOT_KNOWN, Seen.WAITS)).isFalse();
    assertThat(looks(Standstill.BOTH_WAIT, Seen.WAITS, Seen.WAITS)).isFalse();
    assertThat(endedWithin(Duration.ofMinutes(1), Seen.WAITS, Seen.WAITS))
        .isLessThanOrEqualTo(Duration.ofSeconds(2));
  }

  @Test
  void neverEndsWhatAServerWorksOn() {
    assertThat(looks(Duration.ofHours(3), Seen.WAITS, Seen.AT_WORK)).isFalse();
    assertThat(looks(Duration.ofHours(3), Seen.AT_WORK, Seen.WAITS)).isFalse();
    assertThat(looks(Standstill.BOTH_WAIT, Seen.WAITS, Seen.WAITS)).isFalse();
  }

  @Test
  void neverEndsWhatMovesBytes() {
    for (long bytes = 0; bytes < 10_000; bytes++) {
      now = now.plusSeconds(1);
      assertThat(standstill.look(Seen.WAITS, Seen.WAITS, bytes, now)).isFalse();
    }
  }

  @Test
  void endsAtOnceWhatAServerDoesNotKnow() {
    assertThat(standstill.look(Seen.GONE, Seen.NOT_KNOWN, 1, now)).isTrue();
    assertThat(standstill.look(Seen.AT_WORK, Seen.GONE, 2, now)).isTrue();
  }

  /** After how long they are ended, looked at every second; the limit where they are not. */
  private Duration endedWithin(Duration limit, Seen source, Seen target) {
    Instant from = now;
    while (Duration.between(from, now).compareTo(limit) < 0) {
      now = now.plusSeconds(1);
      if (standstill.look(source, target, 0, now)) {
        break;
      }
    }
    return Duration.between(from, now);
  }

  /** Whether they are ended within this time, looked at every second. */
  private boolean looks(Duration time, Seen source, Seen target) {
    return endedWithin(time.plusSeconds(1), source, target).compareTo(time) <= 0;
  }
}
