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

  /** Gives both sessions up at once, also while a statement runs. */
  void abort() {
    try {
      truth.abort(Runnable::run);
    } catch (SQLException e) {
      // It is gone already, which is what was wanted.
    }
    try {
      follower.abort(Runnable::run);
    } catch (SQLException e) {
      // As above.
    }
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
