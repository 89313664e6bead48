package dev.whimbrel.postgres;

import java.sql.Connection;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/** Reads the rows of a table that has a key, as hashes: no value but the key's leaves a server. */
final class KeyedRows {
  /** Pages that a sample is made of at least, where the table has as many. */
  private static final int SAMPLED_PAGES = 300;

  private final ComparedTable table;
  private final TableSql sql;

  KeyedRows(ComparedTable table, RowHash hash) {
    this.table = table;
    this.sql = new TableSql(table, hash);
  }

  /** Sums over a block. */
  Sums sums(Connection connection, Block block) throws SQLException {
    Query query =
        new Query()
            .add("select " + TableSql.TOTALS + " from (select " + sql.lanes() + " from (select ")
            .add(sql.row());
    sql.where(query, block).add(" offset 0) s) r");
    List<Sums> sums = new ArrayList<>();
    query.run(
        connection,
        row -> sums.add(TableSql.sums(row.getLong(1), row.getString(2), row.getString(3))));
    return sums.get(0);
  }

  /**
   * Sums over each of the 256 parts of a block; its rows are dealt out by the hash of their key.
   */
  Map<Integer, Sums> parts(Connection connection, Block block) throws SQLException {
    Query query =
        new Query()
            .add("select b, " + TableSql.TOTALS + " from (select b, " + sql.lanes())
            .add(" from (select " + sql.bucket() + " as b, " + sql.row());
    sql.where(query, block).add(" offset 0) s) r group by b");
    Map<Integer, Sums> parts = new HashMap<>();
    query.run(
        connection,
        row ->
            parts.put(
                row.getInt(1), TableSql.sums(row.getLong(2), row.getString(3), row.getString(4))));
    return parts;
  }

  /**
   * The rows of a block by their key.
   *
   * @param parts only rows of these parts; null for all
   */
  Map<List<String>, RowState> rows(
      Connection connection, Block block, @Nullable Collection<Integer> parts) throws SQLException {
    Query query =
        new Query()
            .add("select k, " + TableSql.TOTALS + ", sum(v)::text, min(p) from (select k, v, p, ")
            .add(sql.lanes() + " from (select " + sql.key() + " as k, " + sql.row())
            .add(", " + TableSql.VERSION);
    sql.where(query, block);
    if (parts != null) {
      query.add(
          block instanceof Block.Range range && range.after() == null && range.upTo() == null
              ? " where "
              : " and ");
      query.add(
          sql.bucket() + " = any(?)",
          (Object) parts.stream().map(Integer::longValue).toArray(Long[]::new));
    }
    query.add(" offset 0) s) r group by k");
    Map<List<String>, RowState> rows = new HashMap<>();
    query.run(
        connection,
        row ->
            rows.put(
                TableSql.texts(row.getArray(1)),
                new RowState(
                    row.getLong(2),
                    row.getString(3),
                    row.getString(4),
                    row.getString(5),
                    row.getString(6))));
    return rows;
  }

  /**
   * Adds a query for the rows with these keys: the key's text, how many there are, the sums of both
   * lanes of their hash, and whether one is too wide to be hashed.
   */
  void addByKey(Query query, List<List<String>> keys) {
    query
        .add("select k::text, " + TableSql.TOTALS + ", bool_or(wide) from (select k, wide, ")
        .add(sql.lanes() + " from (select " + sql.key() + " as k, " + sql.wide() + " as wide, ")
        .add("case when not " + sql.wide() + " then " + sql.hashed() + " end as h");
    sql.where(query, new Block.Keys(keys)).add(" offset 0) s) r group by k");
  }

  /** The key of the {@code size}-th row of a range, or null when there are fewer. */
  @Nullable List<String> boundary(Connection connection, Block.Range range, int size)
      throws SQLException {
    // A server makes the texts of the rows that it skips too, unless they are asked for outside.
    Query query = new Query().add("select " + sql.key() + " from (select " + sql.keyColumns());
    sql.where(query, range);
    query.add(" order by " + sql.order() + " offset " + (size - 1) + " limit 1) t");
    List<List<String>> found = keys(connection, query);
    return found.isEmpty() ? null : found.get(0);
  }

  /** The first keys of a range in this server's own order. */
  List<List<String>> keys(Connection connection, Block.Range range, int limit) throws SQLException {
    Query query = new Query().add("select " + sql.key());
    sql.where(query, range);
    query.add(" order by " + sql.order() + " limit " + limit);
    return keys(connection, query);
  }

  /**
   * Some keys of the table in this server's own order, from pages all over it.
   *
   * @param wanted how many there shall be about; more of a small table
   */
  List<List<String>> sample(Connection connection, long wanted) throws SQLException {
    String pages =
        "pg_relation_size("
            + Quoting.literal(Quoting.qualified(table.schema(), table.name()))
            + ") / current_setting('block_size')::float8";
    Query query =
        new Query()
            .add("select " + sql.key() + " from " + sql.from())
            .add(" tablesample system (cast(least(100, greatest(")
            .add(100.0 * wanted / Math.max(1, table.rows()) + ", 100.0 * " + SAMPLED_PAGES)
            .add(" / greatest(1, " + pages + "))) as float4))")
            .add(" order by " + sql.order());
    return keys(connection, query);
  }

  private static List<List<String>> keys(Connection connection, Query query) throws SQLException {
    List<List<String>> keys = new ArrayList<>();
    query.run(connection, row -> keys.add(TableSql.texts(row.getArray(1))));
    return keys;
  }

  /** Those of the keys that this server does not have. */
  Set<List<String>> absent(Connection connection, List<List<String>> keys) throws SQLException {
    Set<List<String>> absent = new LinkedHashSet<>(keys);
    Query query = new Query().add("select " + sql.key());
    sql.where(query, new Block.Keys(keys));
    query.run(connection, row -> absent.remove(TableSql.texts(row.getArray(1))));
    return absent;
  }

  /** Names of the columns of one row that differ between the two servers; none if it moved on. */
  Set<String> columnsThatDiffer(Pair pair, List<String> identity) throws SQLException {
    Map<String, String> truth = columnHashes(pair.truth(), identity);
    Map<String, String> follower = columnHashes(pair.follower(), identity);
    if (truth.isEmpty() || follower.isEmpty()) {
      return Set.of();
    }
    Set<String> differing = new TreeSet<>();
    truth.forEach(
        (name, value) -> {
          if (!value.equals(follower.get(name))) {
            differing.add(name);
          }
        });
    return differing;
  }

  private Map<String, String> columnHashes(Connection connection, List<String> identity)
      throws SQLException {
    Query query = new Query().add("select " + sql.columnHashes());
    sql.where(query, new Block.Keys(List.of(identity)));
    Map<String, String> hashes = new HashMap<>();
    query.run(
        connection,
        row -> {
          List<String> values = TableSql.texts(row.getArray(1));
          for (int i = 0; i < values.size(); i++) {
            hashes.put(table.columns().get(i), values.get(i));
          }
        });
    return hashes;
  }
}
