package dev.whimbrel.postgres;

import dev.whimbrel.activity.Failures;
import java.math.BigDecimal;
import java.util.List;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Amounts of storage: {@code 500GB}, {@code 2TB}, {@code 1.5 TiB}; a kilobyte is 1024 bytes. */
final class Size {
  private static final Pattern TEXT = Pattern.compile("(\\d+(?:\\.\\d+)?)\\s*([kKMGTP]?)i?B?");
  private static final List<String> UNITS = List.of("", "K", "M", "G", "T", "P");
  private static final long STEP = 1024;

  private Size() {}

  /**
   * Bytes.
   *
   * @throws io.temporal.failure.ApplicationFailure {@code NeedsHelp} when it is no size
   */
  static long parse(String text) {
    Matcher matcher = TEXT.matcher(text.strip());
    if (!matcher.matches()) {
      throw Failures.needsHelp(
          "Cannot read a size: expected one such as 500GB or 2TB, found " + text,
          "correct it in the runbook",
          null);
    }
    BigDecimal bytes = new BigDecimal(matcher.group(1));
    for (int i = UNITS.indexOf(matcher.group(2).toUpperCase(Locale.ROOT)); i > 0; i--) {
      bytes = bytes.multiply(BigDecimal.valueOf(STEP));
    }
    return bytes.min(BigDecimal.valueOf(Long.MAX_VALUE)).longValue();
  }

  /** What a copy of a database of so many bytes may take: a quarter more. */
  static long ofCopy(long bytes) {
    return bytes + bytes / 4;
  }

  /** As people say it: {@code 12 MB}. */
  static String words(long bytes) {
    long rest = bytes;
    int unit = 0;
    while (rest >= 10 * STEP && unit < UNITS.size() - 1) {
      rest /= STEP;
      unit++;
    }
    return rest + " " + UNITS.get(unit) + "B";
  }
}
