package dev.whimbrel.migration;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Test;

class LowerTtlTest {

  @Test
  void nothingRestsOnTheLowTtlBeforeOneWholeDayIsOverWhereThatWasTheOldOne() {
    Runbooks runbooks = new Runbooks();
    runbooks.ttls = List.of(60);
    AtomicReference<Instant> served = new AtomicReference<>();
    AtomicReference<Instant> next = new AtomicReference<>();
    try (Stage stage =
        new Stage(
            runbooks,
            world -> {
              world.foundTtl = 86_400;
              world.during("awaitTtl", () -> served.set(world.now()));
              world.during("createTables", () -> next.set(world.now()));
            })) {
      stage.result();

      assertThat(Duration.between(known(served), known(next)))
          .isGreaterThanOrEqualTo(Duration.ofDays(1))
          .isLessThan(Duration.ofDays(1).plusMinutes(5));
      assertThat(stage.world.journal()).containsSubsequence("set TTL 60", "create tables");
    }
  }

  private static Instant known(AtomicReference<Instant> time) {
    return Objects.requireNonNull(time.get());
  }
}
