package dev.whimbrel.attempt;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.time.Instant;
import org.junit.jupiter.api.Test;

class StandStillTest {
  private final StandStill here = new StandStill();
  private final Instant begun = Instant.now();

  @Test
  void saysNothingOfAProcessThatIsSlow() {
    here.awakeAt(begun.plusSeconds(4));
    here.awakeAt(begun.plusSeconds(8));

    assertThat(here.stoodStillSince(begun)).isFalse();
  }

  @Test
  void noticesThatItWasFrozenAfterTheAttemptBegan() {
    here.awakeAt(begun.plusSeconds(1));
    here.awakeAt(begun.plusSeconds(30));
    here.awakeAt(begun.plusSeconds(31));

    assertThat(here.stoodStillSince(begun)).isTrue();
  }

  @Test
  void letsAnAttemptActThatBeganAfterwards() {
    here.awakeAt(begun.plusSeconds(30));

    assertThat(here.stoodStillSince(begun.plusSeconds(31))).isFalse();
  }

  @Test
  void takesAClockThatWasSetBackForAFreeze() {
    here.awakeAt(begun.minus(Duration.ofMinutes(2)));

    assertThat(here.stoodStillSince(begun.minus(Duration.ofMinutes(3)))).isTrue();
  }
}
