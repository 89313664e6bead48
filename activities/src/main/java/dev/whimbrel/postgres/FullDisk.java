package dev.whimbrel.postgres;

import dev.whimbrel.activity.Failures;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.Optional;

/**
 * Finds out whether a server's disk is full, which its replication workers tell only to its log: it
 * tries to write a few megabytes and takes them back.
 */
final class FullDisk {
  /** A bulk load extends its table by up to 4 MB at once: less than that may still be free. */
  private static final String SIXTEEN_MEGABYTES =
      "SET LOCAL temp_tablespaces = '';"
          + " CREATE TEMPORARY TABLE whimbrel_room ON COMMIT DROP AS"
          + " SELECT repeat('x', 1900) AS room FROM generate_series(1, 8192)";

  private static final String WHERE =
      """
      SELECT format('%s:%s/%s, tablespace %s', host(inet_server_addr()), inet_server_port(), current_database(), t.spcname)
             || coalesce(' at ' || CASE
                  WHEN pg_tablespace_location(t.oid) <> '' THEN pg_tablespace_location(t.oid)
                  WHEN pg_has_role('pg_read_all_settings', 'USAGE') THEN current_setting('data_directory') END, '')
        FROM pg_database d JOIN pg_tablespace t ON t.oid = d.dattablespace
       WHERE d.datname = current_database()""";

  private FullDisk() {}

  /**
   * A failure that names the server and its disk, or nothing where there is room on both sides.
   *
   * @param consequence what a full disk explains
   */
  static Optional<RuntimeException> find(Connection source, Connection target, String consequence)
      throws SQLException {
    Optional<RuntimeException> found = find("target", target, consequence);
    return found.isPresent() ? found : find("source", source, consequence);
  }

  private static Optional<RuntimeException> find(
      String side, Connection connection, String consequence) throws SQLException {
    Optional<String> refusal = refusal(connection);
    return refusal.isEmpty()
        ? Optional.empty()
        : Optional.of(failure(side, "is", connection, refusal.get(), consequence));
  }

  /**
   * The same of a target that was full when it refused a row: its rollback gives back what was
   * written until then, so that there may be room again. Nothing else writes in a copy.
   */
  static RuntimeException onTarget(Connection target, SQLException refusal, String consequence)
      throws SQLException {
    return failure("target", "was", target, SqlFailures.firstLine(refusal), consequence);
  }

  private static RuntimeException failure(
      String side, String tense, Connection connection, String refusal, String consequence)
      throws SQLException {
    return Failures.needsHelp(
        "The disk of the %s's server %s full (%s): %s (%s). %s"
            .formatted(side, tense, where(connection), refusal, SqlFailures.DISK_FULL, consequence),
        "give the server more disk, then retry",
        null);
  }

  /** What the server says to sixteen megabytes, where it says that it has no room. */
  private static Optional<String> refusal(Connection connection) throws SQLException {
    connection.setAutoCommit(false);
    try (Statement statement = connection.createStatement()) {
      statement.execute(SIXTEEN_MEGABYTES);
      return Optional.empty();
    } catch (SQLException e) {
      // Without the right to temporary tables nothing is known.
      return SqlFailures.is(e, SqlFailures.DISK_FULL)
          ? Optional.of(SqlFailures.firstLine(e))
          : Optional.empty();
    } finally {
      connection.rollback();
      connection.setAutoCommit(true);
    }
  }

  private static String where(Connection connection) throws SQLException {
    try (Statement statement = connection.createStatement();
        ResultSet row = statement.executeQuery(WHERE)) {
      row.next();
      return row.getString(1);
    }
  }
}
