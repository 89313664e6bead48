package dev.whimbrel.postgres;

import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;

/**
 * The tokens of a definition. What stands in quotes is one of them, as it is; white space between
 * them is left out. A name that needs no quotes has none.
 */
final class DefinitionTokens {
  private static final String OPERATORS = "+-*/<>=~!@#%^&|`?";

  private static final Pattern NEEDS_NO_QUOTES = Pattern.compile("\"[a-z_][a-z0-9_$]*\"");

  private DefinitionTokens() {}

  /** All of a text. A quote that is not closed reaches to the end. */
  static List<String> of(String text) {
    List<String> tokens = new ArrayList<>();
    int at = 0;
    while (at < text.length()) {
      int end = end(text, at);
      if (!Character.isWhitespace(text.charAt(at))) {
        tokens.add(unquoted(text.substring(at, end)));
      }
      at = end;
    }
    return tokens;
  }

  /** Whether it is a name or a word of the language. */
  static boolean isName(String token) {
    return token.charAt(0) == '"'
        || (isWordStart(token.charAt(0)) && token.charAt(token.length() - 1) != '\'');
  }

  /** Whether it is a literal in quotes or a number. */
  static boolean isLiteral(String token) {
    char first = token.charAt(0);
    return first == '\'' || first == '$' || isDigit(first) || token.endsWith("'");
  }

  private static int end(String text, int at) {
    char first = text.charAt(at);
    if (first == '\'' || first == '"') {
      return closing(text, at, false);
    }
    if (isWordStart(first)) {
      int end = at + 1;
      while (end < text.length() && isWordPart(text.charAt(end))) {
        end++;
      }
      boolean escaped = end == at + 1 && (first == 'E' || first == 'e');
      return escaped && end < text.length() && text.charAt(end) == '\''
          ? closing(text, end, true)
          : end;
    }
    if (isDigit(first)) {
      int end = at + 1;
      while (end < text.length() && (isWordPart(text.charAt(end)) || text.charAt(end) == '.')) {
        end++;
      }
      return end;
    }
    if (first == '$') {
      return dollars(text, at);
    }
    if (Character.isWhitespace(first)) {
      return at + 1;
    }
    if (text.startsWith("::", at)) {
      return at + 2;
    }
    int end = at;
    while (end < text.length() && OPERATORS.indexOf(text.charAt(end)) >= 0) {
      end++;
    }
    return Math.max(end, at + 1);
  }

  /** Behind the quote that closes; a doubled one does not. */
  private static int closing(String text, int at, boolean escaped) {
    char quote = text.charAt(at);
    int end = at + 1;
    while (end < text.length()) {
      char next = text.charAt(end);
      if (escaped && next == '\\') {
        end++;
      } else if (next == quote) {
        if (end + 1 >= text.length() || text.charAt(end + 1) != quote) {
          return end + 1;
        }
        end++;
      }
      end++;
    }
    return text.length();
  }

  private static int dollars(String text, int at) {
    int tag = at + 1;
    while (tag < text.length() && isWordPart(text.charAt(tag)) && text.charAt(tag) != '$') {
      tag++;
    }
    if (tag >= text.length() || text.charAt(tag) != '$') {
      return tag;
    }
    String delimiter = text.substring(at, tag + 1);
    int end = text.indexOf(delimiter, tag + 1);
    return end < 0 ? text.length() : end + delimiter.length();
  }

  /** Newer servers quote words that older ones do not know. */
  private static String unquoted(String token) {
    // Constants are the only words that servers write as they write names.
    boolean constant = token.equals("\"true\"") || token.equals("\"false\"");
    return constant || !NEEDS_NO_QUOTES.matcher(token).matches()
        ? token
        : token.substring(1, token.length() - 1);
  }

  private static boolean isWordStart(char c) {
    return c == '_' || c >= 0x80 || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
  }

  private static boolean isWordPart(char c) {
    return isWordStart(c) || isDigit(c) || c == '$';
  }

  private static boolean isDigit(char c) {
    return c >= '0' && c <= '9';
  }
}
