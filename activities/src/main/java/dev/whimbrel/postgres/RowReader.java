package dev.whimbrel.postgres;

import static java.util.stream.Collectors.joining;

import java.math.BigInteger;
import java.sql.Array;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/**
 * Hashes rows of one table inside a server. A row's hash is SHA-256 over the text of its columns,
 * named one by one, so that neither dropped columns nor another physical order matter; it is folded
 * into two lanes of 64 bits, and rows are added up. Reads the table alone, never what inherits from
 * it.
 */
final class RowReader {
  /** The first two 64 bit lanes of {@code h}. */
  private static final String LANES =
      "('x' || encode(substr(h, 1, 8), 'hex'))::bit(64)::int8 as l1,"
          + " ('x' || encode(substr(h, 9, 8), 'hex'))::bit(64)::int8 as l2";

  private static final String TOTALS =
      "count(*), coalesce(sum(l1), 0)::text, coalesce(sum(l2), 0)::text";
  private static final String VERSION =
      "hashtextextended(t.xmin::text || t.ctid::text, 0) as v, t.ctid::text as p";

  private final ComparedTable table;
  private final String from;
  private final String hash;
  private final String key;
  private final String bucket;

  RowReader(ComparedTable table) {
    this.table = table;
    this.from = "only " + Quoting.qualified(table.schema(), table.name()) + " t";
    String row =
        table.columns().stream()
            .map(
                name ->
                    table.bytea().contains(name) ? "sha256(" + column(name) + ")" : column(name))
            .collect(joining(", ", "row(", ")::text"));
    this.hash = "sha256(" + bytes(row) + ") as h";
    this.key =
        table.key().stream()
            .map(name -> column(name) + "::text")
            .collect(joining(", ", "array[", "]"));
    this.bucket = "get_byte(sha256(" + bytes(key + "::text") + "), 0)";
  }

  /** Sums over a block. */
  Sums sums(Connection connection, Block block) throws SQLException {
    Query query = new Query().add("select " + TOTALS + " from (select " + LANES + " from (select ");
    query.add(hash);
    where(query, block).add(" offset 0) s) r");
    List<Sums> sums = new ArrayList<>();
    query.run(
        connection, row -> sums.add(sums(row.getLong(1), row.getString(2), row.getString(3))));
    return sums.get(0);
  }

  /**
   * Sums over each of the 256 parts of a block; its rows are dealt out by the hash of their key.
   */
  Map<Integer, Sums> parts(Connection connection, Block block) throws SQLException {
    Query query =
        new Query().add("select b, " + TOTALS + " from (select b, " + LANES + " from (select ");
    query.add(bucket + " as b, " + hash);
    where(query, block).add(" offset 0) s) r group by b");
    Map<Integer, Sums> parts = new HashMap<>();
    query.run(
        connection,
        row -> parts.put(row.getInt(1), sums(row.getLong(2), row.getString(3), row.getString(4))));
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
            .add("select k, " + TOTALS + ", sum(v)::text, min(p) from (select k, v, p, " + LANES)
            .add(" from (select " + key + " as k, " + hash + ", " + VERSION);
    where(query, block);
    if (parts != null) {
      query.add(
          block instanceof Block.Range range && range.after() == null && range.upTo() == null
              ? " where "
              : " and ");
      query.add(
          bucket + " = any(?)",
          (Object) parts.stream().map(Integer::longValue).toArray(Long[]::new));
    }
    query.add(" offset 0) s) r group by k");
    Map<List<String>, RowState> rows = new HashMap<>();
    query.run(
        connection,
        row ->
            rows.put(
                texts(row.getArray(1)),
                new RowState(
                    row.getLong(2),
                    row.getString(3),
                    row.getString(4),
                    row.getString(5),
                    row.getString(6))));
    return rows;
  }

  /** The key of the {@code size}-th row of a range, or null when there are fewer. */
  @Nullable List<String> boundary(Connection connection, Block.Range range, int size)
      throws SQLException {
    List<List<String>> found = keys(connection, range, size - 1, 1);
    return found.isEmpty() ? null : found.get(0);
  }

  /** Keys of a range in this server's own order. */
  List<List<String>> keys(Connection connection, Block.Range range, int skip, int limit)
      throws SQLException {
    String order = table.key().stream().map(RowReader::column).collect(joining(", "));
    Query query = new Query().add("select " + key);
    where(query, range);
    query.add(" order by " + order + " offset " + skip + " limit " + limit);
    List<List<String>> keys = new ArrayList<>();
    query.run(connection, row -> keys.add(texts(row.getArray(1))));
    return keys;
  }

  /** Those of the keys that this server does not have. */
  Set<List<String>> absent(Connection connection, List<List<String>> keys) throws SQLException {
    Set<List<String>> absent = new LinkedHashSet<>(keys);
    Query query = new Query().add("select " + key);
    where(query, new Block.Keys(keys));
    query.run(connection, row -> absent.remove(texts(row.getArray(1))));
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
    Query query = new Query().add("select ");
    query.add(
        table.columns().stream()
            .map(
                name ->
                    "coalesce(encode(sha256(" + bytes(column(name) + "::text") + "), 'hex'), '')")
            .collect(joining(", ", "array[", "]")));
    where(query, new Block.Keys(List.of(identity)));
    Map<String, String> hashes = new HashMap<>();
    query.run(
        connection,
        row -> {
          List<String> values = texts(row.getArray(1));
          for (int i = 0; i < values.size(); i++) {
            hashes.put(table.columns().get(i), values.get(i));
          }
        });
    return hashes;
  }

  // Tables without a key: parts and identities come from the hash of the whole row.

  /** Adds the sums of some pages to each of the parts, a power of two of them. */
  void addParts(Connection connection, Block.Pages pages, Sums[] parts, @Nullable Set<Integer> only)
      throws SQLException {
    Query query = new Query().add("select b, " + TOTALS + " from (select l1, l2, (l1 & ");
    query.add((parts.length - 1) + ") as b from (select " + LANES + " from (select " + hash);
    where(query, pages).add(" offset 0) s) r) q");
    restrict(query, only);
    query
        .add(" group by b")
        .run(
            connection,
            row -> {
              int part = row.getInt(1);
              parts[part] =
                  parts[part].plus(sums(row.getLong(2), row.getString(3), row.getString(4)));
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
    add(query, connection, rows);
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
    add(byHash(pages).add(" where l1 = any(?)", firstLanes), connection, rows);
    rows.keySet().retainAll(new HashSet<>(identities));
  }

  private Query byHash(Block.Pages pages) {
    Query query =
        new Query()
            .add("select l1::text, l2::text, count(*), sum(v)::text, min(p) from (select v, p, ")
            .add(LANES + " from (select " + hash + ", " + VERSION);
    return where(query, pages).add(" offset 0) s) r");
  }

  private static void add(Query query, Connection connection, Map<List<String>, RowState> rows)
      throws SQLException {
    query
        .add(" group by l1, l2")
        .run(
            connection,
            row -> {
              List<String> identity = List.of(row.getString(1), row.getString(2));
              RowState more =
                  new RowState(
                      row.getLong(3),
                      row.getString(1),
                      row.getString(2),
                      row.getString(4),
                      row.getString(5));
              rows.merge(identity, more, RowReader::together);
            });
  }

  static RowState together(RowState one, RowState other) {
    String versions =
        new BigInteger(one.versions()).add(new BigInteger(other.versions())).toString();
    return new RowState(
        one.count() + other.count(), one.first(), one.second(), versions, one.place());
  }

  private static void restrict(Query query, @Nullable Set<Integer> only) {
    if (only != null) {
      query.add(" where b = any(?)", numbers(only));
    }
  }

  private static Object numbers(Set<Integer> numbers) {
    return numbers.stream().map(Integer::longValue).toArray(Long[]::new);
  }

  /** Adds the FROM and WHERE of a block. */
  private Query where(Query query, Block block) {
    if (block instanceof Block.Keys keys) {
      return keyList(query, keys.keys());
    }
    query.add(" from " + from);
    if (block instanceof Block.Pages pages) {
      if (pages.from() > 0) {
        query.add(" where t.ctid >= '(" + pages.from() + ",0)'::tid");
      }
      if (pages.before() >= 0) {
        query.add(
            (pages.from() > 0 ? " and" : " where") + " t.ctid < '(" + pages.before() + ",0)'::tid");
      }
    } else if (block instanceof Block.Range range) {
      if (range.after() != null) {
        compare(query.add(" where "), ">", range.after());
      }
      if (range.upTo() != null) {
        compare(query.add(range.after() == null ? " where " : " and "), "<=", range.upTo());
      }
    }
    return query;
  }

  private void compare(Query query, String operator, List<String> bound) {
    query.add(table.key().stream().map(RowReader::column).collect(joining(", ", "(", ") ")));
    query.add(operator);
    query.add(
        table.keyTypes().stream()
            .map(type -> "cast(? as " + type + ")")
            .collect(joining(", ", " (", ")")),
        bound.toArray());
  }

  private Query keyList(Query query, List<List<String>> keys) {
    List<Object> arrays = new ArrayList<>();
    List<String> names = new ArrayList<>();
    List<String> joins = new ArrayList<>();
    for (int i = 0; i < table.key().size(); i++) {
      int position = i;
      arrays.add(keys.stream().map(values -> values.get(position)).toArray(String[]::new));
      names.add("w" + i);
      joins.add(column(table.key().get(i)) + " = w.w" + i);
    }
    query.add(
        table.keyTypes().stream()
            .map(type -> "cast(cast(? as text[]) as " + type + "[])")
            .collect(joining(", ", " from unnest(", ")")),
        arrays.toArray());
    return query.add(
        " as w("
            + String.join(", ", names)
            + ") join "
            + from
            + " on "
            + String.join(" and ", joins));
  }

  private String bytes(String text) {
    // A database without an encoding holds bytes that need not be text in any.
    return table.plainBytes()
        ? "replace(" + text + ", chr(92), chr(92) || chr(92))::bytea"
        : "convert_to(" + text + ", 'UTF8')";
  }

  private static String column(String name) {
    return "t." + Quoting.identifier(name);
  }

  private static Sums sums(long count, String first, String second) {
    return new Sums(count, new BigInteger(first), new BigInteger(second));
  }

  private static List<String> texts(@Nullable Array array) throws SQLException {
    return array == null ? Collections.emptyList() : List.of((String[]) array.getArray());
  }
}
