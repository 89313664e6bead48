package dev.whimbrel.postgres;

import java.lang.reflect.InvocationTargetException;
import java.net.Socket;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import org.postgresql.PGConnection;

/**
 * A session whose rows pass the driver by: it would hold every row as a whole, and one may have
 * hundreds of megabytes.
 *
 * @param connection for everything but rows; at rest while they move
 * @param process the server's process of this session
 * @param top what it speaks through
 * @param bottom the connection below the encryption
 */
record RowSession(Connection connection, int process, Socket top, Socket bottom) {

  /** Opens a session. */
  static RowSession open(Opening opening) throws SQLException {
    try (OpenSockets sockets = OpenSockets.waiting()) {
      try {
        Connection connection = opening.with(sockets);
        int process = connection.unwrap(PGConnection.class).getBackendPID();
        return new RowSession(connection, process, sockets.top(), sockets.bottom());
      } catch (SQLException e) {
        // The driver may still wait for an answer, on a thread of its own.
        sockets.abort();
        throw reason(e);
      } catch (RuntimeException e) {
        sockets.abort();
        throw e;
      }
    }
  }

  /** The driver hides what its encryption says behind the class that it could not make. */
  private static SQLException reason(SQLException e) {
    for (Throwable cause = e.getCause(); cause != null; cause = cause.getCause()) {
      if (cause instanceof InvocationTargetException hidden
          && hidden.getCause() instanceof SQLException said) {
        return said;
      }
    }
    return e;
  }

  /** How long one answer may take from now on; zero for no limit. */
  void patience(Duration limit) throws SQLException {
    connection.setNetworkTimeout(Runnable::run, Math.toIntExact(limit.toMillis()));
  }

  /** Opens the driver's connection with the properties of these sockets. */
  interface Opening {
    Connection with(OpenSockets sockets) throws SQLException;
  }

  /** Ends it without asking it, whoever waits for it now. */
  void abort() {
    // An encrypted socket would wait for its other user before it closes.
    OpenSockets.end(bottom);
    Heartbeats.abort(connection);
  }

  /** Ends it; what was under way is rolled back by the server. */
  void close() {
    try {
      connection.close();
    } catch (SQLException e) {
      abort();
    }
  }
}
