package dev.whimbrel.postgres;

import dev.whimbrel.activity.Move;
import dev.whimbrel.activity.Side;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.Map;

/**
 * Sessions of the bulk copy. A value's text means the same in all of them; nothing that a provider
 * sets ends one that is at work, and a peer that has gone silently is noticed by either server.
 */
final class CopySessions {
  /**
   * Memory for the sort of an index: what the server would take, or as much as it was given for its
   * buffers, up to half a gigabyte; several are sorted at once.
   */
  private static final String SORT_MEMORY =
      "SELECT pg_catalog.set_config('maintenance_work_mem', greatest(m.setting::bigint,"
          + " least(524288, b.setting::bigint * 8)) || 'kB', false)"
          + " FROM pg_catalog.pg_settings m, pg_catalog.pg_settings b"
          + " WHERE m.name = 'maintenance_work_mem' AND b.name = 'shared_buffers'";

  private static final String PINNED =
      "SET search_path = ''; SET row_security = off; SET DateStyle = 'ISO, YMD';"
          + " SET IntervalStyle = postgres; SET TimeZone = 'UTC'; SET extra_float_digits = 1;"
          + " SET bytea_output = hex; SET lc_monetary = 'C'; SET statement_timeout = 0;"
          + " SET idle_in_transaction_session_timeout = 0; SET lock_timeout = '60s';"
          + " SET standard_conforming_strings = on; SET client_min_messages = warning;"
          + " SET tcp_keepalives_idle = 10; SET tcp_keepalives_interval = 5;"
          + " SET tcp_keepalives_count = 4";

  private static final String WRITING =
      "SET default_transaction_read_only = off; SET check_function_bodies = off;"
          + " SET xmloption = content; SET synchronous_commit = on; "
          + SORT_MEMORY;

  private final Databases databases;
  private final Move move;

  CopySessions(Databases databases, Move move) {
    this.databases = databases;
    this.move = move;
  }

  /** The name of every session that copies. */
  String application() {
    return Names.applicationName(move.migration(), "copy");
  }

  /** A session that reads from the source, without a limit for one answer. */
  Connection source() throws SQLException {
    Connection source =
        databases.open(
            move.source(), application(), Duration.ZERO, Map.of("preferQueryMode", "simple"));
    return prepared(source, PINNED);
  }

  /** A session that writes to the target, without a limit for one answer. */
  Connection target() throws SQLException {
    Connection target =
        databases.open(
            move.target(), application(), Duration.ZERO, Map.of("preferQueryMode", "simple"));
    return prepared(target, PINNED + "; " + WRITING);
  }

  /** A session on the source that speaks the replication protocol. */
  Connection replication() throws SQLException {
    Connection replication =
        databases.open(
            move.source(),
            application(),
            Duration.ZERO,
            Map.of("replication", "database", "preferQueryMode", "simple"));
    return prepared(replication, PINNED);
  }

  /** A session for short looks beside the work. */
  Connection beside(Side side) throws SQLException {
    return databases.open(
        move.on(side),
        Names.applicationName(move.migration(), "copy-progress"),
        Duration.ofSeconds(10));
  }

  private static Connection prepared(Connection connection, String settings) throws SQLException {
    try (Statement statement = connection.createStatement()) {
      statement.execute(settings);
      if (connection.getMetaData().getDatabaseMajorVersion() >= 14) {
        statement.execute("SET idle_session_timeout = 0");
        statement.execute("SET client_connection_check_interval = '5s'");
      }
      return connection;
    } catch (SQLException e) {
      connection.close();
      throw e;
    }
  }
}
