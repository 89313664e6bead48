package dev.whimbrel.postgres;

import dev.whimbrel.activity.CopyRequest;
import java.sql.Connection;
import java.sql.SQLException;
import org.postgresql.PGConnection;

/**
 * The two sessions of one who copies: the source's sees the snapshot, the target's is in a
 * transaction of its own for each piece.
 *
 * @param reader the source session's process
 * @param writer the target session's process
 */
record CopyPair(Connection source, Connection target, int reader, int writer) {

  /** Opens both, and exports the snapshot once more, so that it outlives whoever held it before. */
  static CopyPair open(CopySessions sessions, CopyRequest request)
      throws SQLException, Snapshots.Gone {
    int generation = request.generation();
    Connection target = sessions.target();
    try {
      sessions.endEarlier(target);
      CopyGenerations generations = new CopyGenerations(target);
      Connection source = sessions.source();
      try {
        sessions.endEarlier(source);
        generations.export(
            generation, Snapshots.enter(source, generations.snapshots(generation), generation));
        target.setAutoCommit(false);
        return new CopyPair(source, target, pid(source), pid(target));
      } catch (SQLException | Snapshots.Gone | RuntimeException e) {
        source.close();
        throw e;
      }
    } catch (SQLException | Snapshots.Gone | RuntimeException e) {
      target.close();
      throw e;
    }
  }

  /** Ends both without asking them. */
  void abort() {
    Heartbeats.abort(source);
    Heartbeats.abort(target);
  }

  /** Ends both; what was under way is rolled back by the servers. */
  void close() {
    close(source);
    close(target);
  }

  private static int pid(Connection connection) throws SQLException {
    return connection.unwrap(PGConnection.class).getBackendPID();
  }

  private static void close(Connection connection) {
    try {
      connection.close();
    } catch (SQLException e) {
      Heartbeats.abort(connection);
    }
  }
}
