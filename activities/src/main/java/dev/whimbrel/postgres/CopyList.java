package dev.whimbrel.postgres;

import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * The list of work of a bulk copy, in {@code whimbrel.copy_…} on the target. A piece is taken by a
 * lock on its row and done in the transaction that holds it, so that a caller who dies gives it
 * back and nothing is done twice.
 */
final class CopyList {
  private static final String CREATE =
      """
      CREATE TABLE IF NOT EXISTS whimbrel.copy_generation (
        number int PRIMARY KEY, slot text NOT NULL, lsn pg_lsn NOT NULL,
        begun_at timestamptz NOT NULL DEFAULT clock_timestamp(), opened_at timestamptz,
        bytes_again bigint NOT NULL DEFAULT 0);
      CREATE TABLE IF NOT EXISTS whimbrel.copy_snapshot (
        generation int NOT NULL, snapshot text NOT NULL, PRIMARY KEY (generation, snapshot));
      CREATE TABLE IF NOT EXISTS whimbrel.copy_table (
        relation text PRIMARY KEY, source_oid oid NOT NULL, filenode oid NOT NULL,
        bytes bigint NOT NULL);
      CREATE TABLE IF NOT EXISTS whimbrel.copy_piece (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        relation text NOT NULL REFERENCES whimbrel.copy_table ON DELETE CASCADE,
        kind text NOT NULL CHECK (kind IN ('changes', 'rows', 'key', 'index')),
        first_page bigint, end_page bigint, bytes bigint NOT NULL,
        entry text, sql text,
        done_at timestamptz, rows bigint);
      CREATE INDEX IF NOT EXISTS copy_piece_relation ON whimbrel.copy_piece (relation);
      CREATE TABLE IF NOT EXISTS whimbrel.copy_touched (
        relation text NOT NULL, key text[]);
      CREATE INDEX IF NOT EXISTS copy_touched_relation ON whimbrel.copy_touched (relation);
      """;

  /** A piece may be taken once everything of its table that must stand before it is done. */
  private static final String TAKE =
      """
      SELECT p.id, p.relation, p.kind, p.first_page, p.end_page, p.bytes, p.entry, p.sql,
             t.source_oid, t.filenode
        FROM whimbrel.copy_piece p JOIN whimbrel.copy_table t USING (relation)
       WHERE p.done_at IS NULL
         AND NOT EXISTS (
           SELECT FROM whimbrel.copy_piece b
            WHERE b.relation = p.relation AND b.done_at IS NULL AND CASE p.kind
                  WHEN 'changes' THEN false
                  WHEN 'rows' THEN b.kind = 'changes'
                  WHEN 'key' THEN b.kind IN ('changes', 'rows') OR b.kind = 'key' AND b.id < p.id
                  ELSE b.kind <> 'index' END)
       ORDER BY t.bytes DESC, p.id
       LIMIT 1 FOR UPDATE OF p SKIP LOCKED
      """;

  private final Connection target;

  CopyList(Connection target) {
    this.target = target;
  }

  /** What a piece is. */
  enum Kind {
    /** Rows of an earlier generation that were changed since. */
    CHANGES,
    /** Rows of a table, or of a range of its pages. */
    ROWS,
    /** A primary key, or another constraint with an index. */
    KEY,
    /** An index. */
    INDEX
  }

  /**
   * One piece of work.
   *
   * @param firstPage where its rows begin; null for a whole table
   * @param endPage the first page behind it; null for all that follow
   * @param bytes its size on the source
   * @param entry the key under which the schema's ledger knows it; null for rows
   * @param sql what creates it; null for rows
   * @param filenode the table's storage when its pages were counted
   */
  record Piece(
      long id,
      String relation,
      Kind kind,
      @Nullable Long firstPage,
      @Nullable Long endPage,
      long bytes,
      @Nullable String entry,
      @Nullable String sql,
      long sourceOid,
      long filenode) {

    boolean isWholeTable() {
      return firstPage == null;
    }
  }

  /** How far everything is. */
  record Totals(
      long bytesDone, long bytes, int tablesDone, int tables, int builtIndexes, int indexes) {}

  /** Creates what is missing. Again is harmless. */
  void create() throws SQLException {
    execute(CREATE);
  }

  boolean exists() throws SQLException {
    try (Statement statement = target.createStatement();
        ResultSet row =
            statement.executeQuery("SELECT to_regclass('whimbrel.copy_piece') IS NOT NULL")) {
      return row.next() && row.getBoolean(1);
    }
  }

  /** Drops the list; nobody can take a piece, or end one, from then on. */
  void drop() throws SQLException {
    execute(
        "DROP TABLE IF EXISTS whimbrel.copy_touched, whimbrel.copy_piece, whimbrel.copy_table,"
            + " whimbrel.copy_snapshot, whimbrel.copy_generation");
  }

  /** Takes a piece for as long as the open transaction lasts; empty where none can be taken now. */
  Optional<Piece> take() throws SQLException {
    try (Statement statement = target.createStatement();
        ResultSet row = statement.executeQuery(TAKE)) {
      return row.next() ? Optional.of(piece(row)) : Optional.empty();
    }
  }

  /** Whether anything is left, also what somebody else is at. */
  boolean isFinished() throws SQLException {
    try (Statement statement = target.createStatement();
        ResultSet row =
            statement.executeQuery(
                "SELECT NOT EXISTS (SELECT FROM whimbrel.copy_piece WHERE done_at IS NULL)")) {
      row.next();
      return row.getBoolean(1);
    }
  }

  /** Marks a piece as done, in the transaction that did it. */
  void done(Piece piece, long rows) throws SQLException {
    try (PreparedStatement update =
        target.prepareStatement(
            "UPDATE whimbrel.copy_piece SET done_at = clock_timestamp(), rows = ? WHERE id = ?")) {
      update.setLong(1, rows);
      update.setLong(2, piece.id());
      update.executeUpdate();
    }
  }

  /** Forgets which rows of a table were changed, in the transaction that has brought them. */
  void forgetTouched(String relation) throws SQLException {
    try (PreparedStatement delete =
        target.prepareStatement("DELETE FROM whimbrel.copy_touched WHERE relation = ?")) {
      delete.setString(1, relation);
      delete.executeUpdate();
    }
  }

  /** Reads how far everything is. */
  Totals totals() throws SQLException {
    try (Statement statement = target.createStatement();
        ResultSet row =
            statement.executeQuery(
                """
                SELECT coalesce(sum(bytes) FILTER (WHERE kind = 'rows' AND done_at IS NOT NULL), 0),
                       coalesce(sum(bytes) FILTER (WHERE kind = 'rows'), 0),
                       (SELECT count(*) FROM whimbrel.copy_table t WHERE NOT EXISTS (
                          SELECT FROM whimbrel.copy_piece r WHERE r.relation = t.relation
                             AND r.kind IN ('rows', 'changes') AND r.done_at IS NULL)),
                       (SELECT count(*) FROM whimbrel.copy_table),
                       count(*) FILTER (WHERE kind IN ('key', 'index') AND done_at IS NOT NULL),
                       count(*) FILTER (WHERE kind IN ('key', 'index'))
                  FROM whimbrel.copy_piece""")) {
      row.next();
      return new Totals(
          row.getLong(1),
          row.getLong(2),
          row.getInt(3),
          row.getInt(4),
          row.getInt(5),
          row.getInt(6));
    }
  }

  /** Every row that was copied. */
  long rows() throws SQLException {
    try (Statement statement = target.createStatement();
        ResultSet row =
            statement.executeQuery(
                "SELECT coalesce(sum(rows), 0) FROM whimbrel.copy_piece WHERE kind = 'rows'")) {
      row.next();
      return row.getLong(1);
    }
  }

  private void execute(String sql) throws SQLException {
    try (Statement statement = target.createStatement()) {
      statement.execute(sql);
    }
  }

  private static Piece piece(ResultSet row) throws SQLException {
    return new Piece(
        row.getLong(1),
        row.getString(2),
        Kind.valueOf(row.getString(3).toUpperCase(java.util.Locale.ROOT)),
        row.getObject(4, Long.class),
        row.getObject(5, Long.class),
        row.getLong(6),
        row.getString(7),
        row.getString(8),
        row.getLong(9),
        row.getLong(10));
  }
}
