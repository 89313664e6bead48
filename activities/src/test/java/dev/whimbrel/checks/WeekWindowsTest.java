package dev.whimbrel.checks;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.whimbrel.activity.Window;
import java.time.Clock;
import java.time.Instant;
import java.time.ZoneOffset;
import org.junit.jupiter.api.Test;

class WeekWindowsTest {
  private static final String STOCKHOLM = "Sun 02:00-06:00 Europe/Stockholm";

  @Test
  void givesTheNextOpening() {
    assertThat(at("2026-07-01T12:00:00Z", STOCKHOLM))
        .isEqualTo(window("2026-07-05T00:00:00Z", "2026-07-05T04:00:00Z"));
  }

  @Test
  void givesTheOpeningThatIsOpenNow() {
    assertThat(at("2026-07-05T03:59:59Z", STOCKHOLM).opens()).isEqualTo("2026-07-05T00:00:00Z");
    assertThat(at("2026-07-05T00:00:00Z", STOCKHOLM).opens()).isEqualTo("2026-07-05T00:00:00Z");
  }

  @Test
  void isClosedFromItsLastInstantOn() {
    assertThat(at("2026-07-05T04:00:00Z", STOCKHOLM).opens()).isEqualTo("2026-07-12T00:00:00Z");
  }

  @Test
  void opensOnTheDayBeforeMidnightAndClosesOnTheNext() {
    Window saturdayNight = window("2026-07-04T22:00:00Z", "2026-07-05T04:00:00Z");

    assertThat(at("2026-07-04T23:00:00Z", "Sat 22:00-04:00 UTC")).isEqualTo(saturdayNight);
    assertThat(at("2026-07-05T03:00:00Z", "Sat 22:00-04:00 UTC")).isEqualTo(saturdayNight);
  }

  @Test
  void joinsDaysThatTouch() {
    assertThat(at("2026-07-01T12:00:00Z", "Mon-Fri 00:00-24:00 UTC"))
        .isEqualTo(window("2026-06-29T00:00:00Z", "2026-07-04T00:00:00Z"));
  }

  @Test
  void opensWhenTheClockJumpsIntoTheWindow() {
    // 02:00 becomes 03:00 on 29 March: half past two is never shown, three is inside.
    assertThat(at("2026-03-28T00:00:00Z", "Sun 02:30-06:00 Europe/Stockholm"))
        .isEqualTo(window("2026-03-29T01:00:00Z", "2026-03-29T04:00:00Z"));
  }

  @Test
  void closesWhenTheClockJumpsOutOfTheWindow() {
    assertThat(at("2026-03-28T00:00:00Z", "Sun 01:00-02:30 Europe/Stockholm"))
        .isEqualTo(window("2026-03-29T00:00:00Z", "2026-03-29T01:00:00Z"));
  }

  @Test
  void skipsAnOpeningThatTheClockJumpsOver() {
    assertThat(at("2026-03-28T00:00:00Z", "Sun 02:10-02:50 Europe/Stockholm"))
        .isEqualTo(window("2026-04-05T00:10:00Z", "2026-04-05T00:50:00Z"));
  }

  @Test
  void staysOpenThroughTheHourThatComesTwice() {
    assertThat(at("2026-10-24T00:00:00Z", STOCKHOLM))
        .isEqualTo(window("2026-10-25T00:00:00Z", "2026-10-25T05:00:00Z"));
  }

  @Test
  void closesAndOpensAgainWhereTheHourThatComesTwiceCutsIt() {
    String window = "Sun 02:30-06:00 Europe/Stockholm";

    assertThat(at("2026-10-24T00:00:00Z", window))
        .isEqualTo(window("2026-10-25T00:30:00Z", "2026-10-25T01:00:00Z"));
    assertThat(at("2026-10-25T01:10:00Z", window))
        .isEqualTo(window("2026-10-25T01:30:00Z", "2026-10-25T05:00:00Z"));
  }

  @Test
  void followsTheZonesOwnDayNotThisMachines() {
    assertThat(at("2026-07-04T09:00:00Z", "Sun 00:00-01:00 Pacific/Kiritimati"))
        .isEqualTo(window("2026-07-04T10:00:00Z", "2026-07-04T11:00:00Z"));
  }

  @Test
  void saysWhatIsWrongWithAWindowThatCannotBeRead() {
    assertThatThrownBy(() -> at("2026-07-01T00:00:00Z", "Son 02:00-06:00 UTC"))
        .hasMessageContaining("Cannot read the window 'Son 02:00-06:00 UTC': expected a day");
  }

  private static Window at(String now, String window) {
    Clock clock = Clock.fixed(Instant.parse(now), ZoneOffset.UTC);
    return new WeekWindows(clock).nextWindow(window);
  }

  private static Window window(String opens, String closes) {
    return new Window(Instant.parse(opens), Instant.parse(closes));
  }
}
