package dev.whimbrel.cli;

import java.time.Duration;
import java.time.Instant;
import java.time.ZoneId;
import java.time.ZonedDateTime;
import java.time.format.DateTimeFormatter;
import java.util.Locale;

/** Times, durations and amounts in an operator's words. */
final class Words {
  private static final DateTimeFormatter CLOCK =
      DateTimeFormatter.ofPattern("HH:mm:ss", Locale.ROOT);
  private static final DateTimeFormatter DAY =
      DateTimeFormatter.ofPattern("EEE HH:mm", Locale.ENGLISH);
  private static final DateTimeFormatter DATE =
      DateTimeFormatter.ofPattern("yyyy-MM-dd HH:mm", Locale.ROOT);

  private Words() {}

  /** The clock today, the day within a week, else the date. */
  static String time(Instant at, Instant now, ZoneId zone) {
    ZonedDateTime then = at.atZone(zone);
    ZonedDateTime today = now.atZone(zone);
    if (then.toLocalDate().equals(today.toLocalDate())) {
      return CLOCK.format(then);
    }
    boolean near = Duration.between(now, at).abs().compareTo(Duration.ofDays(6)) < 0;
    return near ? DAY.format(then) : DATE.format(then);
  }

  /** {@code 3 d 4 h}, {@code 2 h 5 min}, {@code 41 s}, {@code 38 ms}. */
  static String duration(Duration duration) {
    long seconds = duration.toSeconds();
    if (seconds < 1) {
      // Two clocks may disagree by a moment.
      return Math.max(0, duration.toMillis()) + " ms";
    }
    if (seconds < 120) {
      return seconds + " s";
    }
    if (seconds < 7_200) {
      return two(seconds / 60, "min", seconds % 60, "s");
    }
    if (seconds < 172_800) {
      return two(seconds / 3_600, "h", seconds / 60 % 60, "min");
    }
    return two(seconds / 86_400, "d", seconds / 3_600 % 24, "h");
  }

  private static String two(long first, String unit, long second, String smaller) {
    return second == 0 ? first + " " + unit : first + " " + unit + " " + second + " " + smaller;
  }

  /** {@code 41,213,870}. */
  static String count(long number) {
    return String.format(Locale.ROOT, "%,d", number);
  }

  /** {@code 1.4 GB}, in powers of ten. */
  static String bytes(long bytes) {
    if (bytes < 1_000) {
      return bytes + " B";
    }
    double amount = bytes;
    int unit = -1;
    while (amount >= 999.95 && unit < 4) {
      amount /= 1_000;
      unit++;
    }
    return String.format(
        Locale.ROOT, "%.1f %s", amount, new String[] {"kB", "MB", "GB", "TB", "PB"}[unit]);
  }

  /** {@code 1 write}, {@code 2 writes}. */
  static String plural(long number, String word) {
    return count(number) + " " + word + (number == 1 ? "" : "s");
  }
}
