package dev.whimbrel.checks;

import static org.assertj.core.api.Assertions.assertThat;

import dev.whimbrel.checks.GuardWindow.Kind;
import dev.whimbrel.checks.GuardWindow.Sample;
import dev.whimbrel.checks.GuardWindow.State;
import dev.whimbrel.checks.GuardWindow.Verdict;
import dev.whimbrel.runbook.GuardSpec;
import dev.whimbrel.runbook.Percent;
import java.time.Duration;
import java.time.Instant;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

class GuardWindowTest {
  private static final Instant START = Instant.parse("2026-07-05T00:00:00Z");

  private Instant now = START;
  private GuardWindow window = window(null);

  @Test
  void knowsNothingBeforeThirtySamples() {
    see(29, Kind.BAD);

    assertThat(judge().state()).isEqualTo(State.NOT_KNOWN);
    assertThat(judge().line()).isEqualTo("not known: 29 of 29 failed");
    assertThat(window.heldSince()).isNull();
  }

  @Test
  void isBreachedWhenTooManyFail() {
    see(270, Kind.GOOD);
    see(4, Kind.BAD);

    assertThat(judge())
        .isEqualTo(
            new Verdict(
                State.BREACHED,
                "4 of 274 failed, p99 20 ms in 5 min, allowed 1%; the last: status 503"));
  }

  @Test
  void isNotBreachedByTheShareThatIsAllowed() {
    window = window(null, 0.05);
    see(95, Kind.GOOD);
    see(5, Kind.BAD);

    assertThat(judge().state()).isEqualTo(State.GOOD);
    see(1, Kind.BAD);
    assertThat(judge().state()).isEqualTo(State.BREACHED);
  }

  @Test
  void isNotBreachedByTwoLostPacketsAmongThirty() {
    see(28, Kind.GOOD);
    see(2, Kind.BAD);

    assertThat(judge().state()).isEqualTo(State.GOOD);
    see(1, Kind.BAD);
    assertThat(judge().state()).isEqualTo(State.BREACHED);
  }

  @Test
  void isBreachedWhenMoreThanOneInAHundredIsSlow() {
    window = window(Duration.ofMillis(500));
    see(200, Kind.GOOD);
    see(3, Kind.GOOD, 700);

    assertThat(judge())
        .isEqualTo(
            new Verdict(
                State.BREACHED,
                "0 of 203 failed, p99 700 ms in 5 min, allowed p99 500 ms: 3 answers were slower"));
  }

  @Test
  void forgetsWhatIsOlderThanItsWindow() {
    see(10, Kind.BAD);
    see(298, Kind.GOOD);

    assertThat(judge().line()).isEqualTo("1 of 299 failed, p99 20 ms");
    assertThat(judge().state()).isEqualTo(State.GOOD);
  }

  @Test
  void knowsNothingWhileTheControlProbeFailsToo() {
    see(40, Kind.GOOD);
    assertThat(judge().state()).isEqualTo(State.GOOD);

    see(100, Kind.UNKNOWN);

    assertThat(judge())
        .isEqualTo(
            new Verdict(
                State.NOT_KNOWN,
                "not known: 0 of 40 failed, p99 20 ms, 100 more not known since the control probe failed too"));
    assertThat(window.heldSince()).isNull();
  }

  @Test
  void saysSinceWhenItHasBeenGood() {
    see(30, Kind.GOOD);
    judge();
    see(60, Kind.GOOD);
    judge();

    assertThat(window.heldSince()).isEqualTo(START.plusSeconds(30));
    assertThat(window.lastLooked()).isEqualTo(START.plusSeconds(90));
  }

  @Test
  void startsAgainBehindAGapInWhichNobodyLooked() {
    see(60, Kind.GOOD);
    judge();

    now = now.plusSeconds(60);
    see(1, Kind.GOOD);

    assertThat(judge().state()).isEqualTo(State.NOT_KNOWN);
    assertThat(window.heldSince()).isNull();
    see(40, Kind.GOOD);
    judge();
    assertThat(window.heldSince()).isAfter(START.plusSeconds(120));
  }

  @Test
  void leavesOutWhatBeganBeforeTheGap() {
    see(60, Kind.GOOD);
    Instant before = now;
    now = now.plusSeconds(60);

    // Forty looks were under way when the machine stood still: all of them came out late.
    for (int i = 0; i < 40; i++) {
      window.add(new Sample(before, Duration.ofSeconds(60), Kind.BAD, "no answer"), now);
    }

    assertThat(judge().line()).isEqualTo("not known: 0 of 0 failed");
  }

  private Verdict judge() {
    return window.judge(now);
  }

  private void see(int samples, Kind kind) {
    see(samples, kind, 20);
  }

  private void see(int samples, Kind kind, int millis) {
    for (int i = 0; i < samples; i++) {
      window.look(now);
      Instant at = now;
      now = now.plusSeconds(1);
      String text = kind == Kind.GOOD ? "status 200" : "status 503";
      window.add(new Sample(at, Duration.ofMillis(millis), kind, text), now);
    }
  }

  private static GuardWindow window(@Nullable Duration p99) {
    return window(p99, 0.01);
  }

  private static GuardWindow window(@Nullable Duration p99, double maxErrorRate) {
    GuardSpec guard =
        new GuardSpec(
            "http://shop.example.com",
            null,
            null,
            null,
            new Percent(maxErrorRate),
            p99,
            Duration.ofMinutes(5),
            Duration.ofSeconds(1),
            null,
            null,
            "ask");
    return new GuardWindow(guard, Duration.ofSeconds(8));
  }
}
