package dev.whimbrel.runbook;

import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * How much of the servers the copy's rows may take, and the rounds of comparison.
 *
 * @param rate bytes a second of the whole copy, all workers together, such as {@code 50MB/s}; each
 *     of the {@code jobs} takes its share of it and no more
 * @param activeSessions rows rest while more sessions of others are at work on the source, and so
 *     do the comparisons that go round and round; those that somebody waits for do not
 */
public record ThrottleSpec(@Nullable String rate, @Nullable Integer activeSessions) {
  static final String RATE = "0*([1-9][0-9]{0,5}) ?([MG])i?B/s";

  /** The rate, a megabyte being 1024 times 1024 bytes; null where there is none. */
  public @Nullable Long bytesPerSecond() {
    if (rate == null) {
      return null;
    }
    Matcher matcher = Pattern.compile(RATE).matcher(rate);
    if (!matcher.matches()) {
      throw new IllegalArgumentException("expected a rate such as 50MB/s, found '" + rate + "'");
    }
    return Long.parseLong(matcher.group(1)) << (matcher.group(2).equals("M") ? 20 : 30);
  }
}
