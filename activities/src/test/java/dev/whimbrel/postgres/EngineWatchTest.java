package dev.whimbrel.postgres;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;

import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import java.time.Duration;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

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

  /** A worker's key may not be allowed to describe, or may be asked to wait. */
  @ParameterizedTest
  @EnumSource(
      value = Status.Code.class,
      names = {"PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "NOT_FOUND", "UNAVAILABLE"})
  void takesAnEngineThatRefusesToAnswerForAlive(Status.Code code) {
    AtomicInteger asked = new AtomicInteger();
    try (EngineWatch watch =
        new EngineWatch(
            () -> {
              asked.incrementAndGet();
              throw new StatusRuntimeException(code.toStatus());
            },
            OFTEN,
            Duration.ofMillis(300))) {
      Wait.until("it was asked for long", LIMIT, () -> asked.get() > 100);

      assertThat(watch.lives())
          .isEqualTo(
              code == Status.Code.PERMISSION_DENIED || code == Status.Code.RESOURCE_EXHAUSTED);
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
