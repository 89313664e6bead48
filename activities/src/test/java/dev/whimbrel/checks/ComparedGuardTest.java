package dev.whimbrel.checks;

import static org.assertj.core.api.Assertions.assertThat;

import dev.whimbrel.activity.Breach;
import dev.whimbrel.activity.Side;
import java.io.IOException;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class ComparedGuardTest {
  private final Guarding guarding = new Guarding(Map.of());
  private BothSides service;

  @BeforeEach
  void start() throws IOException {
    service = new BothSides();
  }

  @AfterEach
  void stop() {
    service.close();
  }

  @Test
  void isBreachedWithinOneOverWhenTheTargetGetsWorse() {
    AtomicLong since = new AtomicLong();

    Optional<Breach> breach =
        guarding.watch(
            Guarding.comparing(service.url("/healthz")),
            line -> {
              if (isGood(line) && since.compareAndSet(0, System.nanoTime())) {
                service.let(Side.TARGET, exchange -> BothSides.answer(exchange, 503, "no"));
              }
              return false;
            });

    assertThat(Duration.ofNanos(System.nanoTime() - since.get())).isLessThan(Guarding.OVER);
    assertThat(breach.map(Breach::line).orElse(""))
        .startsWith("target ")
        .endsWith(
            " in 2 s, allowed 1% more failures than at the source; the last: 127.0.0.3: status 503");
  }

  @Test
  void isBreachedWhenTheTargetIsGone() {
    service.stop(Side.TARGET);

    assertThat(guarding.watch(Guarding.comparing(service.url("/")), line -> false))
        .hasValueSatisfying(
            breach -> assertThat(breach.line()).contains("127.0.0.3: Connection refused"));
  }

  @Test
  void isBreachedWhenTheTargetIsSlower() {
    service.let(
        Side.TARGET,
        exchange -> {
          BothSides.rest(Duration.ofMillis(150));
          BothSides.answer(exchange, 200, "ok");
        });

    assertThat(guarding.watch(Guarding.comparing(service.url("/")), line -> false))
        .hasValueSatisfying(
            breach ->
                assertThat(breach.line())
                    .contains("allowed p50 100 ms slower than the source's: "));
  }

  @Test
  void isNotBreachedWhenBothSidesGetWorse() {
    for (Side side : Side.values()) {
      AtomicInteger asked = new AtomicInteger(side == Side.SOURCE ? 0 : 2);
      service.let(
          side,
          exchange -> {
            BothSides.rest(Duration.ofMillis(150));
            BothSides.answer(exchange, asked.incrementAndGet() % 5 == 0 ? 503 : 200, "ok");
          });
    }
    AtomicInteger good = new AtomicInteger();

    Optional<Breach> breach =
        guarding.watch(
            Guarding.comparing(service.url("/")),
            line -> isGood(line) && good.incrementAndGet() == 100);

    assertThat(breach).isEmpty();
    assertThat(guarding.lines.get(guarding.lines.size() - 1))
        .doesNotContain("target 0 of")
        .doesNotContain("source 0 of");
  }

  @Test
  void knowsNothingWhenItsOwnNetworkIsLost() {
    AtomicInteger blind = new AtomicInteger();

    Optional<Breach> breach =
        guarding.watch(
            Guarding.comparing(service.url("/")),
            line -> {
              if (isGood(line)) {
                service.stop(Side.SOURCE);
                service.stop(Side.TARGET);
              }
              return line.contains(" more not known") && blind.incrementAndGet() > 120;
            });

    assertThat(breach).isEmpty();
    assertThat(guarding.lines.get(guarding.lines.size() - 1))
        .startsWith("guard 1: not known: target 0 of ")
        .endsWith(
            " more not known, the last: both sides failed together: 127.0.0.3: Connection refused; 127.0.0.2: Connection refused");
  }

  @Test
  void isBreachedWhenBothSidesAreGoneAndTheControlProbeAnswers() throws IOException {
    try (BothSides elsewhere = new BothSides()) {
      AtomicLong since = new AtomicLong();

      Optional<Breach> breach =
          guarding.watch(
              Guarding.comparing(service.url("/"), elsewhere.addressed(Side.SOURCE)),
              line -> {
                if (isGood(line) && since.compareAndSet(0, System.nanoTime())) {
                  service.stop(Side.SOURCE);
                  service.stop(Side.TARGET);
                }
                return false;
              });

      assertThat(Duration.ofNanos(System.nanoTime() - since.get())).isLessThan(Guarding.OVER);
      assertThat(breach.map(Breach::line).orElse(""))
          .contains(" moments while the control probe answered; the last: both sides failed")
          .endsWith("127.0.0.3: Connection refused; 127.0.0.2: Connection refused");
    }
  }

  @Test
  void knowsNothingWhenTheControlProbeFailsTogetherWithBothSides() throws IOException {
    try (BothSides elsewhere = new BothSides()) {
      elsewhere.stop(Side.SOURCE);
      AtomicInteger blind = new AtomicInteger();

      Optional<Breach> breach =
          guarding.watch(
              Guarding.comparing(service.url("/"), elsewhere.addressed(Side.SOURCE)),
              line -> {
                if (isGood(line)) {
                  service.stop(Side.SOURCE);
                  service.stop(Side.TARGET);
                }
                return line.contains(" more not known") && blind.incrementAndGet() > 120;
              });

      assertThat(breach).isEmpty();
      assertThat(guarding.lines.get(guarding.lines.size() - 1))
          .startsWith("guard 1: not known: target 0 of ")
          .endsWith("127.0.0.2: Connection refused; the control probe failed too");
    }
  }

  private static boolean isGood(String line) {
    return line.startsWith("guard 1: target ");
  }
}
