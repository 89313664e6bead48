package dev.whimbrel.runbook;

import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;

/**
 * A pattern for names of tables, as {@code psql} reads it: {@code *} stands for anything, {@code ?}
 * for one character, nothing has a meaning of its own in double quotes, and outside of them capital
 * letters are small ones. The schema is always named: without it, which one is meant depends on who
 * asks.
 */
public final class TablePattern {
  private static final String EXPECTED =
      "expected schema.table, such as audit.* or public.\"Old Orders\", found '%s'";

  private final Pattern schema;
  private final Pattern table;
  private final boolean many;
  private final String text;

  private TablePattern(Pattern schema, Pattern table, boolean many, String text) {
    this.schema = schema;
    this.table = table;
    this.many = many;
    this.text = text;
  }

  /**
   * Reads a pattern.
   *
   * @throws IllegalArgumentException where it is none
   */
  public static TablePattern parse(String text) {
    List<StringBuilder> parts = new ArrayList<>(List.of(new StringBuilder()));
    boolean quoted = false;
    boolean many = false;
    int[] characters = text.codePoints().toArray();
    for (int i = 0; i < characters.length; i++) {
      int c = characters[i];
      StringBuilder part = parts.get(parts.size() - 1);
      if (c == '"' && quoted && i + 1 < characters.length && characters[i + 1] == '"') {
        part.append(literally(c));
        i++;
      } else if (c == '"') {
        quoted = !quoted;
      } else if (quoted) {
        part.append(literally(c));
      } else if (c == '.') {
        parts.add(new StringBuilder());
      } else {
        many |= parts.size() == 2 && (c == '*' || c == '?');
        part.append(unquoted(c, text));
      }
    }
    if (quoted || parts.size() != 2 || parts.stream().anyMatch(part -> part.length() == 0)) {
      throw new IllegalArgumentException(EXPECTED.formatted(text));
    }
    return new TablePattern(pattern(parts.get(0)), pattern(parts.get(1)), many, text);
  }

  /** Whether it may stand for many tables of a schema, of which there may be none at a time. */
  public boolean isForMany() {
    return many;
  }

  /** Whether it stands for tables of this schema. */
  public boolean matchesSchema(String schemaName) {
    return schema.matcher(schemaName).matches();
  }

  /** Whether it stands for a table of this name. */
  public boolean matches(String schemaName, String tableName) {
    return schema.matcher(schemaName).matches() && table.matcher(tableName).matches();
  }

  private static Pattern pattern(StringBuilder part) {
    return Pattern.compile(part.toString(), Pattern.DOTALL);
  }

  private static String literally(int c) {
    return Pattern.quote(Character.toString(c));
  }

  private static String unquoted(int c, String text) {
    if (c == '*') {
      return ".*";
    }
    if (c == '?') {
      return ".";
    }
    boolean capital = c >= 'A' && c <= 'Z';
    boolean plain =
        capital || c == '_' || c == '$' || c > 127 || (c >= 'a' && c <= 'z') || isDigit(c);
    if (!plain) {
      throw new IllegalArgumentException(
          EXPECTED.formatted(text)
              + ": '"
              + Character.toString(c)
              + "' stands in double quotes only");
    }
    return literally(capital ? c + ('a' - 'A') : c);
  }

  private static boolean isDigit(int c) {
    return c >= '0' && c <= '9';
  }

  /** As it was written. */
  @Override
  public String toString() {
    return text;
  }
}
