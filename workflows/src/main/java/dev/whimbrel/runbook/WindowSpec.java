package dev.whimbrel.runbook;

import java.time.DateTimeException;
import java.time.DayOfWeek;
import java.time.Duration;
import java.time.LocalTime;
import java.time.ZoneId;
import java.util.EnumSet;
import java.util.LinkedHashSet;
import java.util.Locale;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * A window of the week, as a runbook writes it: {@code Sun 02:00-06:00 Europe/Stockholm}, {@code
 * Mon-Fri 22:00-04:00 UTC}, {@code Sat,Sun 00:00-24:00 America/New_York}. When it opens next is not
 * computed here, since that depends on the time zone data of the machine.
 *
 * @param days the days on which it opens
 * @param opens when the clock on the wall opens it
 * @param closes when the clock on the wall closes it; not later than {@code opens} means on the
 *     next day
 * @param zone whose clock
 */
public record WindowSpec(Set<DayOfWeek> days, LocalTime opens, LocalTime closes, ZoneId zone) {
  private static final String EXAMPLE = "such as 'Sun 02:00-06:00 Europe/Stockholm'";
  private static final Pattern SHAPE =
      Pattern.compile(
          "(?<days>[^\\d\\s][^\\d]*?)\\s+(?<opens>\\S+?)\\s*-\\s*(?<closes>\\S+)(?:\\s+(?<zone>\\S.*))?");
  private static final Pattern TIME = Pattern.compile("(\\d{1,2}):(\\d{2})");

  public WindowSpec {
    days = Set.copyOf(days);
  }

  /**
   * Reads a window.
   *
   * @throws IllegalArgumentException if the text is not days, times and a zone; the message names
   *     the part that is wrong and what was expected there
   */
  public static WindowSpec parse(String text) {
    Matcher matcher = SHAPE.matcher(text.strip());
    if (!matcher.matches()) {
      throw new IllegalArgumentException(
          "expected days, times and a time zone " + EXAMPLE + ", found '" + text + "'");
    }
    Set<DayOfWeek> days = days(matcher.group("days"));
    String opensText = matcher.group("opens");
    String closesText = matcher.group("closes");
    LocalTime opens = time(opensText, false);
    LocalTime closes = time(closesText, true);
    if (opens.equals(closes) && !closesText.equals("24:00")) {
      throw new IllegalArgumentException(
          "the window " + opensText + "-" + closesText + " is empty; a whole day is 00:00-24:00");
    }
    return new WindowSpec(days, opens, closes, zone(matcher.group("zone")));
  }

  /** Whether it closes on the day after it opened. */
  public boolean overMidnight() {
    return !closes.isAfter(opens);
  }

  /**
   * How long an opening lasts at the most, by the clock on the wall. Whole days that follow each
   * other are one; where every day is whole, it never closes, and a year stands for that.
   */
  public Duration longestOpening() {
    Duration one = Duration.between(opens, closes);
    if (overMidnight()) {
      one = one.plusDays(1);
    }
    if (one.compareTo(Duration.ofDays(1)) < 0) {
      return one;
    }
    if (days.size() == DayOfWeek.values().length) {
      return Duration.ofDays(365);
    }
    int longest = 0;
    for (DayOfWeek first : days) {
      int run = 0;
      while (days.contains(first.plus(run))) {
        run++;
      }
      longest = Math.max(longest, run);
    }
    return Duration.ofDays(longest);
  }

  private static Set<DayOfWeek> days(String text) {
    Set<DayOfWeek> days = new LinkedHashSet<>();
    for (String part : text.split(",", -1)) {
      String[] ends = part.split("-", -1);
      if (ends.length > 2) {
        throw new IllegalArgumentException(
            "expected days such as Sun, Mon-Fri or Sat,Sun, found '" + text + "'");
      }
      DayOfWeek first = day(ends[0]);
      DayOfWeek last = ends.length == 2 ? day(ends[1]) : first;
      for (DayOfWeek day = first; ; day = day.plus(1)) {
        days.add(day);
        if (day == last) {
          break;
        }
      }
    }
    return EnumSet.copyOf(days);
  }

  private static DayOfWeek day(String text) {
    String given = text.strip().toUpperCase(Locale.ROOT);
    for (DayOfWeek day : DayOfWeek.values()) {
      if (given.equals(day.name()) || given.equals(day.name().substring(0, 3))) {
        return day;
      }
    }
    throw new IllegalArgumentException(
        "expected a day, one of Mon, Tue, Wed, Thu, Fri, Sat, Sun, found '" + text.strip() + "'");
  }

  private static LocalTime time(String text, boolean closing) {
    Matcher matcher = TIME.matcher(text);
    if (matcher.matches()) {
      int hour = Integer.parseInt(matcher.group(1));
      int minute = Integer.parseInt(matcher.group(2));
      if (hour < 24 && minute < 60) {
        return LocalTime.of(hour, minute);
      }
      if (closing && hour == 24 && minute == 0) {
        return LocalTime.MIDNIGHT;
      }
    }
    throw new IllegalArgumentException(
        "expected a time from 00:00 to "
            + (closing ? "24:00" : "23:59")
            + ", found '"
            + text
            + "'");
  }

  private static ZoneId zone(@Nullable String text) {
    if (text == null) {
      throw new IllegalArgumentException(
          "expected a time zone behind the times, " + EXAMPLE + ", found none");
    }
    try {
      return ZoneId.of(text);
    } catch (DateTimeException e) {
      throw new IllegalArgumentException(
          "expected a time zone such as Europe/Stockholm or UTC, found '" + text + "'", e);
    }
  }
}
