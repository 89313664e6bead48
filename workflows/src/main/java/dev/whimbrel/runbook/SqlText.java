package dev.whimbrel.runbook;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * Cuts SQL into statements at the semicolons that stand in no quotes, comments or brackets, by the
 * lexical rules of PostgreSQL with {@code standard_conforming_strings}.
 */
final class SqlText {
  private final String text;
  private final Refusal refusal;
  private final List<Statement> statements = new ArrayList<>();
  private int at;
  private int line = 1;

  // The statement that is being read; nothing of it was seen while begins is -1.
  private int begins = -1;
  private int beginsInLine;
  private int depth;
  private String firstWord = "";
  private String lastWord = "";
  private boolean ordered;
  private @Nullable String placeholder;
  private List<String> comments = new ArrayList<>();
  private int newlines;

  private SqlText(String text, Refusal refusal) {
    // Either ends a line, and with it a comment, for PostgreSQL and for its driver.
    this.text = text.replace("\r\n", "\n").replace('\r', '\n');
    this.refusal = refusal;
  }

  /** Hears of a mistake, with its line. */
  interface Refusal {
    void report(int line, String message);
  }

  /**
   * One statement.
   *
   * @param sql from its first word on, without the semicolon
   * @param line of its first word, from 1
   * @param comments the comments of a line right in front of it, with their dashes
   * @param firstWord its first word; empty where it begins with something else
   * @param ordered whether {@code ORDER BY} stands in it outside of all brackets
   * @param placeholder its first {@code $1} or the like, or null
   */
  record Statement(
      String sql,
      int line,
      List<String> comments,
      String firstWord,
      boolean ordered,
      @Nullable String placeholder) {}

  /** The statements of a text, in their order; what cannot be read is reported. */
  static List<Statement> statements(String text, Refusal refusal) {
    SqlText reader = new SqlText(text, refusal);
    reader.read();
    return List.copyOf(reader.statements);
  }

  private void read() {
    while (at < text.length()) {
      char c = text.charAt(at);
      if (text.startsWith("--", at)) {
        lineComment();
      } else if (text.startsWith("/*", at)) {
        blockComment();
      } else if (isSpace(c)) {
        blank(c);
      } else if (c == ';' && depth <= 0) {
        end();
        step(1);
      } else {
        begin();
        token(c);
      }
    }
    end();
  }

  private void token(char c) {
    if (c == '\'') {
      quoted('\'', false);
    } else if (c == '"') {
      quoted('"', false);
      lastWord = "";
    } else if ((c == 'e' || c == 'E') && next(1) == '\'') {
      step(1);
      quoted('\'', true);
    } else if (c == '$') {
      dollar();
    } else if (isWord(c)) {
      word();
    } else if (c == '\\') {
      refusal.report(line, "a backslash stands here: commands of psql are not read, only SQL.");
      step(1);
    } else {
      depth += c == '(' || c == '[' ? 1 : c == ')' || c == ']' ? -1 : 0;
      lastWord = "";
      step(1);
    }
  }

  /** A comment belongs to the statement below it, as far as no empty line stands between. */
  private void blank(char c) {
    if (c == '\n' && begins < 0) {
      newlines++;
      if (newlines > 1) {
        comments.clear();
      }
    }
    step(1);
  }

  private void begin() {
    if (begins < 0) {
      begins = at;
      beginsInLine = line;
    }
  }

  private void end() {
    if (begins >= 0) {
      if (depth > 0) {
        refusal.report(beginsInLine, "a bracket is not closed.");
      }
      statements.add(
          new Statement(
              text.substring(begins, at).strip(),
              beginsInLine,
              List.copyOf(comments),
              firstWord,
              ordered,
              placeholder));
    }
    begins = -1;
    depth = 0;
    firstWord = "";
    lastWord = "";
    ordered = false;
    placeholder = null;
    comments = new ArrayList<>();
  }

  private void lineComment() {
    int end = text.indexOf('\n', at);
    end = end < 0 ? text.length() : end;
    if (begins < 0) {
      comments.add(text.substring(at, end).strip());
      newlines = 0;
    }
    step(end - at);
  }

  /** PostgreSQL's nest. */
  private void blockComment() {
    int open = 0;
    int began = line;
    while (at < text.length()) {
      if (text.startsWith("/*", at)) {
        open++;
        step(2);
      } else if (text.startsWith("*/", at)) {
        open--;
        step(2);
        if (open == 0) {
          return;
        }
      } else {
        step(1);
      }
    }
    refusal.report(began, "a comment is not closed.");
  }

  /** Two quotes stand for one; in some strings a backslash takes the next character along. */
  private void quoted(char quote, boolean escapes) {
    int began = line;
    step(1);
    while (at < text.length()) {
      char c = text.charAt(at);
      if (c == '\\' && escapes) {
        step(2);
      } else if (c == quote && next(1) == quote) {
        step(2);
      } else if (c == quote) {
        step(1);
        return;
      } else {
        step(1);
      }
    }
    refusal.report(began, "a quote is not closed.");
  }

  /** {@code $$ … $$}, {@code $tag$ … $tag$}, or a placeholder. */
  private void dollar() {
    int end = at + 1;
    while (end < text.length() && isWord(text.charAt(end)) && text.charAt(end) != '$') {
      end++;
    }
    boolean number = end > at + 1 && isDigit(text.charAt(at + 1));
    if (number) {
      placeholder = placeholder == null ? text.substring(at, end) : placeholder;
      step(end - at);
      return;
    }
    if (end >= text.length() || text.charAt(end) != '$') {
      step(1);
      return;
    }
    String tag = text.substring(at, end + 1);
    int close = text.indexOf(tag, end + 1);
    if (close < 0) {
      refusal.report(line, "a quote %s is not closed.".formatted(tag));
      step(text.length() - at);
    } else {
      step(close + tag.length() - at);
    }
  }

  private void word() {
    int end = at;
    while (end < text.length() && isWord(text.charAt(end))) {
      end++;
    }
    String word = text.substring(at, end).toLowerCase(Locale.ROOT);
    if (text.substring(begins, at).replace("(", "").isBlank()) {
      firstWord = word;
    }
    ordered |= depth == 0 && word.equals("by") && lastWord.equals("order");
    lastWord = word;
    step(end - at);
  }

  /** What stands outside of ASCII belongs to a name, whatever it is. */
  private static boolean isWord(char c) {
    return (c >= 'a' && c <= 'z')
        || (c >= 'A' && c <= 'Z')
        || isDigit(c)
        || c == '_'
        || c == '$'
        || c > 127;
  }

  private static boolean isDigit(char c) {
    return c >= '0' && c <= '9';
  }

  private static boolean isSpace(char c) {
    return c == ' ' || (c >= '\t' && c <= '\r');
  }

  private char next(int ahead) {
    return at + ahead < text.length() ? text.charAt(at + ahead) : '\0';
  }

  private void step(int count) {
    for (int i = 0; i < count && at < text.length(); i++) {
      if (text.charAt(at) == '\n') {
        line++;
      }
      at++;
    }
  }
}
