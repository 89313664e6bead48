package dev.whimbrel.postgres;

import dev.whimbrel.activity.Side;
import io.temporal.failure.ApplicationFailure;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import org.jspecify.annotations.Nullable;

/**
 * A session that looks from beside at what a server does for another one; opened anew when lost.
 */
final class Beside implements AutoCloseable {
  private final CopySessions sessions;
  private final Side side;
  private @Nullable Connection open;

  Beside(CopySessions sessions, Side side) {
    this.sessions = sessions;
    this.side = side;
  }

  /** What a server says about one of its processes. */
  enum Seen {
    /** It computes, writes or waits for a disk or a lock. */
    AT_WORK,
    /** It waits for its client. */
    WAITS,
    /** The server does not know it any more. */
    GONE,
    /** The server did not answer. */
    NOT_KNOWN
  }

  /** The session, or null where the server does not answer now. */
  @Nullable Connection connection() {
    try {
      Connection now = open;
      if (now == null || now.isClosed()) {
        now = sessions.beside(side);
        open = now;
      }
      return now;
    } catch (SQLException | ApplicationFailure e) {
      return null; // the work's own session says what is wrong with the server, or the secret
    }
  }

  /** Looks at a process. */
  Seen look(int process) {
    Connection now = connection();
    if (now == null) {
      return Seen.NOT_KNOWN;
    }
    try (PreparedStatement select =
        now.prepareStatement(
            "SELECT state = 'active' AND coalesce(wait_event_type, '') <> 'Client'"
                + " FROM pg_catalog.pg_stat_activity WHERE pid = ?")) {
      select.setInt(1, process);
      try (ResultSet row = select.executeQuery()) {
        return !row.next() ? Seen.GONE : row.getBoolean(1) ? Seen.AT_WORK : Seen.WAITS;
      }
    } catch (SQLException e) {
      close();
      return Seen.NOT_KNOWN;
    }
  }

  @Override
  public void close() {
    Connection now = open;
    open = null;
    if (now != null) {
      try {
        now.close();
      } catch (SQLException e) {
        // Nothing was under way in it.
      }
    }
  }
}
