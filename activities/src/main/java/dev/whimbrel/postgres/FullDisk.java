package dev.whimbrel.postgres;

import dev.whimbrel.activity.Failures;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

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
      SELECT format('%%s:%%s/%%s, tablespace %%s', host(inet_server_addr()), inet_server_port(), current_database(), t.spcname)
             || coalesce(' at ' || CASE
                  WHEN pg_tablespace_location(t.oid) <> '' THEN pg_tablespace_location(t.oid)
                  WHEN pg_has_role('pg_read_all_settings', 'USAGE') THEN current_setting('data_directory') END, '')
        FROM pg_database d JOIN pg_tablespace t ON t.oid = %s
       WHERE d.datname = current_database()""";

  private static final String OF_THE_DATABASE = "d.dattablespace";

  /** pg_default and pg_global, as {@code pg_tablespace_d.h} has them. */
  private static final String DEFAULT = "1663";

  private static final String GLOBAL = "1664";

  /**
   * The file of a table or an index, which names its tablespace in every language of a server; none
   * for what is temporary, nor shared memory, which 53100 is said of too.
   */
  private static final Pattern FILE =
      Pattern.compile("\"(?:(base)|(global)|pg_tblspc/(\\d+))/(?![^\"]*pgsql_tmp)[^\"]*\"");

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
        : Optional.of(
            failure(side, "is", where(connection, OF_THE_DATABASE), refusal.get(), consequence));
  }

  /**
   * The same of a target that was full when it refused to extend a table or an index: its rollback
   * gives back what was written until then, so that there may be room again. A copy extends none on
   * the source.
   *
   * @return empty where the refusal is of anything else
   */
  static Optional<RuntimeException> onTarget(
      Connection target, SQLException refusal, String consequence) throws SQLException {
    String said = SqlFailures.firstLine(refusal);
    Matcher file = FILE.matcher(said);
    if (!file.find()) {
      return Optional.empty();
    }
    String tablespace =
        file.group(1) != null
            ? DEFAULT
            : file.group(2) != null ? GLOBAL : String.valueOf(file.group(3));
    return Optional.of(failure("target", "was", where(target, tablespace), said, consequence));
  }

  private static RuntimeException failure(
      String side, String tense, String where, String refusal, String consequence) {
    return Failures.needsHelp(
        "The disk of the %s's server %s full (%s): %s (%s). %s"
            .formatted(side, tense, where, refusal, SqlFailures.DISK_FULL, consequence),
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

  private static String where(Connection connection, String tablespace) throws SQLException {
    try (Statement statement = connection.createStatement();
        ResultSet row = statement.executeQuery(WHERE.formatted(tablespace))) {
      row.next();
      return row.getString(1);
    }
  }
}
