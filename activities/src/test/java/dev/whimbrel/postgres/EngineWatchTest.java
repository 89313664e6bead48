package dev.whimbrel.postgres;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.Test;

/** An engine that does not answer any more is as good as dead. */
class EngineWatchTest {
  private static final Duration OFTEN = Duration.ofMillis(5);
  private static final Duration LIMIT = Duration.ofSeconds(10);

  @Test
  void takesAnEngineThatFailsOrIsSilentForDeadAndOneThatIsBackForAlive() {
    AtomicReference<BooleanSupplier> engine = new AtomicReference<>(() -> true);
    try (EngineWatch watch =
        new EngineWatch(
            () -> requireNonNull(engine.get()).getAsBoolean(), OFTEN, Duration.ofMillis(300))) {
      assertThat(watch.lives()).isTrue();
      engine.set(
          () -> {
            throw new IllegalStateException("UNAVAILABLE");
          });
      Wait.until("it counts as dead", LIMIT, () -> !watch.lives());
      engine.set(() -> true);
      Wait.until("it counts as alive", LIMIT, watch::lives);
      engine.set(
          () -> {
            sleep();
            return true;
          });
      Wait.until("it counts as dead", LIMIT, () -> !watch.lives());
    }
  }

  private static void sleep() {
    try {
      Thread.sleep(LIMIT.toMillis());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
