package dev.whimbrel.dns.route53;

import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Names and ids as Route 53 writes them, and as Whimbrel does. */
final class ZoneNames {
  /** Route 53 writes all characters but letters, digits, hyphens and the like in octal. */
  private static final Pattern OCTAL = Pattern.compile("\\\\([0-7]{3})");

  private ZoneNames() {}

  /** A name without escapes and without its last dot, in lower case. */
  static String bare(String name) {
    String plain =
        OCTAL
            .matcher(name)
            .replaceAll(
                code ->
                    Matcher.quoteReplacement(
                        String.valueOf((char) Integer.parseInt(code.group(1), 8))));
    return (plain.endsWith(".") ? plain.substring(0, plain.length() - 1) : plain)
        .toLowerCase(Locale.ROOT);
  }

  /** A name as it is sent: with its last dot. */
  static String absolute(String name) {
    return name.endsWith(".") ? name : name + ".";
  }

  /** {@code Z123} from {@code Z123} or {@code /hostedzone/Z123}. */
  static String id(String zone) {
    return zone.substring(zone.lastIndexOf('/') + 1);
  }
}
