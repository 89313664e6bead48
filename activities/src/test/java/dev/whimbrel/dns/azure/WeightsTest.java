package dev.whimbrel.dns.azure;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class WeightsTest {
  @Test
  void theTargetsSumIsTheShareHoweverManyAddressesEachSideHas() {
    for (int share = 1; share < 100; share++) {
      for (int sources = 1; sources <= 10; sources++) {
        for (int targets = 1; targets <= 10; targets++) {
          Weights weights = Weights.of(share, sources, targets);

          assertThat(weights.source()).isBetween(1L, 1000L);
          assertThat(weights.target()).isBetween(1L, 1000L);
          assertThat(weights.target() * targets * (100 - share))
              .isEqualTo(weights.source() * sources * share);
          assertThat(Weights.share(weights.source() * sources, weights.target() * targets))
              .isEqualTo(share);
        }
      }
    }
  }

  @Test
  void staysWithinWhatTrafficManagerKnowsForManyAddresses() {
    Weights weights = Weights.of(1, 13, 17);

    assertThat(weights.source()).isEqualTo(1000);
    assertThat(weights.target()).isEqualTo(7);
    assertThat(Weights.share(weights.source() * 13, weights.target() * 17)).isEqualTo(1);
  }

  @Test
  void nothingGivesNoShare() {
    assertThat(Weights.share(0, 0)).isZero();
    assertThat(Weights.share(0, 7)).isEqualTo(100);
  }
}
