package dev.whimbrel.checks;

import static org.assertj.core.api.Assertions.assertThat;

import dev.whimbrel.checks.GuardWindow.Kind;
import dev.whimbrel.checks.GuardWindow.Sample;
import dev.whimbrel.checks.GuardWindow.State;
import dev.whimbrel.checks.GuardWindow.Verdict;
import dev.whimbrel.checks.SideBySide.Pair;
import dev.whimbrel.runbook.GuardSpec;
import dev.whimbrel.runbook.Percent;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

class SideBySideTest {
  private static final int BAD = -1;

  private final List<Sample> samples = new ArrayList<>();

  @Test
  void knowsNothingBeforeThirtySamplesOfBothSides() {
    see(29, 10, BAD);

    assertThat(judge())
        .isEqualTo(
            new Verdict(
                State.NOT_KNOWN,
                "not known: target 29 of 29 failed, source 0 of 29 failed p50 10 ms p95 10 ms p99 10 ms"));
  }

  @Test
  void isBreachedByThreeFailuresMoreAndNotByTwo() {
    see(98, 10, 10);
    see(2, 10, BAD);
    assertThat(judge().state()).isEqualTo(State.GOOD);

    see(1, 10, BAD);

    assertThat(judge())
        .isEqualTo(
            new Verdict(
                State.BREACHED,
                "target 3 of 101 failed p50 10 ms p95 10 ms p99 10 ms, source 0 of 101 failed p50 10 ms p95 10 ms p99 10 ms in 5 min, allowed 1% more failures than at the source; the last: 192.0.2.3: status 503"));
  }

  @Test
  void isNotBreachedByTheShareThatIsAllowed() {
    see(294, 10, 10);
    see(3, 10, BAD);
    assertThat(judge().state()).isEqualTo(State.BREACHED);

    see(10, 10, 10);

    assertThat(judge().state()).isEqualTo(State.GOOD);
  }

  @Test
  void isNotBreachedWhereBothSidesFailTogetherOrByTurns() {
    see(60, 10, 10);
    failTogether(200, Kind.UNKNOWN);
    see(15, 10, BAD);
    see(10, BAD, 10);

    assertThat(judge().state()).isEqualTo(State.GOOD);
    assertThat(judge().line()).startsWith("target 15 of 85 failed").contains("source 10 of 85");
  }

  @Test
  void isBreachedWhenBothSidesAreDownAndTheControlProbeAnswers() {
    see(60, 10, 10);
    failTogether(15, Kind.BAD);
    assertThat(judge().state()).isEqualTo(State.NOT_KNOWN);

    failTogether(1, Kind.BAD);

    assertThat(judge())
        .isEqualTo(
            new Verdict(
                State.BREACHED,
                "target 16 of 76 failed p50 10 ms p95 10 ms p99 10 ms, source 16 of 76 failed p50 10 ms p95 10 ms p99 10 ms in 5 min, both sides failed at 16 of the latest 30 moments while the control probe answered; the last: both sides failed together"));
  }

  @Test
  void isNotBreachedByAMomentsTroubleThatBothSidesHaveInCommon() {
    see(60, 10, 10);
    failTogether(15, Kind.BAD);
    see(1, 10, 10);

    assertThat(judge().state()).isEqualTo(State.GOOD);
    assertThat(judge().line()).startsWith("target 15 of 76 failed").contains("source 15 of 76");
  }

  @Test
  void isBreachedByATargetThatFailsMoreAlsoWhileBothFail() {
    see(60, 10, 10);
    see(30, 10, BAD);
    failTogether(1, Kind.BAD);

    assertThat(judge().state()).isEqualTo(State.BREACHED);
    assertThat(judge().line()).contains("allowed 1% more failures than at the source");
  }

  @Test
  void isBreachedWhereTheTargetFailsMuchMoreOftenThanASourceThatFailsToo() {
    see(60, 10, 10);
    see(30, 10, BAD);
    see(10, BAD, 10);

    assertThat(judge().state()).isEqualTo(State.BREACHED);
  }

  @Test
  void isNeverBreachedByATargetThatIsBetter() {
    see(60, 200, 10);
    see(40, BAD, 10);

    assertThat(judge().state()).isEqualTo(State.GOOD);
  }

  @Test
  void isBreachedByAPercentileThatIsSlowerByMoreThanIsAllowed() {
    see(95, 10, 10);
    see(5, 10, 120);

    assertThat(judge())
        .isEqualTo(
            new Verdict(
                State.BREACHED,
                "target 0 of 100 failed p50 10 ms p95 10 ms p99 120 ms, source 0 of 100 failed p50 10 ms p95 10 ms p99 10 ms in 5 min, allowed p99 100 ms slower than the source's: 5 answers took more than 110 ms"));
  }

  @Test
  void isNotBreachedByOneSlowAnswerNorByTwo() {
    see(28, 10, 10);
    see(2, 10, 5000);

    assertThat(judge().state()).isEqualTo(State.GOOD);
  }

  @Test
  void isNotBreachedWhereBothSidesAreSlow() {
    see(50, 2000, 2050);

    assertThat(judge().state()).isEqualTo(State.GOOD);
  }

  @Test
  void knowsNothingWhileTheLatestLookSawNothing() {
    see(60, 10, BAD);

    assertThat(comparison().judge(GuardWindow.FEWEST_SAMPLES, true).state())
        .isEqualTo(State.NOT_KNOWN);
  }

  private Verdict judge() {
    return comparison().judge(GuardWindow.FEWEST_SAMPLES, false);
  }

  private SideBySide comparison() {
    return new SideBySide(
        new GuardSpec.Compare(new Percent(0.01), Duration.ofMillis(100)), samples, "5 min");
  }

  private void see(int times, int sourceMillis, int targetMillis) {
    for (int i = 0; i < times; i++) {
      Pair pair = new Pair(took(sourceMillis), took(targetMillis));
      Kind kind = targetMillis == BAD ? Kind.BAD : Kind.GOOD;
      samples.add(new Sample(Instant.EPOCH, Duration.ZERO, kind, "192.0.2.3: status 503", pair));
    }
  }

  private void failTogether(int times, Kind kind) {
    for (int i = 0; i < times; i++) {
      samples.add(
          new Sample(
              Instant.EPOCH,
              Duration.ZERO,
              kind,
              "both sides failed together",
              new Pair(null, null)));
    }
  }

  private static @Nullable Duration took(int millis) {
    return millis == BAD ? null : Duration.ofMillis(millis);
  }
}
