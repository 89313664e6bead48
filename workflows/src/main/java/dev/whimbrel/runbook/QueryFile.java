package dev.whimbrel.runbook;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Reads a file of queries ({@code validate.queries}). It is bounded, since it stands in the
 * workflow's history: no place for secrets or for people's data.
 */
public final class QueryFile {
  /** The longest file, in bytes. */
  public static final int LONGEST = 64 << 10;

  /** The most queries. */
  public static final int MOST = 100;

  private static final Pattern MARK =
      Pattern.compile("--\\s*(name|compare)\\s*:\\s*(.*?)\\s*", Pattern.CASE_INSENSITIVE);

  private static final Set<String> QUERIES = Set.of("select", "with", "values", "table");

  private static final int LONGEST_NAME = 80;

  private final List<RunbookError> errors = new ArrayList<>();
  private final List<QuerySpec> queries = new ArrayList<>();
  private final Set<String> names = new HashSet<>();

  private QueryFile() {}

  /**
   * Reads the queries of a file.
   *
   * @throws InvalidRunbook with every mistake at once
   */
  public static List<QuerySpec> parse(String text) {
    QueryFile file = new QueryFile();
    int bytes = text.getBytes(StandardCharsets.UTF_8).length;
    if (bytes > LONGEST) {
      file.report(1, "expected at most %d KB, found %d KB.".formatted(LONGEST >> 10, bytes >> 10));
    } else {
      SqlText.statements(text, file::report).forEach(file::add);
      file.count();
    }
    if (!file.errors.isEmpty()) {
      file.errors.sort(Comparator.comparingInt(RunbookError::line));
      throw new InvalidRunbook(file.errors);
    }
    return List.copyOf(file.queries);
  }

  private void count() {
    if (queries.size() > MOST) {
      report(
          queries.get(MOST).line(),
          "expected at most %d queries, found %d.".formatted(MOST, queries.size()));
    } else if (queries.isEmpty() && errors.isEmpty()) {
      report(1, "expected queries, each with a semicolon behind it, found none.");
    }
  }

  private void add(SqlText.Statement statement) {
    String name = "";
    boolean named = false;
    boolean timeOnly = false;
    for (String comment : statement.comments()) {
      Matcher mark = MARK.matcher(comment);
      if (!mark.matches()) {
        continue;
      }
      String value = mark.group(2);
      if (mark.group(1).equalsIgnoreCase("name")) {
        name = value;
        named = true;
      } else if (value.equalsIgnoreCase("time only")) {
        timeOnly = true;
      } else {
        report(statement.line(), "expected `-- compare: time only`, found '" + value + "'.");
      }
    }
    if (!named) {
      name = unused("line " + statement.line());
    } else if (name.isEmpty() || name.length() > LONGEST_NAME) {
      report(statement.line(), "expected a name of 1 to %d characters.".formatted(LONGEST_NAME));
    } else if (!names.add(name)) {
      report(statement.line(), "the name '" + name + "' stands here a second time.");
    }
    if (!QUERIES.contains(statement.firstWord().toLowerCase(Locale.ROOT))) {
      report(statement.line(), "expected a query: it begins with SELECT, WITH, VALUES or TABLE.");
    }
    if (statement.placeholder() != null) {
      report(
          statement.line(),
          "holds the placeholder %s: write a value instead.".formatted(statement.placeholder()));
    }
    queries.add(
        new QuerySpec(name, statement.line(), statement.sql(), timeOnly, statement.ordered()));
  }

  /** Several may stand in one line. */
  private String unused(String name) {
    String unused = name;
    for (int i = 2; !names.add(unused); i++) {
      unused = "%s (%d)".formatted(name, i);
    }
    return unused;
  }

  private void report(int line, String message) {
    errors.add(new RunbookError(line, 1, "", message));
  }
}
