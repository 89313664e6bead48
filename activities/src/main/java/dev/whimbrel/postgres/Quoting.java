package dev.whimbrel.postgres;

/** Quotes what SQL cannot take as a parameter. */
final class Quoting {
  private Quoting() {}

  /** An identifier in double quotes. */
  static String identifier(String name) {
    return '"' + name.replace("\"", "\"\"") + '"';
  }

  /** A qualified identifier. */
  static String qualified(String schema, String name) {
    return identifier(schema) + "." + identifier(name);
  }

  /** A literal in single quotes, for any setting of {@code standard_conforming_strings}. */
  static String literal(String text) {
    String quoted = "'" + text.replace("'", "''") + "'";
    return quoted.contains("\\") ? "E" + quoted.replace("\\", "\\\\") : quoted;
  }
}
