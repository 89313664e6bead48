package dev.whimbrel.postgres;

import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * The rows that the latest comparison could not judge, since they changed too often: noted on the
 * target by their keys, so that any worker can look at them where they stand still, behind the
 * fence.
 */
final class RowsInFlux {
  /** So many keys are noted at most. */
  static final int MOST = 1_000;

  static final String TABLE = "whimbrel.row_in_flux";

  private static final Duration CALL = Duration.ofSeconds(10);

  private static final String IS_THERE = "SELECT to_regclass('" + TABLE + "') IS NOT NULL";

  /** Two that end at once would both make it. */
  private static final String CREATE =
      "SELECT pg_advisory_xact_lock(hashtextextended('"
          + TABLE
          + "', 0)); CREATE TABLE IF NOT EXISTS "
          + TABLE
          + " (schema_name text NOT NULL, table_name text NOT NULL, key_columns text[] NOT NULL, key text[] NOT NULL)";

  private RowsInFlux() {}

  /**
   * A table's name, and the columns of the key by which its rows are noted.
   *
   * @param schema its schema
   * @param name its name
   * @param key the columns, in the order of the key's values
   */
  record Noted(String schema, String name, List<String> key) {
    static Noted of(ComparedTable table) {
      return new Noted(table.schema(), table.name(), table.key());
    }
  }

  /** Notes these and no others. */
  static void replace(Connection target, Map<ComparedTable, List<List<String>>> rows)
      throws SQLException {
    try (Statement statement = target.createStatement()) {
      if (rows.isEmpty() && !isThere(statement)) {
        return;
      }
      statement.execute("SET default_transaction_read_only = off");
      target.setAutoCommit(false);
      statement.execute(CREATE);
      statement.execute("DELETE FROM " + TABLE);
    }
    try (PreparedStatement insert =
        target.prepareStatement("INSERT INTO " + TABLE + " VALUES (?, ?, ?, ?)")) {
      for (Map.Entry<ComparedTable, List<List<String>>> table : rows.entrySet()) {
        for (List<String> key : table.getValue()) {
          insert.setString(1, table.getKey().schema());
          insert.setString(2, table.getKey().name());
          insert.setArray(3, texts(target, table.getKey().key()));
          insert.setArray(4, texts(target, key));
          insert.addBatch();
        }
      }
      insert.executeBatch();
    }
    target.commit();
  }

  private static java.sql.Array texts(Connection target, List<String> values) throws SQLException {
    return target.createArrayOf("text", values.toArray());
  }

  private static boolean isThere(Statement statement) throws SQLException {
    try (var row = statement.executeQuery(IS_THERE)) {
      row.next();
      return row.getBoolean(1);
    }
  }

  /** What was noted last, by table. */
  static Map<Noted, List<List<String>>> read(Session target) throws SQLException {
    Map<Noted, List<List<String>>> noted = new LinkedHashMap<>();
    if (!target.holds(IS_THERE, CALL)) {
      return noted;
    }
    // One value a row, so that nobody has to read the text of an array.
    List<List<@Nullable String>> rows =
        target
            .rows(
                """
                SELECT f.n, f.schema_name, f.table_name, c.name, f.key[c.place]
                  FROM (SELECT row_number() OVER () AS n, * FROM %s) AS f
                       CROSS JOIN LATERAL unnest(f.key_columns) WITH ORDINALITY AS c(name, place)
                 ORDER BY f.n, c.place"""
                    .formatted(TABLE),
                CALL)
            .get(0);
    for (int from = 0, to; from < rows.size(); from = to) {
      for (to = from;
          to < rows.size() && rows.get(to).get(0).equals(rows.get(from).get(0));
          to++) {}
      List<List<@Nullable String>> key = rows.subList(from, to);
      noted
          .computeIfAbsent(
              new Noted(value(key, 1).get(0), value(key, 2).get(0), value(key, 3)),
              none -> new ArrayList<>())
          .add(value(key, 4));
    }
    return noted;
  }

  private static List<String> value(List<List<@Nullable String>> rows, int column) {
    return rows.stream().map(row -> Objects.requireNonNull(row.get(column))).toList();
  }
}
