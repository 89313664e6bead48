package dev.whimbrel.postgres;

import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * How texts are put in order and told apart, in words that mean the same for every version: 15 and
 * 17 gave the locale of ICU another column, 16 another spelling, and rules.
 *
 * @param provider {@code libc}, {@code icu} or {@code builtin}
 * @param locale as the server has it
 * @param letters what the server's own library knows of letters, where that is another locale: a
 *     database asks it whatever its provider is
 * @param rules what is changed of the locale's order; empty for none
 * @param deterministic whether only equal bytes are equal
 */
record TextOrder(
    String provider, String locale, String letters, String rules, boolean deterministic) {

  private static final String COLLATIONS =
      """
      select format('%I.%I', n.nspname, c.collname), c.collprovider,
        coalesce(j ->> 'colllocale', j ->> 'colliculocale', c.collcollate::text),
        c.collctype::text, j ->> 'collicurules', c.collisdeterministic
      from pg_collation c join pg_namespace n on n.oid = c.collnamespace
        cross join lateral to_jsonb(c) as j
      where\s"""
          + TableCatalog.USER_SCHEMAS;

  private static final String DATABASE =
      """
      select d.datname::text, coalesce(j ->> 'datlocprovider', 'c'),
        coalesce(j ->> 'datlocale', j ->> 'daticulocale', d.datcollate::text),
        d.datctype::text, j ->> 'daticurules', true
      from pg_database d cross join lateral to_jsonb(d) as j
      where d.datname = current_database()""";

  /** The collations that are the service's own, by their names. */
  static Map<String, TextOrder> ofCollations(Connection connection) throws SQLException {
    Map<String, TextOrder> orders = new TreeMap<>();
    new Query()
        .add(COLLATIONS)
        .run(
            connection,
            row -> orders.put(Quoting.plain(Objects.requireNonNull(row.getString(1))), read(row)));
    return orders;
  }

  /** That of every text without a collation of its own; a database's is always deterministic. */
  static TextOrder ofDatabase(Connection connection) throws SQLException {
    List<TextOrder> orders = new ArrayList<>();
    new Query()
        .add(DATABASE)
        .run(
            connection,
            row ->
                orders.add(
                    ofDatabase(
                        Objects.requireNonNull(row.getString(2)),
                        row.getString(3),
                        Objects.requireNonNull(row.getString(4)),
                        row.getString(5))));
    return orders.get(0);
  }

  /** As a catalog has it; full text search asks the library's LC_CTYPE under every provider. */
  static TextOrder ofDatabase(
      String provider, @Nullable String locale, String letters, @Nullable String rules) {
    TextOrder order = of(provider, locale, letters, rules, true);
    boolean own = provider.equals("i") || !letters.equals(order.locale());
    return new TextOrder(order.provider(), order.locale(), own ? letters : "", order.rules(), true);
  }

  private static TextOrder read(ResultSet row) throws SQLException {
    String provider = Objects.requireNonNull(row.getString(2));
    return of(provider, row.getString(3), row.getString(4), row.getString(5), row.getBoolean(6));
  }

  /** As a catalog has it; only collations of the server's library know letters otherwise. */
  static TextOrder of(
      String provider,
      @Nullable String locale,
      @Nullable String letters,
      @Nullable String rules,
      boolean deterministic) {
    String name = Objects.requireNonNullElse(locale, "");
    boolean own = provider.equals("c") && letters != null && !letters.equals(name);
    return new TextOrder(
        switch (provider) {
          case "c" -> "libc";
          case "i" -> "icu";
          case "b" -> "builtin";
          default -> provider;
        },
        name,
        own ? Objects.requireNonNull(letters) : "",
        Objects.requireNonNullElse(rules, ""),
        deterministic);
  }

  /** Whether it orders as another one does, as far as their names say. */
  boolean sameAs(TextOrder other) {
    return plain().equals(other.plain());
  }

  /**
   * Whether it may order as another one does, although their names do not show it: one is in the
   * spelling of before 16, which may say things that nothing here translates.
   */
  boolean maySpellDifferently(TextOrder other) {
    return provider.equals("icu")
        && (IcuLocale.isOlderSpelling(locale) || IcuLocale.isOlderSpelling(other.locale))
        && without(IcuLocale.base(locale)).equals(other.without(IcuLocale.base(other.locale)));
  }

  private TextOrder without(String base) {
    return new TextOrder(provider, base, letters, rules, deterministic);
  }

  private TextOrder plain() {
    if (provider.equals("icu")) {
      return new TextOrder(provider, IcuLocale.tag(locale), plain(letters), rules, deterministic);
    }
    String plainLocale = plain(locale);
    String plainLetters = plain(letters).equals(plainLocale) ? "" : plain(letters);
    boolean bytes = plainLocale.equals("C") && plainLetters.isEmpty();
    return new TextOrder(
        bytes ? "bytes" : provider, plainLocale, plainLetters, rules, deterministic);
  }

  /** Systems spell an encoding behind a locale as they like. */
  private static String plain(String locale) {
    int encoding = locale.indexOf('.');
    if (encoding < 0) {
      return locale.equals("POSIX") ? "C" : locale;
    }
    return locale.substring(0, encoding)
        + locale.substring(encoding).toLowerCase(Locale.ROOT).replace("-", "");
  }

  /** What {@code CREATE DATABASE} of 15 and later has to be told besides the library's locales. */
  String ofNewDatabase() {
    return "LOCALE_PROVIDER "
        + provider
        + switch (provider) {
          case "icu" -> " ICU_LOCALE " + Quoting.literal(locale);
          case "builtin" -> " BUILTIN_LOCALE " + Quoting.literal(locale);
          default -> "";
        }
        + (rules.isEmpty() ? "" : " ICU_RULES " + Quoting.literal(rules));
  }

  /** What {@code CREATE COLLATION} is told, as a dump tells it. */
  String definition() {
    String where =
        provider.equals("libc")
            ? "LC_COLLATE = %s, LC_CTYPE = %s"
                .formatted(
                    Quoting.literal(locale), Quoting.literal(letters.isEmpty() ? locale : letters))
            : "LOCALE = " + Quoting.literal(locale);
    return "(PROVIDER = %s, %s%s%s)"
        .formatted(
            provider,
            where,
            rules.isEmpty() ? "" : ", RULES = " + Quoting.literal(rules),
            deterministic ? "" : ", DETERMINISTIC = false");
  }

  /** In words, as people look for it. */
  String words() {
    return provider
        + " "
        + locale
        + (letters.isEmpty() ? "" : ", letters of " + letters)
        + (rules.isEmpty() ? "" : ", rules " + Quoting.literal(rules))
        + (deterministic ? "" : ", not deterministic");
  }
}
