package dev.whimbrel.postgres;

import dev.whimbrel.activity.QueryProposal;
import dev.whimbrel.runbook.QueryFile;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.List;
import java.util.Locale;
import java.util.regex.Pattern;

/**
 * What the source has spent most of its time on, by {@code pg_stat_statements}: queries that only
 * read. Their constants were replaced by placeholders when they were counted, so that most stand in
 * comments until a person has filled values in.
 */
final class ExpensiveQueries {
  private static final int MOST = 20;

  /** Longer ones are for machines to read. */
  private static final int LONGEST = 2000;

  /** So many are looked at. */
  private static final int COUNTED = 500;

  private static final Pattern BEFORE =
      Pattern.compile("\\A(\\s+|--[^\\n]*(\\n|\\z)|/\\*(?s:.*?)\\*/)+");

  private static final Pattern QUERY =
      Pattern.compile("[\\s(]*(select|with|values|table)\\b", Pattern.CASE_INSENSITIVE);

  private static final String EXTENSION =
      "SELECT pg_catalog.quote_ident(n.nspname) FROM pg_catalog.pg_extension e"
          + " JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace"
          + " WHERE e.extname = 'pg_stat_statements'";

  /** Before version 1.8 of the extension planning and execution were one time. */
  private static final String TIME =
      "SELECT CASE WHEN EXISTS (SELECT FROM pg_catalog.pg_attribute a WHERE a.attrelid ="
          + " '%s.pg_stat_statements'::pg_catalog.regclass AND a.attname = 'total_exec_time')"
          + " THEN 'total_exec_time' ELSE 'total_time' END";

  private static final String HEAD =
      """
      -- The source's most expensive queries, by pg_stat_statements: a proposal. Choose; each query ends with a semicolon.
      -- Those with placeholders stand in comments: fill values in, and take the dashes away.
      -- What stands here goes into the workflow's history: no secrets, nothing about people.
      -- `-- name: …` names a query; `-- compare: time only` in front of one leaves its rows alone, as those of now() or random().

      """;

  private final Connection source;

  ExpensiveQueries(Connection source) {
    this.source = source;
  }

  QueryProposal propose() throws SQLException {
    String schema = Answers.text(source, EXTENSION);
    if (schema.isEmpty()) {
      return QueryProposal.none(
          "the source counts no statements (pg_stat_statements is not there)",
          "CREATE EXTENSION pg_stat_statements; -- with shared_preload_libraries, and a restart");
    }
    StringBuilder text = new StringBuilder(HEAD);
    int found = 0;
    try (Statement statement = source.createStatement();
        ResultSet rows =
            statement.executeQuery(sql(schema, Answers.text(source, TIME.formatted(schema))))) {
      while (rows.next() && found < MOST) {
        String query = withoutComments(rows.getString(1));
        if (QUERY.matcher(query).lookingAt() && text.length() < QueryFile.LONGEST - 2 * LONGEST) {
          found++;
          add(text, found, query, rows);
        }
      }
    } catch (SQLException e) {
      if (e.getSQLState() != null && e.getSQLState().startsWith("55")) {
        return QueryProposal.none(SqlFailures.firstLine(e), null);
      }
      throw e;
    }
    if (found == 0) {
      return QueryProposal.none(
          "of no query that only reads may this role see the text",
          "GRANT pg_read_all_stats TO "
              + Answers.text(source, "SELECT pg_catalog.quote_ident(current_user)")
              + ";");
    }
    return new QueryProposal(text.toString(), List.of());
  }

  private static String sql(String schema, String time) {
    return """
        SELECT query, sum(calls)::bigint, sum(%2$s), 100 * sum(%2$s) / greatest(sum(sum(%2$s)) OVER (), 0.001)
          FROM %1$s.pg_stat_statements
         WHERE dbid = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())
           AND query !~* '[[:space:](](insert|update|delete|merge)[[:space:]]|for (no key )?update|for (key )?share|\\mpg_|information_schema|whimbrel'
           AND length(query) <= %3$d
         GROUP BY query ORDER BY 3 DESC, 1 LIMIT %4$d"""
        .formatted(schema, time, LONGEST, COUNTED);
  }

  /** Libraries write in front of a statement who asks; that would be taken for its name here. */
  private static String withoutComments(String query) {
    return BEFORE.matcher(query).replaceFirst("").strip().replaceAll(";\\s*$", "");
  }

  private static void add(StringBuilder text, int number, String query, ResultSet row)
      throws SQLException {
    boolean open = query.matches("(?s).*\\$[0-9].*");
    text.append(
        String.format(
            Locale.ROOT,
            "-- name: q%d%n-- %,d calls, %.1f ms each, %.0f %% of the time of what was counted%n",
            number,
            row.getLong(2),
            row.getDouble(3) / Math.max(1, row.getLong(2)),
            row.getDouble(4)));
    // It may end with a comment, which would take the semicolon along.
    String ended = query + (query.contains("--") ? "\n;" : ";");
    for (String line : ended.split("\\R", -1)) {
      text.append(open ? "-- " : "").append(line).append('\n');
    }
    text.append('\n');
  }
}
