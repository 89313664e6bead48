package dev.whimbrel.postgres;

import java.sql.Connection;
import java.sql.SQLException;

/**
 * A client that is frozen and reads no more: no time-out of a statement ends a server's process
 * that waits until it can send, and the client's machine goes on to acknowledge. Only the
 * connection's own time-out does.
 */
final class SilentClients {
  private SilentClients() {}

  /** Lets the server end a session whose client takes nothing for so long, where it can. */
  static void end(Connection session, String silence) throws SQLException {
    Verbatim.execute(
        session,
        """
        DO $$ BEGIN PERFORM pg_catalog.set_config('tcp_user_timeout', '%s', false);
        EXCEPTION WHEN OTHERS THEN NULL; -- not on every platform
        END $$"""
            .formatted(silence));
  }
}
