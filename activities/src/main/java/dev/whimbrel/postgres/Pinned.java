package dev.whimbrel.postgres;

import static java.util.stream.Collectors.joining;

import dev.whimbrel.runbook.PostgresSpec;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.Map;

/**
 * Read-only sessions in which every setting that shapes a value's text is the same on both servers.
 */
final class Pinned {
  /** Longer than a block of rows takes on a slow disk; a scan that takes longer is said so. */
  private static final Duration STATEMENT = Duration.ofMinutes(5);

  private static final Map<String, String> SHAPES_TEXT =
      Map.ofEntries(
          Map.entry("row_security", "off"),
          Map.entry("search_path", "pg_catalog"),
          Map.entry("DateStyle", "ISO, YMD"),
          Map.entry("IntervalStyle", "postgres"),
          Map.entry("TimeZone", "UTC"),
          Map.entry("extra_float_digits", "1"),
          Map.entry("bytea_output", "hex"),
          Map.entry("lc_monetary", "C"),
          Map.entry("xmlbinary", "base64"),
          Map.entry("quote_all_identifiers", "off"),
          Map.entry("standard_conforming_strings", "on"),
          Map.entry("max_parallel_workers_per_gather", "0"),
          Map.entry("jit", "off"));

  private static final Map<String, String> IS_SHORT =
      Map.of(
          "default_transaction_read_only", "on",
          "lock_timeout", "5s",
          "statement_timeout", STATEMENT.toSeconds() + "s",
          "idle_in_transaction_session_timeout", "60s");

  private Pinned() {}

  /** Opens a session; its statements are short, and none of them writes. */
  static Connection open(Databases databases, PostgresSpec spec, String applicationName)
      throws SQLException {
    Connection connection =
        databases.open(
            spec, applicationName, STATEMENT.plusSeconds(30), Map.of("prepareThreshold", "0"));
    try (Statement statement = connection.createStatement()) {
      statement.execute(each("set", SHAPES_TEXT) + each("set", IS_SHORT));
      if (connection.getMetaData().getDatabaseMajorVersion() >= 14) {
        // So that a look which was given up ends on the server too.
        statement.execute("set client_connection_check_interval = '2s'");
      }
      return awake(connection);
    } catch (SQLException e) {
      connection.close();
      throw e;
    }
  }

  /** The same settings for the rest of a transaction, of whatever session. */
  static String here() {
    return each("set local", SHAPES_TEXT);
  }

  private static String each(String command, Map<String, String> settings) {
    return settings.entrySet().stream()
        .map(
            setting ->
                "%s %s = %s; "
                    .formatted(command, setting.getKey(), Quoting.literal(setting.getValue())))
        .collect(joining());
  }

  /** The same session, which the server does not end for resting while others are at work. */
  static Connection awake(Connection connection) throws SQLException {
    if (connection.getMetaData().getDatabaseMajorVersion() < 14) {
      return connection;
    }
    try (Statement statement = connection.createStatement()) {
      statement.execute("set idle_session_timeout = 0");
      return connection;
    } catch (SQLException e) {
      connection.close();
      throw e;
    }
  }
}
