package dev.whimbrel.attempt;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import org.junit.jupiter.api.Test;

class TroubleTest {

  @Test
  void isABreakWhenItWasThereAtEveryLookForLongerThanItMay() throws InterruptedException {
    Trouble trouble = new Trouble(Duration.ofMillis(20));
    assertThat(trouble.lasts(true)).isFalse();
    Thread.sleep(25);

    assertThat(trouble.lasts(true)).isTrue();
  }

  @Test
  void beginsAnewAfterALookThatFoundNone() throws InterruptedException {
    Trouble trouble = new Trouble(Duration.ofMillis(20));
    trouble.lasts(true);
    Thread.sleep(25);

    assertThat(trouble.lasts(false)).isFalse();
    assertThat(trouble.lasts(true)).isFalse();
  }
}
