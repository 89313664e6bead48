package dev.whimbrel.dns;

import java.security.SecureRandom;
import java.util.HexFormat;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Whimbrel's own TXT record beside a name that is being moved. It says whose move it is, and its
 * token changes with every change that Whimbrel makes: an update that was prepared before somebody
 * else's change, and arrives after it, no longer matches. So a step's late attempt cannot undo the
 * step's undo, even where the addresses are the same again.
 *
 * @param migration the runbook's name
 * @param token differs after each change
 */
public record Mark(String migration, String token) {
  /** The longest time that a mark is kept by caches, in seconds. */
  public static final int TTL = 60;

  private static final SecureRandom RANDOM = new SecureRandom();
  private static final Pattern TEXT =
      Pattern.compile("heritage=whimbrel,migration=([a-z0-9-]+),token=([0-9a-f]+)");

  /** A mark with a token that was never used. */
  public static Mark next(String migration) {
    byte[] token = new byte[8];
    RANDOM.nextBytes(token);
    return new Mark(migration, HexFormat.of().formatHex(token));
  }

  /** The mark that a TXT record's text holds. */
  public static Optional<Mark> parse(String text) {
    Matcher matcher = TEXT.matcher(text);
    return matcher.matches()
        ? Optional.of(new Mark(matcher.group(1), matcher.group(2)))
        : Optional.empty();
  }

  /** The name of the record that marks {@code name}. */
  public static String nameFor(String name) {
    return "_whimbrel." + name;
  }

  /** The record's text. */
  public String text() {
    return "heritage=whimbrel,migration=" + migration + ",token=" + token;
  }
}
