package dev.whimbrel.postgres;

import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.List;

/** Transactions on the source that all see the same rows, in any number of sessions. */
final class Snapshots {
  private static final String NO_SUCH_OBJECT = SqlFailures.UNDEFINED_OBJECT;
  private static final String NO_SUCH_SNAPSHOT = "22023";

  private Snapshots() {}

  /** No session that held a snapshot lives any more, or what it shows cannot be copied. */
  static final class Gone extends Exception {
    private static final long serialVersionUID = 1;

    Gone(String why) {
      super(why);
    }

    static Gone of(int generation) {
      return new Gone("snapshot " + generation + " of the copy is gone");
    }
  }

  /**
   * Begins a transaction that sees a snapshot, and exports it once more: it lives as long as any of
   * the sessions that see it.
   *
   * @param names under which it was exported
   * @return the name under which this session exports it
   * @throws Gone when no session that exported it is left
   */
  static String enter(Connection session, List<String> names, int generation)
      throws SQLException, Gone {
    for (String name : names) {
      session.setAutoCommit(true);
      session.setTransactionIsolation(Connection.TRANSACTION_REPEATABLE_READ);
      session.setReadOnly(true);
      session.setAutoCommit(false);
      try {
        run(session, "SET TRANSACTION SNAPSHOT " + Quoting.literal(name));
        return export(session);
      } catch (SQLException e) {
        if (!SqlFailures.is(e, NO_SUCH_OBJECT) && !SqlFailures.is(e, NO_SUCH_SNAPSHOT)) {
          throw e;
        }
        session.rollback();
      }
    }
    throw Gone.of(generation);
  }

  private static String export(Connection session) throws SQLException {
    try (Statement statement = session.createStatement();
        ResultSet row = statement.executeQuery("SELECT pg_export_snapshot()")) {
      row.next();
      return row.getString(1);
    }
  }

  private static void run(Connection session, String sql) throws SQLException {
    try (Statement statement = session.createStatement()) {
      statement.execute(sql);
    }
  }
}
