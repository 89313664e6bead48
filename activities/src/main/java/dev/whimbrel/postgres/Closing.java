package dev.whimbrel.postgres;

import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * A closing of the source for hours that gives writes back by itself: triggers of its own refuse
 * writers while a row says so, and somebody renews that row every few seconds. When nobody does,
 * writers are let through, and whoever is let through leaves a row in {@code whimbrel.passed} in
 * the same transaction.
 *
 * <p>Clocks decide when writers are let through, and nothing else. That nobody wrote is known from
 * the absence of such a row, looked for with every table locked, and from the state of the triggers
 * that would have left it: {@link ClosingFence} has the argument. So it does not matter who has
 * renewed what, or what an old snapshot showed.
 */
final class Closing {
  /** Silence after which writers are let through. */
  static final Duration LEASE = Duration.ofSeconds(20);

  /** How a closing has ended that a hand-over rests on. */
  static final String HANDED_OVER = "handed over";

  /** SQLSTATE of a hand-over whose closing did not hold. */
  static final String BROKEN_STATE = "WHC01";

  /** SQLSTATE of whoever would take triggers away that a later closing has switched on. */
  static final String LATER_STATE = "WHC03";

  private Closing() {}

  /**
   * What the source knows of its last closing.
   *
   * @param number counts the closings of a migration, from 1
   * @param closedAt when it was closed
   * @param renewed whether it is in force by the server's clock
   * @param atMost when it ends, whoever renews it
   * @param fingerprint of what moves, as it was then
   * @param ended how it ended, or null while it has not
   * @param passed when the first writer was let through, or null
   * @param by who that was, and where it wrote
   */
  record State(
      int number,
      Instant closedAt,
      boolean renewed,
      Instant atMost,
      String fingerprint,
      @Nullable String ended,
      @Nullable Instant passed,
      @Nullable String by) {
    /** Whether nobody can have written since it was closed. */
    boolean holds() {
      return ended == null && passed == null;
    }

    /** Whether writers are refused just now. */
    boolean refuses() {
      return holds() && renewed;
    }
  }

  /** What the source knows; empty where it was never closed. */
  static Optional<State> read(Connection source) throws SQLException {
    if (!isThere(source)) {
      return Optional.empty();
    }
    try (Statement statement = source.createStatement();
        ResultSet row =
            statement.executeQuery(
                "SELECT c.number, c.closed_at, "
                    + ClosingSql.RENEWED
                    + """
                  , c.at_most, c.fingerprint, CASE WHEN c.ended_at IS NOT NULL THEN coalesce(c.ended, 'opened') END, p.at, p.who
                    FROM whimbrel.closing c
                    LEFT JOIN LATERAL (SELECT at, role || ' on ' || relation AS who FROM whimbrel.passed ORDER BY at LIMIT 1) p ON true
                   WHERE c.number > 0""")) {
      return row.next() ? Optional.of(state(row)) : Optional.empty();
    }
  }

  /** Whether a closing was ever prepared here. */
  static boolean isThere(Connection source) throws SQLException {
    return Answers.holds(source, "SELECT pg_catalog.to_regclass('whimbrel.closing') IS NOT NULL");
  }

  private static State state(ResultSet row) throws SQLException {
    OffsetDateTime passed = row.getObject(7, OffsetDateTime.class);
    return new State(
        row.getInt(1),
        row.getObject(2, OffsetDateTime.class).toInstant(),
        row.getBoolean(3),
        row.getObject(4, OffsetDateTime.class).toInstant(),
        row.getString(5),
        row.getString(6),
        passed == null ? null : passed.toInstant(),
        row.getString(8));
  }

  /**
   * Puts everything in place, off: tables, function, and triggers on every table that lacks them,
   * each in a transaction of its own. The connection must be in autocommit mode; again is harmless.
   */
  static void install(Connection source) throws SQLException {
    Verbatim.execute(source, ClosingSql.TABLES);
    Verbatim.execute(source, ClosingFence.FUNCTION);
    String missing =
        "NOT (c.oid IN (SELECT tgrelid FROM pg_trigger WHERE tgname = 'whimbrel_closing')"
            + " AND c.oid IN (SELECT tgrelid FROM pg_trigger WHERE tgname = 'whimbrel_closing_truncate'))";
    for (String table : Fence.tables(source, FenceSql.COVERED, missing)) {
      Fence.change(source, table, ClosingSql.install(table));
    }
  }

  /**
   * Renews a closing. One that nobody has renewed for long, and behind which nobody has written,
   * holds again: whoever is being let through at this moment leaves his row.
   *
   * @return whether it holds, as far as what is committed tells
   */
  static boolean renew(Connection source, int number) throws SQLException {
    try (PreparedStatement renew =
        source.prepareStatement(
            "UPDATE whimbrel.closing SET renewed = pg_catalog.clock_timestamp() WHERE number = ?"
                + " AND ended_at IS NULL AND at_most > pg_catalog.clock_timestamp()"
                + " AND NOT EXISTS (SELECT FROM whimbrel.passed)")) {
      renew.setInt(1, number);
      return renew.executeUpdate() == 1;
    }
  }

  /**
   * Ends closings of smaller numbers and forgets who was let through behind them, before anybody is
   * held up: there may be millions. A row that comes later is one of a writer who is in the middle
   * of it, and goes with the closing. The connection must be in autocommit mode.
   */
  static void forgetOlder(Connection source, int number) throws SQLException {
    end(source, number - 1, "closed again");
    try (Statement statement = source.createStatement()) {
      try {
        statement.execute(ClosingSql.FORGET);
      } catch (SQLException e) {
        if (!SqlFailures.is(e, SqlFailures.LOCK_NOT_AVAILABLE)) {
          throw e;
        }
        statement.execute("ROLLBACK");
        statement.execute(ClosingSql.FORGET_ROW_BY_ROW);
      }
    }
  }

  /**
   * Why somebody may have written behind a closing without leaving a row; empty where nobody can
   * have. It tells nothing where the closing was ended: then triggers are taken away.
   */
  static Optional<String> doubt(Connection source) throws SQLException {
    List<String> tables = uncovered(source);
    if (!tables.isEmpty()) {
      return Optional.of(
          "Somebody has switched off or dropped the triggers that close the source, or made a table without them: "
              + InspectionJudgement.tables(tables));
    }
    if (Answers.holds(source, "SELECT " + ClosingSql.SWITCHED)) {
      return Optional.of(
          "Somebody has switched a trigger off that closes the source, and on again");
    }
    return Answers.holds(source, "SELECT " + ClosingSql.REWRITTEN)
        ? Optional.of(
            "Somebody has rewritten a table of the source since it was closed, by ALTER TABLE, VACUUM FULL or CLUSTER, and no event trigger guards against the first")
        : Optional.empty();
  }

  /**
   * The tables, quoted, whose triggers are not as a closing left them: there somebody may have
   * written since, and has left no row.
   */
  static List<String> uncovered(Connection source) throws SQLException {
    List<String> names = new ArrayList<>();
    try (Statement statement = source.createStatement();
        ResultSet rows = statement.executeQuery(ClosingSql.UNCOVERED)) {
      while (rows.next()) {
        names.add(rows.getString(1));
      }
    }
    return List.copyOf(names);
  }

  /**
   * Ends the closing, whichever it is, for whoever holds the locks of {@link Sessions}.
   *
   * @return whether there was one
   */
  static boolean endAny(Connection source, String how) throws SQLException {
    return end(source, Integer.MAX_VALUE, how);
  }

  /**
   * Ends the closing of this number, or of a smaller one: writers are let through from this COMMIT
   * on, and no keeper or hand-over finds it any more. A later one stays as it is. Again is
   * harmless.
   *
   * @return whether there was one
   */
  static boolean end(Connection source, int number, String how) throws SQLException {
    if (!isThere(source)) {
      return false;
    }
    try (PreparedStatement end = source.prepareStatement(ClosingSql.END)) {
      end.setString(1, how);
      end.setInt(2, number);
      return end.executeUpdate() == 1;
    }
  }

  /** Drops everything, the table of a closing last. Again is harmless. */
  static void uninstall(Connection database) throws SQLException {
    endAny(database, "taken away");
    String carrying =
        " AND EXISTS (SELECT FROM pg_trigger g WHERE g.tgrelid = c.oid AND "
            + ClosingSql.NAMED
            + ")";
    // First what guards DDL: to drop a trigger would meet it, and behind it a fence.
    for (String half : List.of("c.oid = to_regclass('whimbrel.ddl')", "n.nspname <> 'whimbrel'")) {
      for (String table : Fence.tables(database, FenceSql.COVERED, half + carrying)) {
        Fence.change(
            database,
            table,
            "DROP TRIGGER IF EXISTS whimbrel_closing ON %1$s; DROP TRIGGER IF EXISTS whimbrel_closing_truncate ON %1$s"
                .formatted(table));
      }
    }
    try (Statement statement = database.createStatement()) {
      statement.execute(
          "DROP FUNCTION IF EXISTS whimbrel.closing_fence(); DROP TABLE IF EXISTS whimbrel.closing, whimbrel.passed");
    }
  }
}
