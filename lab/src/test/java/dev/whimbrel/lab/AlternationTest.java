package dev.whimbrel.lab;

import static org.assertj.core.api.Assertions.assertThat;

import dev.whimbrel.lab.Alternation.Accepted;
import java.util.List;
import org.junit.jupiter.api.Test;

class AlternationTest {
  @Test
  void oneSideAloneNeverChanged() {
    assertThat(Alternation.fewestChanges(List.of())).isZero();
    assertThat(Alternation.fewestChanges(List.of(source(1, 2), source(3, 4)))).isZero();
  }

  @Test
  void aHandOverIsOneChangeAndAWayBackTwo() {
    assertThat(Alternation.fewestChanges(List.of(source(1, 2), target(3, 4)))).isEqualTo(1);
    assertThat(Alternation.fewestChanges(List.of(source(1, 2), target(3, 4), source(5, 6))))
        .isEqualTo(2);
  }

  @Test
  void writesThatOverlapProveNothing() {
    assertThat(Alternation.fewestChanges(List.of(source(1, 10), target(2, 11)))).isEqualTo(1);
    assertThat(Alternation.fewestChanges(List.of(source(1, 10), target(2, 20), source(3, 12))))
        .isEqualTo(1);
  }

  @Test
  void bothSidesWritableIsManyChanges() {
    assertThat(
            Alternation.fewestChanges(
                List.of(
                    source(1, 2),
                    target(3, 4),
                    source(5, 6),
                    target(7, 8),
                    source(9, 10),
                    target(11, 12))))
        .isEqualTo(5);
  }

  @Test
  void aSlowAnswerThatBelongsToTheOldSideIsNoChange() {
    assertThat(
            Alternation.fewestChanges(
                List.of(source(1, 2), source(3, 100), target(10, 11), target(20, 21))))
        .isEqualTo(1);
  }

  private static Accepted source(long sent, long answered) {
    return new Accepted(true, sent, answered);
  }

  private static Accepted target(long sent, long answered) {
    return new Accepted(false, sent, answered);
  }
}
