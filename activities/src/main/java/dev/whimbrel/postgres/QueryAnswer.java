package dev.whimbrel.postgres;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.ResultSetMetaData;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What a query has returned: enough to compare it, and none of its values.
 *
 * @param columns names of its columns
 * @param rows how many
 * @param bag the same for the same rows in any order
 * @param list the same for the same rows in the same order
 */
record QueryAnswer(List<String> columns, long rows, String bag, String list) {
  /** More rows than these are no answer for people, and no query to compare by. */
  static final long MOST_ROWS = 1_000_000;

  private static final long MOST_CHARACTERS = 256L << 20;

  /** Rows of the first answer; their size says how many come at a time then. */
  private static final int FETCHED = 20;

  private static final int MOST_FETCHED = 5000;
  private static final long FETCHED_CHARACTERS = 4L << 20;

  /** There are more rows than are compared. */
  static final class TooMuch extends Exception {
    TooMuch() {
      super("it returns more than a million rows, or 256 MB");
    }
  }

  /**
   * Asks.
   *
   * @param limit how long it may take; the server's own limit begins anew whenever rows are fetched
   */
  static QueryAnswer of(Connection session, String sql, Duration limit)
      throws SQLException, TooMuch {
    Deadline deadline = new Deadline(limit);
    MessageDigest row = sha256();
    MessageDigest all = sha256();
    try (Statement statement = session.createStatement()) {
      statement.setEscapeProcessing(false);
      statement.setFetchSize(FETCHED);
      try (ResultSet rows = statement.executeQuery(sql)) {
        List<String> columns = names(rows.getMetaData());
        long count = 0;
        long characters = 0;
        long first = 0;
        long second = 0;
        while (rows.next()) {
          for (int i = 1; i <= columns.size(); i++) {
            characters += add(row, rows.getString(i));
          }
          count++;
          if (count % FETCHED == 0) {
            rows.setFetchSize(fetch(characters / count));
            if (deadline.passed()) {
              throw new SQLException("it takes too long", SqlFailures.QUERY_CANCELED);
            }
          }
          if (count > MOST_ROWS || characters > MOST_CHARACTERS) {
            throw new TooMuch();
          }
          byte[] hash = row.digest();
          all.update(hash);
          ByteBuffer halves = ByteBuffer.wrap(hash);
          first += halves.getLong();
          second += halves.getLong();
        }
        return new QueryAnswer(
            columns,
            count,
            Long.toHexString(first) + "/" + Long.toHexString(second),
            HexFormat.of().formatHex(all.digest()));
      }
    }
  }

  private static int fetch(long characters) {
    return (int) Math.max(1, Math.min(MOST_FETCHED, FETCHED_CHARACTERS / (characters + 1)));
  }

  private static List<String> names(ResultSetMetaData data) throws SQLException {
    List<String> names = new ArrayList<>();
    for (int i = 1; i <= data.getColumnCount(); i++) {
      names.add(data.getColumnLabel(i));
    }
    return List.copyOf(names);
  }

  /** With its length, so that no two rows look like one another. */
  private static int add(MessageDigest row, @Nullable String value) {
    byte[] bytes = value == null ? new byte[0] : value.getBytes(StandardCharsets.UTF_8);
    row.update(
        ByteBuffer.allocate(Integer.BYTES).putInt(value == null ? -1 : bytes.length).array());
    row.update(bytes);
    return bytes.length;
  }

  private static MessageDigest sha256() {
    try {
      return MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every Java runtime has SHA-256", e);
    }
  }

  /** Whether the rows are the same, in any order. */
  boolean hasRowsOf(QueryAnswer other) {
    return columns.equals(other.columns) && rows == other.rows && bag.equals(other.bag);
  }

  /** Whether everything is the same. */
  boolean isSameList(QueryAnswer other) {
    return hasRowsOf(other) && list.equals(other.list);
  }

  /** What differs, in words. */
  String difference(QueryAnswer there) {
    if (!columns.equals(there.columns)) {
      return "its columns have other names";
    }
    return rows == there.rows
        ? "%,d rows on both sides, and not the same".formatted(rows)
        : "%,d rows on the source, %,d on the target".formatted(rows, there.rows);
  }
}
