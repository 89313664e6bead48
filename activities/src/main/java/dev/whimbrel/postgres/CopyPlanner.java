package dev.whimbrel.postgres;

import dev.whimbrel.activity.Failures;
import dev.whimbrel.activity.Move;
import dev.whimbrel.activity.Side;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;

/** Writes the list of work: which tables, in which ranges of pages, and which indexes. */
final class CopyPlanner {
  private static final long PAGE = 8192;

  /** Small enough that a dead worker costs seconds, large enough that its start does not count. */
  static final long SMALLEST_RANGE = 32L << 20;

  /** A table of fewer ranges is copied whole: its rows are stored as if a vacuum had seen them. */
  static final int FEWEST_RANGES = 8;

  /** Bounds the list for a database of any size: ranges of 10 GB at 10 TB. */
  private static final long RANGES = 1000;

  /** Before it, a range of pages was found by reading the whole table. */
  private static final int READS_RANGES = 14;

  private static final String TABLES =
      "SELECT format('%I.%I', n.nspname, c.relname), c.oid, pg_relation_filenode(c.oid),"
          + " pg_table_size(c.oid), pg_relation_size(c.oid)"
          + " FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind = 'r' AND ";

  private static final String LARGEST_FIRST = " ORDER BY pg_table_size(c.oid) DESC, 1";

  private final Connection source;
  private final Connection target;
  private final long smallestRange;
  private final String which;
  private final Move move;
  private List<Table> counted = List.of();

  /**
   * Plans in the open transaction of the target.
   *
   * @param smallestRange bytes of the smallest range into which a table is cut
   * @param move says which tables' rows move
   */
  CopyPlanner(Connection source, Connection target, long smallestRange, Move move) {
    this(source, target, smallestRange, PublishedTables.OF_THE_SERVICE, move);
  }

  /**
   * Plans other tables than those that a stream carries.
   *
   * @param which a condition on {@code pg_class c} joined with {@code pg_namespace n}
   */
  CopyPlanner(Connection source, Connection target, long smallestRange, String which, Move move) {
    this.source = source;
    this.target = target;
    this.smallestRange = smallestRange;
    this.which = which;
    this.move = move;
  }

  /** One table of the source. */
  record Table(String relation, long oid, long filenode, long bytes, long heapBytes) {}

  /**
   * Lists every table whose rows move, and the keys and indexes that the schema's archive knows.
   */
  void plan(List<SchemaCopy.TableEntry> entries) throws SQLException {
    for (Table table : counted()) {
      Heartbeats.beat("listing " + table.relation());
      requireEmpty(table.relation());
      add(table);
    }
    try (PreparedStatement insert =
        target.prepareStatement(
            "INSERT INTO whimbrel.copy_piece (relation, kind, bytes, entry, sql)"
                + " SELECT relation, ?, bytes, ?, ? FROM whimbrel.copy_table WHERE source_oid = ?")) {
      for (SchemaCopy.TableEntry entry : entries) {
        insert.setString(1, entry.key() ? "key" : "index");
        insert.setString(2, entry.entry());
        insert.setString(3, entry.sql());
        insert.setLong(4, entry.table());
        insert.addBatch();
      }
      insert.executeBatch();
    }
  }

  /** Begins a table anew: empties it on the target, and counts its pages again. */
  void reset(String relation) throws SQLException {
    Table now =
        counted().stream()
            .filter(table -> table.relation().equals(relation))
            .findFirst()
            .orElseThrow(
                () ->
                    Failures.needsHelp(
                        "Cannot go on with the copy: the source has no table "
                            + relation
                            + " any more",
                        "do not change the schema during a migration: take the change back on the"
                            + " source, or roll the migration back and start again",
                        null));
    try (Statement statement = target.createStatement()) {
      statement.execute("TRUNCATE ONLY " + relation);
    }
    try (PreparedStatement delete =
        target.prepareStatement(
            "DELETE FROM whimbrel.copy_piece WHERE relation = ? AND kind IN ('rows', 'changes')")) {
      delete.setString(1, relation);
      delete.executeUpdate();
    }
    try (PreparedStatement update =
        target.prepareStatement(
            "UPDATE whimbrel.copy_table SET source_oid = ?, filenode = ?, bytes = ?"
                + " WHERE relation = ?")) {
      update.setLong(1, now.oid());
      update.setLong(2, now.filenode());
      update.setLong(3, now.bytes());
      update.setString(4, relation);
      update.executeUpdate();
    }
    addRanges(now);
  }

  private void add(Table table) throws SQLException {
    try (PreparedStatement insert =
        target.prepareStatement("INSERT INTO whimbrel.copy_table VALUES (?, ?, ?, ?)")) {
      insert.setString(1, table.relation());
      insert.setLong(2, table.oid());
      insert.setLong(3, table.filenode());
      insert.setLong(4, table.bytes());
      insert.executeUpdate();
    }
    addRanges(table);
  }

  private void addRanges(Table table) throws SQLException {
    long ranges =
        ranges(table.heapBytes(), smallestRange, source.getMetaData().getDatabaseMajorVersion());
    boolean whole = ranges == 1;
    long pages = table.heapBytes() / PAGE;
    try (PreparedStatement insert =
        target.prepareStatement(
            "INSERT INTO whimbrel.copy_piece (relation, kind, first_page, end_page, bytes)"
                + " VALUES (?, 'rows', ?, ?, ?)")) {
      for (long i = 0; i < (whole ? 1 : ranges); i++) {
        boolean last = i >= ranges - 1;
        insert.setString(1, table.relation());
        insert.setObject(2, whole ? null : pages * i / ranges, java.sql.Types.BIGINT);
        // What is written behind the last page meanwhile belongs to the last range.
        insert.setObject(3, last ? null : pages * (i + 1) / ranges, java.sql.Types.BIGINT);
        insert.setLong(4, whole ? table.bytes() : table.bytes() / ranges);
        insert.addBatch();
      }
      insert.executeBatch();
    }
  }

  /** Whether a server of this version finds a range of pages without reading the whole table. */
  static boolean readsRanges(int major) {
    return major >= READS_RANGES;
  }

  /**
   * Into how many ranges of pages a table is cut.
   *
   * @param bytes of its rows, without what is stored beside them
   * @param smallestRange bytes of the smallest range
   * @param major the source's version
   * @return 1 where it is copied whole
   */
  static long ranges(long bytes, long smallestRange, int major) {
    long ranges = bytes / Math.max(smallestRange, bytes / RANGES);
    return readsRanges(major) && ranges >= FEWEST_RANGES ? Math.min(ranges, RANGES) : 1;
  }

  /** The tables as they are when they are first asked for, the largest first. */
  private List<Table> counted() throws SQLException {
    if (counted.isEmpty()) {
      counted = tables();
    }
    return counted;
  }

  private List<Table> tables() throws SQLException {
    return Settled.ask(Side.SOURCE, move, source, this::tables);
  }

  private List<Table> tables(Selection selection) throws SQLException {
    List<Table> tables = new ArrayList<>();
    try (Statement statement = source.createStatement();
        ResultSet rows =
            statement.executeQuery(
                TABLES + which + " AND " + selection.movesRows() + LARGEST_FIRST)) {
      while (rows.next()) {
        tables.add(
            new Table(
                rows.getString(1),
                rows.getLong(2),
                rows.getLong(3),
                rows.getLong(4),
                rows.getLong(5)));
      }
    }
    return tables;
  }

  /** Nothing is copied over rows that somebody else has put there. */
  private void requireEmpty(String relation) throws SQLException {
    try (Statement statement = target.createStatement();
        ResultSet row =
            statement.executeQuery("SELECT EXISTS (SELECT FROM ONLY " + relation + ")")) {
      row.next();
      if (row.getBoolean(1)) {
        throw Failures.needsHelp(
            "Cannot copy " + relation + ": the table holds rows on the target already",
            "somebody wrote there since the schema was carried: empty it, then retry",
            "TRUNCATE " + relation + ";");
      }
    }
  }
}
