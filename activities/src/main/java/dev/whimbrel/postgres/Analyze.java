package dev.whimbrel.postgres;

import dev.whimbrel.activity.Failures;
import dev.whimbrel.activity.Progress;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;

/** Gives the planner of the target its statistics, table by table. */
final class Analyze {
  private static final String TABLES =
      "SELECT format('%I.%I', n.nspname, c.relname) FROM pg_class c JOIN pg_namespace n ON n.oid ="
          + " c.relnamespace WHERE c.relkind IN ('r', 'p', 'm') AND n.nspname !~ '^pg_'"
          + " AND n.nspname NOT IN ('information_schema', 'whimbrel') ORDER BY c.relpages, 1";

  /** Seconds. */
  private static final int ANSWER = 10;

  private Analyze() {}

  /** Everything that has statistics, parents of partitions too, which autovacuum never analyzes. */
  static List<String> tables(Connection target) throws SQLException {
    List<String> tables = new ArrayList<>();
    try (Statement statement = target.createStatement();
        ResultSet rows = statement.executeQuery(TABLES)) {
      while (rows.next()) {
        tables.add(rows.getString(1));
      }
    }
    return tables;
  }

  /**
   * Analyzes each in its own transaction. What the server cannot analyze by itself, for a value
   * that its estimates cannot hold or for a function of an index that fails, is no reason to hold
   * up the rest.
   *
   * @return those that could not be analyzed, each with the SQLSTATE: the server's message may hold
   *     a row's value
   */
  static List<String> all(Connection target, List<String> tables) throws SQLException {
    List<String> failed = new ArrayList<>();
    long done = 0;
    for (String table : tables) {
      Progress progress =
          new Progress(
              "analyzing " + table, done, (long) tables.size(), null, null, null, null, null);
      try (Statement statement = target.createStatement()) {
        Heartbeats.during(progress, target, () -> statement.execute("ANALYZE " + table));
        target.commit();
      } catch (SQLException e) {
        if (SqlFailures.isOfConcurrentChange(e)) {
          throw Failures.transientFailure(
              "Cannot analyze " + table + ": " + SqlFailures.firstLine(e));
        }
        if (!SqlFailures.isOfTheObject(e) && !isOfAnotherServer(target, e)) {
          throw e;
        }
        target.rollback();
        failed.add(table + " (" + e.getSQLState() + ")");
      }
      done++;
    }
    return failed;
  }

  /** A partition that is a foreign table: its server is away, and this session is well. */
  private static boolean isOfAnotherServer(Connection target, SQLException e) throws SQLException {
    String state = String.valueOf(e.getSQLState());
    return state.startsWith("08") && target.isValid(ANSWER);
  }
}
