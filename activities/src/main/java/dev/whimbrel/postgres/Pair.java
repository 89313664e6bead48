package dev.whimbrel.postgres;

import java.sql.Connection;
import java.sql.SQLException;

/**
 * One session on each side.
 *
 * @param truth on the side that takes the writes
 * @param follower on the side that its stream feeds
 */
record Pair(Connection truth, Connection follower) implements AutoCloseable {
  /** Whether ranges of pages can be read without scanning the whole table, on both sides. */
  boolean readsRangesOfPages() throws SQLException {
    return truth.getMetaData().getDatabaseMajorVersion() >= 14
        && follower.getMetaData().getDatabaseMajorVersion() >= 14;
  }

  /**
   * Reads the same on both sides at the same time.
   *
   * @throws SQLException the truth's failure, else the follower's, when both have ended
   */
  <T> Read<T> both(Reader<T> reader) throws SQLException {
    return AtOnce.both(
        "verification-follower", () -> reader.read(truth), () -> reader.read(follower));
  }

  /** What one side says. */
  interface Reader<T> {
    T read(Connection connection) throws SQLException;
  }

  /** What both sides have said. */
  record Read<T>(T truth, T follower) {}

  /** Gives both sessions up at once, also while a statement runs. */
  void abort() {
    Heartbeats.abort(truth);
    Heartbeats.abort(follower);
  }

  @Override
  public void close() throws SQLException {
    try {
      truth.close();
    } finally {
      follower.close();
    }
  }
}
