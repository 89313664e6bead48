package dev.whimbrel.postgres;

import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;

/**
 * The table that a sample is taken from, and the shape of what the sample is put into on a server
 * that has none of the source's own types.
 *
 * @param relation its name, quoted
 * @param pages pages of its heap
 * @param bytes its size without indexes
 * @param columns what travels, quoted, with the types that hold it on the target
 * @param binary whether rows travel in binary form
 * @param ranges whether the source finds a range of pages without reading the whole table
 * @param index columns of its largest index that the sample can have too; empty without one
 */
record SampledTable(
    String relation,
    long pages,
    long bytes,
    Map<String, String> columns,
    boolean binary,
    boolean ranges,
    List<String> index) {

  private static final long PAGE = 8192;

  /**
   * Types that name something on their own server, or that nobody can write, and those that are not
   * PostgreSQL's own: their text has to do.
   */
  private static final String HELD_AS_TEXT =
      "base.typnamespace <> 'pg_catalog'::regnamespace OR base.typtype NOT IN ('b', 'r', 'm')"
          + " OR base.typname ~ '^_?(reg|pg_|aclitem)'";

  /** A number in a type's name would be another type without its limit: {@code bit} is bit(1). */
  private static final String COLUMNS =
      "SELECT a.attname, CASE WHEN "
          + HELD_AS_TEXT
          + " THEN NULL ELSE pg_catalog.format_type(base.oid, -1) END"
          + " FROM pg_catalog.pg_attribute a CROSS JOIN LATERAL (WITH RECURSIVE base AS ("
          + "SELECT 1 AS step, t.oid, t.typname, t.typtype, t.typbasetype, t.typnamespace"
          + " FROM pg_catalog.pg_type t WHERE t.oid = a.atttypid UNION ALL"
          + " SELECT step + 1, t.oid, t.typname, t.typtype, t.typbasetype, t.typnamespace"
          + " FROM base JOIN pg_catalog.pg_type t ON t.oid = base.typbasetype)"
          + " SELECT * FROM base ORDER BY step DESC LIMIT 1) base"
          + " WHERE a.attrelid = ?::oid AND a.attnum > 0 AND NOT a.attisdropped"
          + " AND a.attgenerated = '' ORDER BY a.attnum";

  private static final String INDEXES =
      "SELECT k.names FROM pg_catalog.pg_index i"
          + " JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid"
          + " JOIN pg_catalog.pg_am m ON m.oid = c.relam CROSS JOIN LATERAL ("
          + " SELECT pg_catalog.array_agg(a.attname::text ORDER BY p.place) AS names"
          + " FROM pg_catalog.generate_series(0, i.indnkeyatts - 1) AS p(place)"
          + " JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid"
          + " AND a.attnum = i.indkey[p.place]) k"
          + " WHERE i.indrelid = ?::oid AND m.amname = 'btree' AND i.indisvalid"
          + " AND i.indexprs IS NULL AND i.indpred IS NULL"
          + " ORDER BY pg_catalog.pg_relation_size(c.oid) DESC, c.oid";

  /** Looks at a table of the source. */
  static SampledTable of(Connection source, int targetMajor, CopySizes.Table table)
      throws SQLException {
    Map<String, String> columns = new LinkedHashMap<>();
    List<String> sortable = new ArrayList<>();
    try (PreparedStatement select = source.prepareStatement(COLUMNS)) {
      select.setLong(1, table.oid());
      try (ResultSet rows = select.executeQuery()) {
        while (rows.next()) {
          String name = Quoting.identifier(rows.getString(1));
          String type = rows.getString(2);
          columns.put(name, type == null ? "text" : type);
          if (type != null) {
            sortable.add(name);
          }
        }
      }
    }
    int major = source.getMetaData().getDatabaseMajorVersion();
    boolean binary = CopyTables.columns(source, table.oid()).known() && targetMajor >= major;
    return new SampledTable(
        table.relation(),
        table.heapBytes() / PAGE,
        table.bytes(),
        columns,
        binary,
        CopyPlanner.readsRanges(major),
        index(source, table.oid(), sortable));
  }

  private static List<String> index(Connection source, long table, List<String> sortable)
      throws SQLException {
    try (PreparedStatement select = source.prepareStatement(INDEXES)) {
      select.setLong(1, table);
      try (ResultSet rows = select.executeQuery()) {
        while (rows.next()) {
          List<String> names =
              Arrays.stream((String[]) Objects.requireNonNull(rows.getArray(1)).getArray())
                  .map(Quoting::identifier)
                  .toList();
          if (sortable.containsAll(names)) {
            return names;
          }
        }
      }
    }
    return List.of();
  }

  /** {@code binary} or {@code text}. */
  String format() {
    return binary ? "binary" : "text";
  }

  /** What a page takes on the disk, with its part of what is stored beside it. */
  long bytesOfAPage() {
    return Math.max(PAGE, bytes / Math.max(1, pages));
  }

  /**
   * A part of the table.
   *
   * @param first its first page
   * @param pages how many
   */
  record Part(long first, long pages) {}

  /** The number of pages that hold about so many bytes, in one of several parts of the table. */
  Part part(int number, int parts, long wanted) {
    long most = Math.max(1, pages / parts);
    long count = Math.min(most, Math.max(1, wanted / bytesOfAPage()));
    return new Part(pages * number / parts, count);
  }

  /** Reads a part. */
  String out(Part part) {
    String names = String.join(", ", columns.keySet().stream().map(name -> "t." + name).toList());
    String from =
        ranges
            ? " AS t WHERE t.ctid >= '(%d,0)' AND t.ctid < '(%d,0)'"
                .formatted(part.first(), part.first() + part.pages())
            : String.format(
                Locale.ROOT,
                " AS t TABLESAMPLE SYSTEM (%.6f) REPEATABLE (%d)",
                100.0 * part.pages() / Math.max(1, pages),
                part.first());
    return "COPY (SELECT %s FROM ONLY %s%s) TO STDOUT WITH (FORMAT %s)"
        .formatted(names, relation, from, format());
  }
}
