package dev.whimbrel.postgres;

import static java.util.stream.Collectors.joining;

import java.math.BigInteger;
import java.sql.Array;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The parts of SQL by which one table's rows are read and hashed inside a server. A row is the text
 * of its columns, named one by one, so that neither dropped columns nor another physical order
 * matter. Reads the table alone, never what inherits from it.
 */
final class TableSql {
  /** Rows and the sums of both lanes. */
  static final String TOTALS = "count(*), coalesce(sum(l1), 0)::text, coalesce(sum(l2), 0)::text";

  /** Changes with every new version of a row, and says nothing across servers. */
  static final String VERSION =
      "hashtextextended(t.xmin::text || t.ctid::text, 0) as v, t.ctid::text as p";

  /** Bytes. */
  private static final int WIDE = 64 * 1024;

  private final ComparedTable table;
  private final RowHash hash;
  private final String from;

  TableSql(ComparedTable table, RowHash hash) {
    this.table = table;
    this.hash = hash;
    this.from = "only " + Quoting.qualified(table.schema(), table.name()) + " t";
  }

  /** The table's name behind {@code from}, as {@code t}. */
  String from() {
    return from;
  }

  /** What a row is hashed as, {@code h}. */
  String row() {
    return hashed() + " as h";
  }

  /** The same without a name. */
  String hashed() {
    String text = table.columns().stream().map(this::value).collect(joining(", ", "row(", ")"));
    return hash.of(text + "::text", table.plainBytes());
  }

  /**
   * Whether a row takes so much on the disk, compressed as it is, that no server would stop making
   * its text within a moment.
   */
  String wide() {
    return table.columns().stream()
        .map(name -> "coalesce(pg_column_size(" + column(name) + "), 0)")
        .collect(joining(" + ", "(0 + ", " > " + WIDE + ")"));
  }

  /** Both lanes of {@code h}. */
  String lanes() {
    return hash.lanes("h");
  }

  /** The key as an array of texts. */
  String key() {
    return table.key().stream()
        .map(name -> column(name) + "::text")
        .collect(joining(", ", "array[", "]"));
  }

  /** The part, one of 256, to which a row's key belongs. */
  String bucket() {
    return hash.bucket(key() + "::text", table.plainBytes());
  }

  /** The key's columns, each once: a unique index may name one twice. */
  String keyColumns() {
    return table.key().stream().distinct().map(TableSql::column).collect(joining(", "));
  }

  /** The key's columns, to sort by. */
  String order() {
    return table.key().stream().map(TableSql::column).collect(joining(", "));
  }

  /** A hash of each column, in the table's order; of NULL the empty text. */
  String columnHashes() {
    return table.columns().stream()
        .map(
            name ->
                "coalesce(encode(sha256("
                    + (table.bytea().contains(name)
                        ? column(name)
                        : RowHash.bytes(column(name) + "::text", table.plainBytes()))
                    + "), 'hex'), '')")
        .collect(joining(", ", "array[", "]"));
  }

  /** A value of many megabytes is not written out as text. */
  private String value(String name) {
    return table.bytea().contains(name) ? "sha256(" + column(name) + ")" : column(name);
  }

  /** Adds the FROM and WHERE of a block. */
  Query where(Query query, Block block) {
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
    query.add("(" + order() + ") " + operator);
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

  private static String column(String name) {
    return "t." + Quoting.identifier(name);
  }

  static Sums sums(long count, @Nullable String first, @Nullable String second) {
    return new Sums(
        count, new BigInteger(String.valueOf(first)), new BigInteger(String.valueOf(second)));
  }

  static List<String> texts(@Nullable Array array) throws SQLException {
    return array == null ? Collections.emptyList() : List.of((String[]) array.getArray());
  }
}
