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

  /** A qualified name for people: quoted only where it would have to be. */
  static String shown(String schema, String name) {
    return shown(schema) + "." + shown(name);
  }

  private static String shown(String name) {
    return name.matches("[a-z_][a-z0-9_$]*") ? name : identifier(name);
  }

  /** A literal in single quotes, for any setting of {@code standard_conforming_strings}. */
  static String literal(String text) {
    String quoted = "'" + text.replace("'", "''") + "'";
    return quoted.contains("\\") ? "E" + quoted.replace("\\", "\\\\") : quoted;
  }
}
