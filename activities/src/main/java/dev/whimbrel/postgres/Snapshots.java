package dev.whimbrel.postgres;

import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** Transactions on the source that all see the same rows, in any number of sessions. */
final class Snapshots {
  /**
   * There is none of the name, or it is of no form; its transaction is over; it is another
   * database's.
   */
  private static final Set<String> NOT_TO_BE_HAD =
      Set.of(SqlFailures.UNDEFINED_OBJECT, "22023", "55000", "0A000");

  private static final String IDENTITY =
      "SELECT pg_catalog.concat_ws(' ', (SELECT system_identifier FROM pg_catalog.pg_control_system()),"
          + " extract(epoch FROM pg_catalog.pg_postmaster_start_time())::pg_catalog.numeric,"
          + " pg_catalog.pg_current_snapshot())";

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

    /** The reason, which is never missing. */
    String why() {
      return String.valueOf(getMessage());
    }
  }

  /**
   * Begins a transaction that sees a snapshot, and exports it once more: it lives as long as any of
   * the sessions that see it.
   *
   * @param names under which it was exported; a server that was restarted gives them out again
   * @param identity the snapshot's {@link #identity}; null where nobody has kept it
   * @return the name under which this session exports it
   * @throws Gone when no session that exported it is left
   */
  static String enter(
      Connection session, List<String> names, @Nullable String identity, int generation)
      throws SQLException, Gone {
    for (String name : names) {
      begin(session);
      try {
        run(session, "SET TRANSACTION SNAPSHOT " + Quoting.literal(name));
        String own = export(session);
        if (identity == null || identity.equals(identity(session))) {
          return own;
        }
      } catch (SQLException e) {
        if (e.getSQLState() == null || !NOT_TO_BE_HAD.contains(e.getSQLState())) {
          throw e;
        }
      }
      session.rollback();
    }
    throw Gone.of(generation);
  }

  /** Takes a snapshot and exports it; returns its name. */
  static String take(Connection session) throws SQLException {
    begin(session);
    return export(session);
  }

  private static void begin(Connection session) throws SQLException {
    session.setAutoCommit(true);
    session.setTransactionIsolation(Connection.TRANSACTION_REPEATABLE_READ);
    session.setReadOnly(true);
    session.setAutoCommit(false);
  }

  /** What tells the snapshot of the open transaction from every other, of any server. */
  static String identity(Connection session) throws SQLException {
    return word(session, IDENTITY);
  }

  private static String export(Connection session) throws SQLException {
    return word(session, "SELECT pg_catalog.pg_export_snapshot()");
  }

  private static String word(Connection session, String sql) throws SQLException {
    try (Statement statement = session.createStatement();
        ResultSet row = statement.executeQuery(sql)) {
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
