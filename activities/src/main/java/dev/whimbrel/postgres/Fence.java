package dev.whimbrel.postgres;

import dev.whimbrel.activity.Failures;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;

/**
 * What stops writes to a database: two statement triggers on every ordinary and partitioned table,
 * roots and partitions alike, published or not. Opening and closing is one transaction. Streams
 * pass, since apply workers fire no statement triggers; {@code TRUNCATE} is on as plain {@code
 * ENABLE}, which spares them too.
 *
 * <p>The function raises SQLSTATE 25006 and reads no table: an older snapshot would read an older
 * truth. It asks the server's memory whether it runs in the worker that copies this very table for
 * a subscription.
 */
final class Fence {
  /** SQLSTATE that a writer on the closed side gets: read_only_sql_transaction. */
  static final String CLOSED_STATE = "25006";

  /** Rows of {@code pg_class c, pg_namespace n} that the fence covers. */
  static final String TABLES =
      """
      pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
       WHERE c.relkind IN ('r', 'p') AND c.relpersistence <> 't'
         AND n.nspname NOT LIKE 'pg\\_%' AND n.nspname NOT IN ('information_schema', 'whimbrel')""";

  /** What a figure of the catalog begins with where large objects are known of. */
  static final String OF_OBJECTS = "objects/";

  private static final String FUNCTION =
      """
      CREATE SCHEMA IF NOT EXISTS whimbrel;
      CREATE OR REPLACE FUNCTION whimbrel.fence() RETURNS trigger LANGUAGE plpgsql AS $fence$
      BEGIN
        -- Initial table sync copies, which fires statement triggers; it is no writer. Whoever
        -- writes has a search_path and may have operators of his own.
        IF EXISTS (SELECT FROM pg_catalog.pg_stat_get_subscription(NULL) s
                    WHERE s.pid OPERATOR(pg_catalog.=) pg_catalog.pg_backend_pid()
                      AND s.relid OPERATOR(pg_catalog.=) TG_RELID) THEN
          RETURN NULL;
        END IF;
        RAISE EXCEPTION 'cannot write to %.%: this database is closed, writes go to the other side',
          TG_TABLE_SCHEMA, TG_TABLE_NAME
          USING ERRCODE = 'read_only_sql_transaction',
                HINT = 'Connect again: the service was moved, or its move is not finished.';
      END $fence$;
      """;

  /** Takes writes. */
  private static final String OPEN =
      "NOT ("
          + carrying("g.tgname = 'whimbrel_fence' AND g.tgenabled = 'A'")
          + " AND "
          + carrying("g.tgname = 'whimbrel_fence_truncate' AND g.tgenabled IN ('O', 'A')")
          + ")";

  /** A writer waits no longer than this for a trigger to be made on its table. */
  private static final String[] LOCK_TIMEOUTS = {"100ms", "300ms", "1500ms", "300ms", "1500ms"};

  private Fence() {}

  /**
   * Puts the triggers in place on every table that lacks them, off on an open side and on on a
   * closed one; what is there stays as it is. Each table is a transaction of its own, so that its
   * writers wait a moment at most. The connection must be in autocommit mode.
   *
   * @throws io.temporal.failure.ApplicationFailure {@code Transient} naming the table when one
   *     stayed locked
   */
  static void install(Connection database) throws SQLException {
    lay(database);
    for (String table : tables(database, FenceSql.COVERED, missing())) {
      change(database, table, FenceSql.install(table));
    }
  }

  /**
   * As {@link #install} for the tables of a side that takes writes, once, and without holding a
   * writer up for more than 100 ms.
   *
   * @return the tables that still lack the triggers, quoted
   */
  static List<String> installInPassing(Connection database) throws SQLException {
    List<String> left = new ArrayList<>();
    for (String table : withoutTriggers(database)) {
      try (Statement statement = database.createStatement()) {
        statement.execute(
            "BEGIN; SET LOCAL lock_timeout = '100ms'; " + FenceSql.install(table) + "; COMMIT");
      } catch (SQLException e) {
        left.add(table);
        try (Statement statement = database.createStatement()) {
          statement.execute("ROLLBACK");
        }
      }
    }
    return left;
  }

  /** What {@link FenceSql#CLOSING} needs; touches no table of the service. Again is harmless. */
  static void lay(Connection database) throws SQLException {
    try (Statement statement = database.createStatement()) {
      statement.execute(FUNCTION);
    }
    DdlFence.install(database);
    LargeObjectFence.lay(database);
  }

  /** Drops triggers and functions, each table in a transaction of its own. Again is harmless. */
  static void uninstall(Connection database) throws SQLException {
    DdlFence.lift(database);
    Closing.uninstall(database);
    for (String table : tables(database, FenceSql.COVERED, carrying("true"))) {
      change(
          database,
          table,
          "DROP TRIGGER IF EXISTS whimbrel_fence ON %1$s; DROP TRIGGER IF EXISTS whimbrel_fence_truncate ON %1$s"
              .formatted(table));
    }
    change(database, DdlFence.TABLE, "DROP TABLE IF EXISTS " + DdlFence.TABLE);
    LargeObjectFence.remove(database);
    try (Statement statement = database.createStatement()) {
      statement.execute(
          "DROP FUNCTION IF EXISTS whimbrel.fence(); DROP FUNCTION IF EXISTS whimbrel.fence_ddl()");
    }
  }

  /**
   * Closes every table of a side that follows, each in a transaction of its own: a stream that
   * writes to several of them at once would meet the locks on all of them in a deadlock. What is
   * closed is not touched, and again is harmless. The connection must be in autocommit mode.
   *
   * @throws io.temporal.failure.ApplicationFailure {@code Transient} naming the table when one
   *     stayed locked, or open
   */
  static void close(Connection database) throws SQLException {
    closeWhile(database, "true");
    List<String> left = notClosed(database);
    if (!left.isEmpty()) {
      throw Failures.transientFailure(
          "Still open, perhaps because their names were changed meanwhile: "
              + String.join(", ", left));
    }
  }

  /**
   * As {@link #close}, as long as the condition holds in the transaction that closes a table.
   *
   * @param condition an SQL expression; what it locks stays locked until the table is closed
   */
  static void closeWhile(Connection database, String condition) throws SQLException {
    // First what stands for the tables to come: DDL that is not committed is waited for.
    for (String half : List.of("c.oid = to_regclass('whimbrel.ddl')", "n.nspname <> 'whimbrel'")) {
      for (String table : tables(database, FenceSql.COVERED, half + " AND " + OPEN)) {
        change(database, table, FenceSql.close(table, condition));
      }
    }
    LargeObjectFence.take(database, condition);
  }

  /** Opens every table in one statement. Again is harmless. */
  static void open(Connection database) throws SQLException {
    try (Statement statement = database.createStatement()) {
      statement.execute("DO $$ DECLARE t record; BEGIN " + FenceSql.OPENING + " END $$");
    }
  }

  /** Whether every table is closed; true for a database without tables. */
  static boolean isClosed(Connection database) throws SQLException {
    return notClosed(database).isEmpty();
  }

  /** The tables that take writes, quoted. */
  static List<String> notClosed(Connection database) throws SQLException {
    return tables(database, OPEN);
  }

  /** The tables that refuse writes, wholly or in part, quoted. */
  static List<String> notOpen(Connection database) throws SQLException {
    return tables(
        database,
        carrying(
            "g.tgname IN ('whimbrel_fence', 'whimbrel_fence_truncate') AND g.tgenabled <> 'D'"));
  }

  /** The tables that lack the triggers, quoted. */
  static List<String> withoutTriggers(Connection database) throws SQLException {
    return tables(database, missing());
  }

  /**
   * A figure of the catalog that differs when a table, partition, column, sequence or enum label is
   * added, dropped or changed. What does not move may change, but not become part of something that
   * does. Comparable only with one of the same database. A worker that knows nothing of large
   * objects has another figure, and hands nothing over that was prepared with them.
   */
  static String fingerprint(Connection database, Selection selection) throws SQLException {
    try (Statement statement = database.createStatement();
        ResultSet row = statement.executeQuery(fingerprint(selection))) {
      row.next();
      return row.getString(1);
    }
  }

  /** The query behind {@link #fingerprint(Connection, Selection)}: one row, one text. */
  static String fingerprint(Selection selection) {
    return """
        WITH t AS (SELECT c.oid, c.relkind, n.nspname, c.relname FROM\s"""
        + TABLES
        + " AND "
        + selection.movesOrBelongs()
        + """
        ),
             a AS (SELECT count(*) AS n, coalesce(sum(hashtextextended(concat_ws('|', a.attrelid,
                          a.attnum, a.attname, a.atttypid, a.atttypmod, a.attnotnull,
                          a.attisdropped, t.relkind, t.nspname, t.relname), 0)::numeric), 0) AS h
                     FROM t LEFT JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum > 0),
             s AS (SELECT count(*) AS n, coalesce(sum(hashtextextended(concat_ws('|', c.oid,
                          n.nspname, c.relname), 0)::numeric), 0) AS h
                     FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
                    WHERE c.relkind = 'S' AND c.relpersistence <> 't'
                      AND n.nspname NOT LIKE 'pg\\_%'
                      AND n.nspname NOT IN ('information_schema', 'whimbrel') AND\s"""
        + selection.moves()
        + """
        ),
             e AS (SELECT count(*) AS n, coalesce(sum(hashtextextended(concat_ws('|', enumtypid,
                          enumsortorder, enumlabel), 0)::numeric), 0) AS h FROM pg_enum)
        SELECT '%s' || concat_ws('/', (SELECT count(*) FROM t), a.n, a.h, s.n, s.h, e.n, e.h%s) FROM a, s, e"""
            .formatted(OF_OBJECTS, selection.heirsWithoutRows());
  }

  /** Changes one table in a transaction of its own, as soon as its writers let it. */
  static void change(Connection database, String table, String sql) throws SQLException {
    SQLException last = null;
    for (String timeout : LOCK_TIMEOUTS) {
      try (Statement statement = database.createStatement()) {
        statement.execute(
            "BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL lock_timeout = '"
                + timeout
                + "'; "
                + sql
                + "; COMMIT");
        return;
      } catch (SQLException e) {
        try (Statement statement = database.createStatement()) {
          statement.execute("ROLLBACK");
        }
        if (SqlFailures.is(e, SqlFailures.UNDEFINED_TABLE)
            || SqlFailures.is(e, SqlFailures.UNDEFINED_SCHEMA)) {
          return;
        }
        if (!SqlFailures.is(e, SqlFailures.LOCK_NOT_AVAILABLE)
            && !SqlFailures.is(e, SqlFailures.DEADLOCK_DETECTED)) {
          throw e;
        }
        last = e;
      }
    }
    throw Failures.transientFailure(
        table
            + ": stayed locked, so that its fence could not be changed"
            + (last == null ? "" : " (" + last.getSQLState() + ")"));
  }

  private static String missing() {
    return "NOT ("
        + carrying("g.tgname = 'whimbrel_fence'")
        + " AND "
        + carrying("g.tgname = 'whimbrel_fence_truncate'")
        + ")";
  }

  private static String carrying(String condition) {
    return "EXISTS (SELECT 1 FROM pg_trigger g WHERE g.tgrelid = c.oid AND NOT g.tgisinternal"
        + " AND g.tgname IN ('whimbrel_fence', 'whimbrel_fence_truncate') AND "
        + condition
        + ")";
  }

  private static List<String> tables(Connection database, String condition) throws SQLException {
    return tables(database, TABLES, condition);
  }

  /** The tables of {@code from} for which the condition holds, quoted. */
  static List<String> tables(Connection database, String from, String condition)
      throws SQLException {
    List<String> names = new ArrayList<>();
    try (Statement statement = database.createStatement();
        ResultSet rows =
            statement.executeQuery(
                "SELECT format('%I.%I', n.nspname, c.relname) FROM "
                    + from
                    + " AND "
                    + condition
                    + " ORDER BY c.oid")) {
      while (rows.next()) {
        names.add(rows.getString(1));
      }
    }
    return List.copyOf(names);
  }
}
