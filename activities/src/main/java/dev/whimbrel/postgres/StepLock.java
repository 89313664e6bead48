package dev.whimbrel.postgres;

import dev.whimbrel.activity.Failures;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;

/**
 * One attempt at a time for a step and its undo: a session-level advisory lock on the server that
 * is changed. An attempt that finds an older one still alive ends it, since the engine has given
 * the older one up.
 */
final class StepLock {
  private static final Duration PATIENCE = Duration.ofSeconds(20);
  private static final String KEY = "hashtextextended('whimbrel ' || ?, 0)";

  private StepLock() {}

  /**
   * Takes the lock for as long as the connection lives.
   *
   * @throws io.temporal.failure.ApplicationFailure {@code Transient} when the older holder does not
   *     go within 20 s
   */
  static void take(Connection connection, String name) throws SQLException {
    Instant deadline = Instant.now().plus(PATIENCE);
    while (!tryLock(connection, name)) {
      endOlderHolder(connection, name);
      if (Instant.now().isAfter(deadline)) {
        throw Failures.transientFailure(
            "Cannot start " + name + ": an older attempt still holds its lock on the server");
      }
      Heartbeats.beat("waiting for an older attempt of " + name + " to end");
      Pause.of(Duration.ofMillis(200));
    }
  }

  private static boolean tryLock(Connection connection, String name) throws SQLException {
    try (PreparedStatement lock =
        connection.prepareStatement("SELECT pg_try_advisory_lock(" + KEY + ")")) {
      lock.setString(1, name);
      try (ResultSet row = lock.executeQuery()) {
        return row.next() && row.getBoolean(1);
      }
    }
  }

  private static void endOlderHolder(Connection connection, String name) throws SQLException {
    try (PreparedStatement end =
        connection.prepareStatement(
            "SELECT pg_terminate_backend(l.pid) FROM pg_locks l JOIN pg_stat_activity a USING (pid)"
                + " WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1"
                + " AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())"
                + " AND ((l.classid::bigint << 32) | l.objid::bigint) = "
                + KEY
                + " AND l.pid <> pg_backend_pid()")) {
      end.setString(1, name);
      end.executeQuery().close();
    }
  }
}
