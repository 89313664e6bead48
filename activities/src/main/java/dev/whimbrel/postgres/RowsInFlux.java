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

  /** So many of one table. */
  static final int MOST_OF_ONE = 100;

  static final String TABLE = "whimbrel.row_in_flux";

  private static final Duration CALL = Duration.ofSeconds(10);

  private static final String IS_THERE = "SELECT to_regclass('" + TABLE + "') IS NOT NULL";

  /** Two that end at once would wait for each other, or both make the table. */
  private static final String LOCK =
      "SELECT pg_try_advisory_xact_lock(hashtextextended('" + TABLE + "', 0))";

  /** It waits for nobody, and for no standby either. */
  private static final String LIMITS =
      "SET LOCAL statement_timeout = '5s'; SET LOCAL lock_timeout = '1s'; SET LOCAL synchronous_commit = off";

  /** Unlogged: in no publication of anybody's, and no loss where a crash empties it. */
  private static final String CREATE =
      "CREATE UNLOGGED TABLE IF NOT EXISTS "
          + TABLE
          + " (schema_name text NOT NULL, table_name text NOT NULL, key_columns text[] NOT NULL, key text[] NOT NULL, accepted boolean NOT NULL DEFAULT false)";

  private static final String INSERT =
      "INSERT INTO %1$s SELECT n.* FROM (SELECT ?::text AS s, ?::text AS t, ?::text[] AS c, ?::text[] AS k) AS n WHERE NOT EXISTS (SELECT FROM %1$s AS f WHERE f.schema_name = n.s AND f.table_name = n.t AND f.key = n.k)"
          .formatted(TABLE);

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

  /**
   * Notes these and no others. Those that people have accepted stay, and are not noted anew. Where
   * somebody else notes at the same time, that one's are as good.
   */
  static void replace(Connection target, Map<ComparedTable, List<List<String>>> rows)
      throws SQLException {
    try (Statement statement = target.createStatement()) {
      if (rows.isEmpty() && !Answers.holds(target, IS_THERE)) {
        return;
      }
      statement.execute("SET default_transaction_read_only = off");
      target.setAutoCommit(false);
      statement.execute(LIMITS);
      if (!Answers.holds(target, LOCK)) {
        target.rollback();
        return;
      }
      statement.execute(CREATE);
      statement.execute("DELETE FROM " + TABLE + " WHERE NOT accepted");
    }
    try (PreparedStatement insert = target.prepareStatement(INSERT)) {
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
                  FROM (SELECT row_number() OVER () AS n, * FROM %s WHERE NOT accepted) AS f
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
