package dev.whimbrel.runbook;

import static java.time.DayOfWeek.FRIDAY;
import static java.time.DayOfWeek.MONDAY;
import static java.time.DayOfWeek.SATURDAY;
import static java.time.DayOfWeek.SUNDAY;
import static java.time.DayOfWeek.WEDNESDAY;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.time.LocalTime;
import java.time.ZoneId;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class WindowSpecTest {
  @Test
  void readsADayTwoTimesAndAZone() {
    WindowSpec window = WindowSpec.parse("Sun 02:00-06:00 Europe/Stockholm");

    assertThat(window.days()).containsExactly(SUNDAY);
    assertThat(window.opens()).isEqualTo(LocalTime.of(2, 0));
    assertThat(window.closes()).isEqualTo(LocalTime.of(6, 0));
    assertThat(window.zone()).isEqualTo(ZoneId.of("Europe/Stockholm"));
    assertThat(window.overMidnight()).isFalse();
  }

  @Test
  void readsRangesAndListsOfDays() {
    assertThat(WindowSpec.parse("Mon-Fri 2:00-6:00 UTC").days())
        .hasSize(5)
        .contains(MONDAY, FRIDAY);
    assertThat(WindowSpec.parse("Sat,Sun 2:00-6:00 UTC").days())
        .containsExactlyInAnyOrder(SATURDAY, SUNDAY);
    assertThat(WindowSpec.parse("fri-mon, Wednesday 2:00 - 6:00 UTC").days())
        .containsExactlyInAnyOrder(FRIDAY, SATURDAY, SUNDAY, MONDAY, WEDNESDAY);
  }

  @Test
  void readsATimeBehindMidnightAndTheWholeDay() {
    assertThat(WindowSpec.parse("Sat 22:00-04:00 UTC").overMidnight()).isTrue();
    assertThat(WindowSpec.parse("Sat 22:00-24:00 UTC").closes()).isEqualTo(LocalTime.MIDNIGHT);
    assertThat(WindowSpec.parse("Sat 00:00-24:00 +02:00").overMidnight()).isTrue();
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          sometimes | expected days, times and a time zone such as 'Sun 02:00-06:00 Europe/Stockholm', found 'sometimes'
          02:00-06:00 UTC | expected days, times and a time zone such as 'Sun 02:00-06:00 Europe/Stockholm', found '02:00-06:00 UTC'
          Sun 02:00 UTC | expected days, times and a time zone such as 'Sun 02:00-06:00 Europe/Stockholm', found 'Sun 02:00 UTC'
          Son 02:00-06:00 UTC | expected a day, one of Mon, Tue, Wed, Thu, Fri, Sat, Sun, found 'Son'
          Mon-Wed-Fri 02:00-06:00 UTC | expected days such as Sun, Mon-Fri or Sat,Sun, found 'Mon-Wed-Fri'
          Sun 24:00-06:00 UTC | expected a time from 00:00 to 23:59, found '24:00'
          Sun 02:00-26:00 UTC | expected a time from 00:00 to 24:00, found '26:00'
          Sun 02:00-06:00 | expected a time zone behind the times, such as 'Sun 02:00-06:00 Europe/Stockholm', found none
          Sun 02:00-06:00 Europe/Stokholm | expected a time zone such as Europe/Stockholm or UTC, found 'Europe/Stokholm'
          Sun 02:00-02:00 UTC | the window 02:00-02:00 is empty; a whole day is 00:00-24:00
          """)
  void saysWhichPartIsWrong(String text, String message) {
    assertThatThrownBy(() -> WindowSpec.parse(text))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage(message);
  }
}
