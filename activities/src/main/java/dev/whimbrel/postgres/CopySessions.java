package dev.whimbrel.postgres;

import dev.whimbrel.activity.Move;
import dev.whimbrel.activity.Side;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.HashMap;
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
          + " SET standard_conforming_strings = on;"
          + " SET tcp_keepalives_idle = 10; SET tcp_keepalives_interval = 5;"
          + " SET tcp_keepalives_count = 4";

  private static final Duration HOLDER = Duration.ofSeconds(30);

  /** Longer than the wait for a lock. */
  static final Duration ANSWER = Duration.ofSeconds(90);

  private static final String WRITING =
      "SET default_transaction_read_only = off; SET default_transaction_isolation = 'read committed';"
          + " SET check_function_bodies = off;"
          + " SET xmloption = content; SET synchronous_commit = on; "
          + SORT_MEMORY;

  private static final Map<String, String> SIMPLE = Map.of("preferQueryMode", "simple");

  private static final Map<String, String> REPLICATION =
      Map.of("replication", "database", "preferQueryMode", "simple");

  private final Databases databases;
  private final Move move;
  private final String application;

  /** Sessions of the activity that calls this. */
  CopySessions(Databases databases, Move move) {
    this(databases, move, prefix(move) + Heartbeats.activity());
  }

  private CopySessions(Databases databases, Move move, String application) {
    this.databases = databases;
    this.move = move;
    this.application = application;
  }

  /** Sessions like those of a copy, which no copy takes for its own. */
  static CopySessions ofASample(Databases databases, Move move) {
    return new CopySessions(databases, move, Names.applicationName(move.migration(), "sample"));
  }

  /** How the name of every session begins that copies. */
  static String prefix(Move move) {
    return Names.applicationName(move.migration(), "copy") + " ";
  }

  /** The name of this activity's sessions, and of those of its earlier attempts. */
  String application() {
    return application;
  }

  /**
   * Ends what earlier attempts of this activity have left open: the engine has given them up, and
   * one that is frozen would keep its piece, and a lock on the source, for good. Not what builds an
   * index: {@link IndexBuild}.
   */
  void endEarlier(Connection on) throws SQLException {
    end(on, "application_name = " + Quoting.literal(application));
  }

  /** As {@link #endEarlier}, for everybody who copies for this migration. */
  static void endAll(Connection on, Move move) throws SQLException {
    end(
        on,
        "(%s OR state = 'idle' AND %s)"
            .formatted(named(prefix(move)), named(IndexBuild.applicationNames(move))));
  }

  /** Whether anybody is at work for this migration, who builds no index. */
  static boolean isAtWork(Connection on, Move move) throws SQLException {
    try (Statement statement = on.createStatement();
        ResultSet row =
            statement.executeQuery(
                "SELECT EXISTS (SELECT FROM pg_catalog.pg_stat_activity WHERE "
                    + named(Names.applicationName(move.migration(), ""))
                    + " AND NOT "
                    + named(IndexBuild.applicationNames(move))
                    + " AND datname = pg_catalog.current_database())")) {
      return row.next() && row.getBoolean(1);
    }
  }

  /** Ends every session of this migration but the one that is used for it. */
  static void endEverybody(Connection on, Move move) throws SQLException {
    end(on, named(Names.applicationName(move.migration(), "")));
  }

  /** Ends what builds an index for this migration, also where its worker has long died. */
  static void endBuilds(Connection target, Move move) throws SQLException {
    end(target, named(IndexBuild.applicationNames(move)));
  }

  /** As {@link #endBuilds}, on one table only. */
  static void endBuilds(Connection target, Move move, String relation) throws SQLException {
    end(
        target,
        "application_name IN (SELECT %s || id FROM whimbrel.copy_piece WHERE relation = %s)"
            .formatted(
                Quoting.literal(IndexBuild.applicationNames(move)), Quoting.literal(relation)));
  }

  /**
   * From now on the session's server goes on without its client: it neither looks whether the
   * client lives nor warns it, since a message to a dead one would end the session.
   */
  static void leaveAlone(Connection session, String name) throws SQLException {
    Verbatim.execute(session, "SET application_name = " + Quoting.literal(name));
    attend(session, false);
  }

  /** Takes {@link #leaveAlone} back: a session of this activity, as any other. */
  void attend(Connection session) throws SQLException {
    Verbatim.execute(session, "SET application_name = " + Quoting.literal(application));
    attend(session, true);
  }

  private static void attend(Connection session, boolean toTheClient) throws SQLException {
    Verbatim.execute(session, "SET client_min_messages = " + (toTheClient ? "warning" : "error"));
    if (session.getMetaData().getDatabaseMajorVersion() >= 14) {
      Verbatim.execute(
          session, "SET client_connection_check_interval = " + (toTheClient ? "'5s'" : "0"));
    }
  }

  /** Sessions whose name begins so, as a condition. */
  static String named(String prefix) {
    return "pg_catalog.starts_with(application_name, " + Quoting.literal(prefix) + ")";
  }

  /** Ends other sessions of this database. */
  static void end(Connection on, String condition) throws SQLException {
    try (Statement statement = on.createStatement()) {
      statement.execute(
          "SELECT pg_catalog.pg_terminate_backend(pid) FROM pg_catalog.pg_stat_activity WHERE "
              + condition
              + " AND pid <> pg_catalog.pg_backend_pid()"
              + " AND datname = pg_catalog.current_database()");
    }
  }

  /** A session on the source that needs a snapshot; one answer may take half a minute. */
  Connection holder(String name) throws SQLException {
    return prepared(databases.open(move.source(), name, HOLDER), PINNED);
  }

  /**
   * A session on the source that its server keeps on, whoever waits for its one long answer; until
   * then an answer may take half a minute.
   */
  Connection keeper(String name) throws SQLException {
    Connection session = prepared(databases.open(move.source(), name, HOLDER, SIMPLE), PINNED);
    leaveAlone(session, name);
    return session;
  }

  /** A session that creates a slot, however long it has to wait for open transactions. */
  Connection creator(String name) throws SQLException {
    return prepared(open(Side.SOURCE, name, REPLICATION), PINNED + "; SET lock_timeout = 0");
  }

  /** A session on the source whose one answer may take as long as it takes. */
  Connection patient(String name) throws SQLException {
    return prepared(open(Side.SOURCE, name, SIMPLE), PINNED);
  }

  /** A session on the source that speaks the replication protocol; rows pass the driver by. */
  RowSession replication() throws SQLException {
    return RowSession.open(sockets -> prepared(rows(Side.SOURCE, sockets, REPLICATION), PINNED));
  }

  /** A session that reads rows from the source; an answer may take {@link #ANSWER}. */
  RowSession rowsFromSource() throws SQLException {
    return RowSession.open(sockets -> prepared(rows(Side.SOURCE, sockets, SIMPLE), PINNED));
  }

  /** A session that writes rows to the target; an answer may take {@link #ANSWER}. */
  RowSession rowsToTarget() throws SQLException {
    return RowSession.open(
        sockets -> prepared(rows(Side.TARGET, sockets, SIMPLE), PINNED + "; " + WRITING));
  }

  private Connection rows(Side side, OpenSockets sockets, Map<String, String> mode)
      throws SQLException {
    Map<String, String> properties = new HashMap<>(mode);
    properties.putAll(sockets.properties());
    return databases.open(move.on(side), application, ANSWER, properties);
  }

  /** A session that writes to the target, without a limit for one answer. */
  Connection target() throws SQLException {
    return prepared(open(Side.TARGET, application, SIMPLE), PINNED + "; " + WRITING);
  }

  private Connection open(Side side, String name, Map<String, String> properties)
      throws SQLException {
    return databases.open(move.on(side), name, Duration.ZERO, properties);
  }

  /** A session for short looks beside the work; what it writes down waits for no disk. */
  Connection beside(Side side) throws SQLException {
    return prepared(
        databases.open(
            move.on(side),
            Names.applicationName(move.migration(), "copy-progress"),
            Duration.ofSeconds(5)),
        "SET synchronous_commit = off; SET default_transaction_read_only = off");
  }

  /** A session that waits for long is neither ended by its server nor forgotten on the way. */
  static void keep(Connection connection) throws SQLException {
    Verbatim.execute(
        connection,
        "SET tcp_keepalives_idle = 10; SET tcp_keepalives_interval = 5; SET tcp_keepalives_count = 4");
    if (connection.getMetaData().getDatabaseMajorVersion() >= 14) {
      Verbatim.execute(connection, "SET idle_session_timeout = 0");
    }
  }

  private static Connection prepared(Connection connection, String settings) throws SQLException {
    try (Statement statement = connection.createStatement()) {
      statement.execute(settings);
      if (connection.getMetaData().getDatabaseMajorVersion() >= 14) {
        statement.execute("SET idle_session_timeout = 0");
      }
      if (connection.getMetaData().getDatabaseMajorVersion() >= 17) {
        statement.execute("SET transaction_timeout = 0");
      }
      attend(connection, true);
      return connection;
    } catch (SQLException e) {
      connection.close();
      throw e;
    }
  }
}
