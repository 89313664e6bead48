package dev.whimbrel.postgres;

import java.util.IllformedLocaleException;
import java.util.Locale;
import java.util.Map;

/**
 * A locale of ICU as a language tag. Servers of 16 and later keep tags ({@code de-u-co-phonebk});
 * older ones keep what they were given, also in ICU's older spelling ({@code
 * de@collation=phonebook}), and a dump gives that to the next server, which makes a tag of it.
 */
final class IcuLocale {
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

  private IcuLocale() {}

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
    return canonical(name(locale).replaceFirst("-u-.*", ""));
  }

  private static String name(String locale) {
    String name = locale.replaceFirst("@.*", "").replace('_', '-').toLowerCase(Locale.ROOT);
    return name.isEmpty() || name.equals("root") ? "und" : name;
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
