package dev.whimbrel.postgres;

import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * What there is to move, the largest table first.
 *
 * @param tables all that hold rows
 * @param major the source's version
 */
record CopySizes(List<Table> tables, int major) {
  private static final String TABLES =
      "SELECT c.oid, pg_catalog.format('%I.%I', n.nspname, c.relname),"
          + " coalesce(pg_catalog.pg_table_size(c.oid), 0),"
          + " coalesce(pg_catalog.pg_relation_size(c.oid), 0), greatest(c.reltuples, 0)::bigint,"
          + " (SELECT count(*) FROM pg_catalog.pg_constraint k WHERE k.conrelid = c.oid"
          + " AND k.contype = 'f' AND k.convalidated)"
          + " FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
          + " WHERE c.relkind = 'r' AND "
          + PublishedTables.OF_THE_SERVICE
          + " AND {moves} ORDER BY 3 DESC, 2";

  private static final String INDEXES =
      "SELECT i.indrelid, c.relname, coalesce(pg_catalog.pg_relation_size(c.oid), 0),"
          + " m.amname <> 'btree' FROM pg_catalog.pg_index i"
          + " JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid"
          + " JOIN pg_catalog.pg_am m ON m.oid = c.relam WHERE c.relkind = 'i'";

  /**
   * One table.
   *
   * @param relation its name, quoted
   * @param bytes its size without indexes
   * @param heapBytes the size of its heap alone
   * @param rows as many as its statistics say, or 0
   * @param foreignKeys how many refer to another table
   */
  record Table(
      long oid,
      String relation,
      long bytes,
      long heapBytes,
      long rows,
      int foreignKeys,
      List<Index> indexes) {

    long indexBytes() {
      return indexes.stream().mapToLong(Index::bytes).sum();
    }

    String shown() {
      return Look.shortName(relation);
    }
  }

  /**
   * One index.
   *
   * @param other whether it is no btree
   */
  record Index(String name, long bytes, boolean other) {}

  /** Asks the source for what moves with its rows: an index of an empty table is nothing. */
  static CopySizes of(Connection source, Selection selection) throws SQLException {
    Map<Long, List<Index>> indexes = new HashMap<>();
    List<Table> tables = new ArrayList<>();
    try (Statement statement = source.createStatement()) {
      try (ResultSet rows = statement.executeQuery(INDEXES)) {
        while (rows.next()) {
          indexes
              .computeIfAbsent(rows.getLong(1), table -> new ArrayList<>())
              .add(new Index(rows.getString(2), rows.getLong(3), rows.getBoolean(4)));
        }
      }
      try (ResultSet rows =
          statement.executeQuery(TABLES.replace("{moves}", selection.movesRows()))) {
        while (rows.next()) {
          long oid = rows.getLong(1);
          tables.add(
              new Table(
                  oid,
                  rows.getString(2),
                  rows.getLong(3),
                  rows.getLong(4),
                  rows.getLong(5),
                  rows.getInt(6),
                  List.copyOf(indexes.getOrDefault(oid, List.of()))));
        }
      }
    }
    return new CopySizes(List.copyOf(tables), source.getMetaData().getDatabaseMajorVersion());
  }

  /** Whether any foreign key has to be validated. */
  boolean hasForeignKeys() {
    return tables.stream().anyMatch(table -> table.foreignKeys() > 0);
  }

  /** Whether any index is no btree. */
  boolean hasOtherIndexes() {
    return tables.stream().flatMap(table -> table.indexes().stream()).anyMatch(Index::other);
  }
}
