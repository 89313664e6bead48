package dev.whimbrel.lab;

import dev.whimbrel.lab.Ledger.Fate;
import java.sql.SQLException;
import org.jspecify.annotations.Nullable;

/** What an error says about the fate of a write. */
final class Answers {
  private Answers() {}

  /**
   * The fate of a write whose last statement failed.
   *
   * @param couldHaveCommitted whether that statement ends the transaction: a commit, or a statement
   *     by itself; what comes before it can never have been committed
   */
  static Fate fate(SQLException error, boolean couldHaveCommitted) {
    return couldHaveCommitted && connectionBroke(error) ? Fate.IN_DOUBT : Fate.REFUSED;
  }

  /** Whether the connection is of no more use: no server said no to this one statement. */
  static boolean connectionBroke(SQLException error) {
    @Nullable String state = error.getSQLState();
    // 08: connection; 57P: ended by an administrator, crash, shutdown; 58: I/O; XX: internal.
    return state == null
        || state.startsWith("08")
        || state.startsWith("57P")
        || state.startsWith("58")
        || state.startsWith("XX");
  }

  /** The database said that writes are closed: the service has moved, or is moving. */
  static boolean closed(SQLException error) {
    return "25006".equals(error.getSQLState());
  }

  static String text(SQLException error) {
    return error.getSQLState() + " " + error.getMessage();
  }
}
