package dev.whimbrel.postgres;

import dev.whimbrel.activity.Move;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.Objects;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * The list of work of a bulk copy, in {@code whimbrel.copy_…} on the target. A piece is taken by a
 * lock on its row and done in the transaction that holds it, so that a caller who dies gives it
 * back and nothing is done twice. A build is done by the server alone: {@link IndexBuild}.
 */
final class CopyList {
  private static final String CREATE =
      """
      CREATE TABLE IF NOT EXISTS whimbrel.copy_generation (
        number int PRIMARY KEY, slot text NOT NULL, lsn pg_lsn NOT NULL,
        begun_at timestamptz NOT NULL DEFAULT clock_timestamp(), opened_at timestamptz,
        bytes_again bigint NOT NULL DEFAULT 0, identity text);
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
      """
          + SentPieces.CREATE;

  /** A piece may be taken once everything of its table that must stand before it is done. */
  private static final String TAKEABLE =
      """
       p.id, p.relation, p.kind, p.first_page, p.end_page, p.bytes, p.entry, p.sql,
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
      """;

  private static final String AND_LOCK = " FOR UPDATE OF p SKIP LOCKED";

  /** Sessions that build an index, without those that help them. */
  private static final String BUILDS =
      """
      SELECT pid FROM pg_catalog.pg_stat_activity
       WHERE pg_catalog.starts_with(application_name, ?) AND state = 'active'
         AND backend_type = 'client backend' AND datname = pg_catalog.current_database()""";

  /**
   * The largest first. Builds go on though whoever began them has died: rows of a table are not
   * changed against one, and together there are never more than may work at once.
   */
  private static final String TAKE =
      "SELECT "
          + TAKEABLE
          + """
             AND CASE p.kind
                 WHEN 'rows' THEN true
                 WHEN 'changes' THEN NOT EXISTS (
                   SELECT FROM pg_catalog.pg_locks l
                    WHERE l.locktype = 'relation' AND l.relation = pg_catalog.to_regclass(p.relation)
                      AND l.pid IN (%1$s))
                 ELSE ? > (SELECT count(*) FROM (%1$s) AS b) END
           ORDER BY t.bytes DESC, p.id LIMIT 1"""
              .formatted(BUILDS)
          + AND_LOCK;

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

    /** Whether the target's server does it alone. */
    boolean isBuild() {
      return kind == Kind.KEY || kind == Kind.INDEX;
    }
  }

  /**
   * How far everything is.
   *
   * @param rows of the pieces that are done
   */
  record Totals(
      long bytesDone,
      long bytes,
      long rows,
      int tablesDone,
      int tables,
      int builtIndexes,
      int indexes) {}

  /** How many indexes are being built, whoever began them. */
  int builds(Move move) throws SQLException {
    try (PreparedStatement select =
        target.prepareStatement("SELECT count(*) FROM (" + BUILDS + ") AS b")) {
      select.setString(1, IndexBuild.applicationNames(move));
      try (ResultSet row = select.executeQuery()) {
        row.next();
        return row.getInt(1);
      }
    }
  }

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
        "DROP TABLE IF EXISTS whimbrel.copy_sent, whimbrel.copy_ended, whimbrel.copy_touched,"
            + " whimbrel.copy_piece, whimbrel.copy_table, whimbrel.copy_snapshot,"
            + " whimbrel.copy_generation, whimbrel.copy_stage_table, whimbrel.copy_meeting,"
            + " whimbrel.copy_stage");
  }

  /** Takes a piece for as long as the open transaction lasts; empty where none can be taken now. */
  Optional<Piece> take(Move move) throws SQLException {
    try (PreparedStatement select = target.prepareStatement(TAKE)) {
      select.setString(1, IndexBuild.applicationNames(move));
      select.setInt(2, move.jobs());
      select.setString(3, IndexBuild.applicationNames(move));
      try (ResultSet row = select.executeQuery()) {
        return row.next() ? Optional.of(piece(row)) : Optional.empty();
      }
    }
  }

  /**
   * A statement that takes this piece alone for as long as its transaction lasts, and waits for
   * nobody.
   *
   * @param migration whose target this must still be
   * @param state the SQLSTATE with which it fails where the piece cannot be taken (any more)
   */
  static String taking(Piece piece, String migration, String state) {
    return failing(
        "PERFORM %s AND EXISTS (SELECT FROM whimbrel.authority WHERE migration = %s) AND p.id = %d AND p.entry = %s AND p.sql = %s%s; IF NOT FOUND"
            .formatted(
                TAKEABLE,
                Quoting.literal(migration),
                piece.id(),
                Quoting.literal(Objects.requireNonNull(piece.entry())),
                Quoting.literal(Objects.requireNonNull(piece.sql())),
                AND_LOCK),
        state,
        "done, or somebody else is at it");
  }

  /** A statement that fails with this SQLSTATE where rows of the piece's table are missing. */
  static String needingRows(Piece piece, String state) {
    return failing(
        "IF EXISTS (SELECT FROM whimbrel.copy_piece WHERE relation = %s AND kind = 'rows' AND done_at IS NULL)"
            .formatted(Quoting.literal(piece.relation())),
        state,
        "the table has begun anew");
  }

  private static String failing(String where, String state, String why) {
    return "DO "
        + Quoting.literal(
            "BEGIN %s THEN RAISE EXCEPTION USING ERRCODE = '%s', MESSAGE = '%s'; END IF; END"
                .formatted(where, state, why));
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

  /**
   * Marks a piece as done, in the transaction that did it.
   *
   * @param more one more statement, or an empty text
   */
  void done(Piece piece, long rows, String more) throws SQLException {
    execute(marking(piece, rows) + "; " + more);
  }

  /** A statement that marks a piece as done. */
  static String marking(Piece piece, long rows) {
    return "UPDATE whimbrel.copy_piece SET done_at = clock_timestamp(), rows = %d WHERE id = %d"
        .formatted(rows, piece.id());
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
                       coalesce(sum(rows) FILTER (WHERE kind = 'rows' AND done_at IS NOT NULL), 0),
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
          row.getLong(3),
          row.getInt(4),
          row.getInt(5),
          row.getInt(6),
          row.getInt(7));
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
