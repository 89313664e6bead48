package dev.whimbrel.postgres;

import java.io.IOException;
import java.net.Socket;
import java.sql.Connection;
import java.sql.SQLException;
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
      Connection connection = opening.with(sockets);
      int process = connection.unwrap(PGConnection.class).getBackendPID();
      return new RowSession(connection, process, sockets.top(), sockets.bottom());
    }
  }

  /** Opens the driver's connection with the properties of these sockets. */
  interface Opening {
    Connection with(OpenSockets sockets) throws SQLException;
  }

  /** Ends it without asking it, whoever waits for it now. */
  void abort() {
    try {
      // An encrypted socket would wait for its other user before it closes.
      bottom.close();
    } catch (IOException e) {
      // It is of no use any more, which is what was wanted.
    }
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
