package dev.whimbrel.postgres;

import java.math.BigInteger;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.Collection;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** Reads the rows of a table without a key: parts and identities come from a whole row's hash. */
final class KeylessRows {
  private final TableSql sql;

  KeylessRows(ComparedTable table, RowHash hash) {
    this.sql = new TableSql(table, hash);
  }

  /** Adds the sums of some pages to each of the parts, a power of two of them. */
  void addParts(Connection connection, Block.Pages pages, Sums[] parts, @Nullable Set<Integer> only)
      throws SQLException {
    Query query =
        new Query()
            .add("select b, " + TableSql.TOTALS + " from (select l1, l2, (l1 & ")
            .add((parts.length - 1) + ") as b from (select " + sql.lanes() + " from (select ")
            .add(sql.row());
    sql.where(query, pages).add(" offset 0) s) r) q");
    if (only != null) {
      query.add(" where b = any(?)", numbers(only));
    }
    query
        .add(" group by b")
        .run(
            connection,
            row -> {
              int part = row.getInt(1);
              Sums more = TableSql.sums(row.getLong(2), row.getString(3), row.getString(4));
              synchronized (parts) {
                parts[part] = parts[part].plus(more);
              }
            });
  }

  /** Adds the rows of some pages that belong to these parts, by the two lanes of their hash. */
  void addRows(
      Connection connection,
      Block.Pages pages,
      int partCount,
      Set<Integer> parts,
      Map<List<String>, RowState> rows)
      throws SQLException {
    Query query =
        byHash(pages).add(" where (l1 & " + (partCount - 1) + ") = any(?)", numbers(parts));
    add(query, connection, null, rows);
  }

  /** Adds the rows of some pages that have one of these identities. */
  void addIdentities(
      Connection connection,
      Block.Pages pages,
      Collection<List<String>> identities,
      Map<List<String>, RowState> rows)
      throws SQLException {
    Object firstLanes =
        identities.stream()
            .map(lanes -> Long.valueOf(lanes.get(0)))
            .distinct()
            .toArray(Long[]::new);
    add(
        byHash(pages).add(" where l1 = any(?)", firstLanes),
        connection,
        new HashSet<>(identities),
        rows);
  }

  private Query byHash(Block.Pages pages) {
    Query query =
        new Query()
            .add("select l1::text, l2::text, count(*), sum(v)::text, min(p) from (select v, p, ")
            .add(sql.lanes() + " from (select " + sql.row() + ", " + TableSql.VERSION);
    return sql.where(query, pages).add(" offset 0) s) r");
  }

  private static void add(
      Query query,
      Connection connection,
      @Nullable Set<List<String>> only,
      Map<List<String>, RowState> rows)
      throws SQLException {
    query
        .add(" group by l1, l2")
        .run(
            connection,
            row -> {
              List<String> identity = List.of(row.getString(1), row.getString(2));
              if (only != null && !only.contains(identity)) {
                return;
              }
              RowState more =
                  new RowState(
                      row.getLong(3),
                      row.getString(1),
                      row.getString(2),
                      row.getString(4),
                      row.getString(5));
              synchronized (rows) {
                rows.merge(identity, more, KeylessRows::together);
              }
            });
  }

  private static RowState together(RowState one, RowState other) {
    String versions =
        new BigInteger(one.versions()).add(new BigInteger(other.versions())).toString();
    // The same row whichever session was faster.
    String place = one.place().compareTo(other.place()) <= 0 ? one.place() : other.place();
    return new RowState(one.count() + other.count(), one.first(), one.second(), versions, place);
  }

  private static Object numbers(Set<Integer> numbers) {
    return numbers.stream().map(Integer::longValue).toArray(Long[]::new);
  }
}
