package dev.whimbrel.traffic;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class WeightsTest {
  @ParameterizedTest
  @ValueSource(ints = {1, 5, 25, 50, 99, 100})
  void areThePercentsThemselvesWithOneServerASide(int share) {
    Map<String, Integer> weights =
        Weights.of(share, List.of("blue"), List.of("green"), Map.of("blue", 100, "green", 0));

    assertThat(weights).isEqualTo(Map.of("blue", 100 - share, "green", share));
  }

  @Test
  void giveEachSideItsSumWhereTheSidesHaveDifferentNumbers() {
    Map<String, Integer> weights =
        Weights.of(25, List.of("a", "b", "c"), List.of("x", "y"), Map.of("a", 1, "b", 1, "c", 1));

    assertThat(weights).isEqualTo(Map.of("a", 50, "b", 50, "c", 50, "x", 25, "y", 25));
  }

  @Test
  void keepTheProportionsFoundWithinASide() {
    Map<String, Integer> weights =
        Weights.of(40, List.of("big", "small"), List.of("x"), Map.of("big", 100, "small", 50));

    assertThat(weights).isEqualTo(Map.of("big", 40, "small", 20, "x", 40));
  }

  @Test
  void leaveAServerAloneThatGotNothingBefore() {
    Map<String, Integer> weights =
        Weights.of(25, List.of("a", "drained"), List.of("x"), Map.of("a", 10, "drained", 0));

    assertThat(weights).isEqualTo(Map.of("a", 75, "drained", 0, "x", 25));
  }

  @Test
  void giveNothingToTheSourceAtTheWhole() {
    Map<String, Integer> weights =
        Weights.of(100, List.of("a", "b"), List.of("x"), Map.of("a", 1, "b", 1));

    assertThat(weights).isEqualTo(Map.of("a", 0, "b", 0, "x", 100));
  }

  @Test
  void haveTheRightSumsAndStayInRangeWhateverIsAsked() {
    for (int share = 1; share <= 100; share++) {
      for (int sources = 1; sources <= 5; sources++) {
        for (int targets = 1; targets <= 5; targets++) {
          List<String> source = List.of("a", "b", "c", "d", "e").subList(0, sources);
          List<String> target = List.of("v", "w", "x", "y", "z").subList(0, targets);

          Map<String, Integer> weights = Weights.of(share, source, target, Map.of("a", 1, "b", 3));

          assertThat(weights.values()).allMatch(weight -> weight >= 0 && weight <= 256);
          assertThat(Weights.share(target, weights))
              .as("%d %% with %d and %d servers", share, sources, targets)
              .isCloseTo(share, within(1e-9));
        }
      }
    }
  }
}
