package dev.whimbrel.postgres;

import dev.whimbrel.activity.Move;
import dev.whimbrel.activity.Side;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.Map;

/**
 * Sessions in which queries are asked: each transaction of them reads only, and sees one snapshot.
 * A value's text means the same on both sides, and a name is looked for in the same schemas.
 */
final class QuerySessions {
  /** How long one query may take. */
  static final Duration LIMIT = Duration.ofSeconds(60);

  private static final Duration ANSWER = LIMIT.plusSeconds(30);

  private static final String PINNED =
      "SET row_security = off; SET DateStyle = 'ISO, YMD'; SET IntervalStyle = postgres;"
          + " SET TimeZone = 'UTC'; SET extra_float_digits = 1; SET bytea_output = hex;"
          + " SET lc_monetary = 'C'; SET standard_conforming_strings = on; SET xmloption = content;"
          + " SET lock_timeout = '5s'; SET client_min_messages = error;"
          + " SET default_transaction_read_only = on;"
          // While one side is asked, the other one waits.
          + " SET idle_in_transaction_session_timeout = '200s'; SET statement_timeout = ";

  /** Values come as the server writes them, and a few rows at a time. */
  private static final Map<String, String> AS_TEXT =
      Map.of("binaryTransfer", "false", "prepareThreshold", "0");

  private final Databases databases;
  private final Move move;
  private final Duration limit;
  private final String path;

  private QuerySessions(Databases databases, Move move, Duration limit, String path) {
    this.databases = databases;
    this.move = move;
    this.limit = limit;
    this.path = path;
  }

  /** Sessions of a move; asks the source where its role looks for names. */
  static QuerySessions of(Databases databases, Move move, Duration limit) throws SQLException {
    try (Connection source = databases.open(move.source(), name(move), ANSWER)) {
      return new QuerySessions(
          databases,
          move,
          limit,
          Answers.text(source, "SELECT pg_catalog.current_setting('search_path')"));
    }
  }

  private static String name(Move move) {
    return Names.applicationName(move.migration(), "queries");
  }

  Connection open(Side side) throws SQLException {
    Connection session = databases.open(move.on(side), name(move), ANSWER, AS_TEXT);
    try {
      Verbatim.execute(session, PINNED + limit.toMillis());
      SilentClients.end(session, "30s");
      Answers.text(
          session,
          "SELECT pg_catalog.set_config('search_path', " + Quoting.literal(path) + ", false)");
      if (session.getMetaData().getDatabaseMajorVersion() >= 14) {
        Verbatim.execute(
            session, "SET client_connection_check_interval = '5s'; SET idle_session_timeout = 0");
      }
      if (session.getMetaData().getDatabaseMajorVersion() >= 17) {
        Verbatim.execute(session, "SET transaction_timeout = 0");
      }
      session.setTransactionIsolation(Connection.TRANSACTION_REPEATABLE_READ);
      session.setReadOnly(true);
      session.setAutoCommit(false);
      return session;
    } catch (SQLException | RuntimeException e) {
      Heartbeats.abort(session);
      throw e;
    }
  }
}
