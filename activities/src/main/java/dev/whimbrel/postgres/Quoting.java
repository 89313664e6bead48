package dev.whimbrel.postgres;

import java.util.List;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/** Quotes what SQL cannot take as a parameter. */
final class Quoting {
  private static final Pattern PLAIN = Pattern.compile("\"([a-z_][a-z0-9_$]*)\"");

  private Quoting() {}

  /** An identifier in double quotes. */
  static String identifier(String name) {
    return '"' + name.replace("\"", "\"\"") + '"';
  }

  /**
   * SQL that quotes a name of the catalog where a statement for another server needs it: version 16
   * has reserved a word that older servers do not quote.
   */
  static String forAnyVersion(String column) {
    return "CASE %1$s WHEN 'system_user' THEN '\"system_user\"' ELSE quote_ident(%1$s) END"
        .formatted(column);
  }

  /** A qualified identifier. */
  static String qualified(String schema, String name) {
    return identifier(schema) + "." + identifier(name);
  }

  /** A qualified name for people: quoted only where it would have to be. */
  static String shown(String schema, String name) {
    return shown(schema) + "." + shown(name);
  }

  /** A name for people: quoted only where it would have to be. */
  static String shown(String name) {
    return name.matches("[a-z_][a-z0-9_$]*") ? name : identifier(name);
  }

  /**
   * SQL without the quotes that no name needs: a newer server quotes words that an older one does
   * not know.
   */
  static String plain(String sql) {
    return PLAIN.matcher(sql).replaceAll("$1");
  }

  /** An array of texts, as SQL. */
  static String array(List<String> texts) {
    return "ARRAY["
        + texts.stream().map(Quoting::literal).collect(Collectors.joining(", "))
        + "]::text[]";
  }

  /** A literal in single quotes, for any setting of {@code standard_conforming_strings}. */
  static String literal(String text) {
    String quoted = "'" + text.replace("'", "''") + "'";
    return quoted.contains("\\") ? "E" + quoted.replace("\\", "\\\\") : quoted;
  }
}
