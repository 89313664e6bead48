package dev.whimbrel.postgres;

import java.util.IllformedLocaleException;
import java.util.Locale;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A locale of ICU as a language tag. Servers of 16 and later keep tags ({@code de-u-co-phonebk});
 * older ones keep what they were given, also in ICU's older spelling ({@code
 * de@collation=phonebook}), and a dump gives that to the next server, which makes a tag of it.
 */
final class IcuLocale {
  private static final String POSIX = "en-us-u-va-posix";

  private static final Map<String, String> KEYS =
      Map.of(
          "collation", "co",
          "colstrength", "ks",
          "colalternate", "ka",
          "colbackwards", "kb",
          "colcaselevel", "kc",
          "colcasefirst", "kf",
          "colnumeric", "kn",
          "colnormalization", "kk",
          "colreorder", "kr");

  private static final Map<String, String> VALUES =
      Map.ofEntries(
          Map.entry("co-phonebook", "phonebk"),
          Map.entry("co-traditional", "trad"),
          Map.entry("co-dictionary", "dict"),
          Map.entry("co-gb2312han", "gb2312"),
          Map.entry("ks-primary", "level1"),
          Map.entry("ks-secondary", "level2"),
          Map.entry("ks-tertiary", "level3"),
          Map.entry("ks-quaternary", "level4"),
          Map.entry("ks-quarternary", "level4"),
          Map.entry("ks-identical", "identic"),
          Map.entry("ka-non-ignorable", "noignore"));

  private static final Pattern TAG =
      Pattern.compile("[^_@.]*(_[A-Za-z]{4})?(_([A-Za-z]{2}|\\d{3}))?");

  private static final Pattern BASE =
      Pattern.compile("[a-z]{2,8}(?:-[a-z]{4}(?=-|$))?(?:-(?:[a-z]{2}|\\d{3})(?=-|$))?(?=-|$)");

  private IcuLocale() {}

  /**
   * Whether it says something behind language, script and region that 16 and later say in another
   * way, and of which not all is translated here: keywords, variants, an encoding.
   */
  static boolean isOlderSpelling(String locale) {
    return !TAG.matcher(locale).matches() || name(locale).equals(POSIX);
  }

  /** The tag; what cannot be one, in small letters as it is. */
  static String tag(String locale) {
    int keywords = locale.indexOf('@');
    String name = name(locale);
    if (keywords >= 0) {
      name += "-u";
      for (String keyword :
          locale.substring(keywords + 1).toLowerCase(Locale.ROOT).split(";", -1)) {
        name += "-" + keyword(keyword);
      }
    }
    int extension = name.indexOf("-u-");
    return canonical(
        extension < 0
            ? name
            // What is switched on is said by its key alone.
            : name.substring(0, extension)
                + name.substring(extension).replaceAll("-(true|yes)(?=-|$)", ""));
  }

  /** Language, script and region alone, as a tag. */
  static String base(String locale) {
    String name = name(locale);
    Matcher base = BASE.matcher(name);
    return canonical(base.lookingAt() ? base.group() : name.replaceFirst("-u-.*", ""));
  }

  private static String name(String locale) {
    String name = locale.replaceFirst("[@.].*", "").replace('_', '-').toLowerCase(Locale.ROOT);
    return switch (name) {
      case "", "root" -> "und";
      case "c", "posix" -> POSIX;
      default -> name;
    };
  }

  private static String keyword(String keyword) {
    int equals = keyword.indexOf('=');
    if (equals < 0) {
      return keyword;
    }
    String key = KEYS.getOrDefault(keyword.substring(0, equals), keyword.substring(0, equals));
    String value = keyword.substring(equals + 1);
    return key
        + "-"
        + (value.equals("no") ? "false" : VALUES.getOrDefault(key + "-" + value, value));
  }

  private static String canonical(String tag) {
    try {
      String canonical = new Locale.Builder().setLanguageTag(tag).build().toLanguageTag();
      return canonical.toLowerCase(Locale.ROOT);
    } catch (IllformedLocaleException e) {
      return tag.toLowerCase(Locale.ROOT);
    }
  }
}
