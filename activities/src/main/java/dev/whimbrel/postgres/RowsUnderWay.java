package dev.whimbrel.postgres;

import dev.whimbrel.activity.Move;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;

/**
 * Rows that the target has taken of pieces which are not done, of everybody who copies. A failure
 * takes them back.
 *
 * @param bytes as they were sent, which is another measure than a table's size on the disk
 * @param rows none where the server does not count them
 */
record RowsUnderWay(long bytes, long rows) {
  static final RowsUnderWay NONE = new RowsUnderWay(0, 0);

  /** PostgreSQL 14 is the first that counts what a COPY has taken. */
  private static final int COUNTS_FROM = 14;

  private static final String TAKEN =
      """
      SELECT coalesce(sum(p.bytes_processed), 0)::bigint, coalesce(sum(p.tuples_processed), 0)::bigint
        FROM pg_catalog.pg_stat_progress_copy p JOIN pg_catalog.pg_stat_activity a USING (pid)
       WHERE p.datname = pg_catalog.current_database() AND p.command = 'COPY FROM'
         AND pg_catalog.starts_with(a.application_name, ?)""";

  /**
   * Asks the target.
   *
   * @param own bytes of the caller's own piece, which are all that is known of a server that does
   *     not count them
   */
  static RowsUnderWay of(Connection target, Move move, long own) throws SQLException {
    if (target.getMetaData().getDatabaseMajorVersion() < COUNTS_FROM) {
      return new RowsUnderWay(own, 0);
    }
    try (PreparedStatement select = target.prepareStatement(TAKEN)) {
      select.setString(1, CopySessions.prefix(move));
      try (ResultSet row = select.executeQuery()) {
        row.next();
        return new RowsUnderWay(row.getLong(1), row.getLong(2));
      }
    }
  }
}
