package dev.whimbrel.postgres;

import dev.whimbrel.activity.Failures;
import dev.whimbrel.activity.Move;
import dev.whimbrel.activity.Side;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.UUID;

/**
 * Markers: rows written on one side and awaited on the other, the proof that everything committed
 * before them has arrived. Each stream has a table of its own, on both databases; a shared one
 * would stop the second stream.
 */
final class Markers {
  /** The writer whose markers are kept: they decide whether a side may open. */
  static final String HAND_OVER = "hand-over";

  /** Of every table of markers. */
  static final String SHAPE =
      """
       (id uuid PRIMARY KEY, writer text NOT NULL,
        written_at timestamptz NOT NULL DEFAULT clock_timestamp());
      """;

  private static final String CREATE_FORWARD =
      "CREATE SCHEMA IF NOT EXISTS whimbrel; CREATE TABLE IF NOT EXISTS whimbrel.marker_forward"
          + SHAPE;

  private static final String CREATE_REVERSE =
      "CREATE TABLE IF NOT EXISTS whimbrel.marker_reverse" + SHAPE;

  /** The marker of a stage's own stream, on both databases while there is one. */
  private static final String CREATE_OF_STAGE =
      "CREATE TABLE IF NOT EXISTS whimbrel.marker_stage" + SHAPE;

  /** Long enough for a marker to be looked for; short enough for a soak of days to stay small. */
  private static final String KEPT = "10 minutes";

  private Markers() {}

  /** Creates both tables, where one stream has each of them. Again is harmless. */
  static void create(Connection database) throws SQLException {
    try (Statement statement = database.createStatement()) {
      statement.execute(SharedMarkers.OF_ONE + CREATE_FORWARD + CREATE_REVERSE);
    }
  }

  /**
   * Creates what the streams of a migration need on one side. Again is harmless.
   *
   * @throws io.temporal.failure.ApplicationFailure {@code NeedsHelp} where streams are there of an
   *     earlier run, which had another number of them
   */
  static void create(Connection database, Side side, Move move) throws SQLException {
    try {
      if (!move.shared()) {
        create(database);
        return;
      }
      SharedMarkers.create(database, side, move);
      try (Statement statement = database.createStatement()) {
        statement.execute(CREATE_REVERSE);
      }
    } catch (SQLException e) {
      if (SqlFailures.is(e, SharedMarkers.OTHERS)) {
        throw others(side, move, e);
      }
      throw e;
    }
  }

  private static RuntimeException others(Side side, Move move, SQLException e) {
    return Failures.needsHelp(
        "The %s has streams of an earlier run of this migration, which had another number of subscriptions than %d: %s"
            .formatted(
                side.word(), move.streams(), SqlFailures.firstLine(e).replace("ERROR: ", "")),
        "roll back, which removes them, and start again",
        "whimbrel rollback " + move.migration());
  }

  /** Creates the table of a stage's own stream. Again is harmless. */
  static void createOfStage(Connection database) throws SQLException {
    try (Statement statement = database.createStatement()) {
      statement.execute(CREATE_OF_STAGE);
    }
  }

  /** Drops it. Again is harmless. */
  static void dropOfStage(Connection database) throws SQLException {
    try (Statement statement = database.createStatement()) {
      statement.execute("DROP TABLE IF EXISTS whimbrel.marker_stage");
    }
  }

  /**
   * Empties the table of the stream that leaves {@code from}, so that a subscription with initial
   * data can fill it. To be called on the subscriber, before it subscribes.
   */
  static void clear(Connection subscriber, Side from) throws SQLException {
    try (Statement statement = subscriber.createStatement()) {
      statement.execute("DELETE FROM " + table(from));
    }
  }

  /** The table of the stream that leaves {@code from}. */
  static String table(Side from) {
    return from == Side.SOURCE ? "whimbrel.marker_forward" : "whimbrel.marker_reverse";
  }

  /**
   * Writes a marker on the side it leaves, in a transaction of its own when {@code database} is in
   * autocommit mode, and drops this writer's old ones.
   *
   * @param writer who writes it; markers of {@link #HAND_OVER} are kept
   */
  static UUID write(Connection database, Side from, String writer) throws SQLException {
    return write(database, table(from), writer);
  }

  /** As {@link #write(Connection, Side, String)}, by the stream's own table. */
  static UUID write(Connection database, String table, String writer) throws SQLException {
    UUID id = UUID.randomUUID();
    try (Statement statement = database.createStatement()) {
      statement.execute(writeSql(table, id, writer));
    }
    return id;
  }

  /** As {@link #write}, as one statement. */
  static String writeSql(Side from, UUID id, String writer) {
    return writeSql(table(from), id, writer);
  }

  private static String writeSql(String table, UUID id, String writer) {
    String purge =
        writer.equals(HAND_OVER)
            ? ""
            : "WITH old AS (DELETE FROM %s WHERE writer = %s AND written_at < clock_timestamp() - interval '%s') "
                .formatted(table, Quoting.literal(writer), KEPT);
    return purge + insertSql(table, id, writer);
  }

  /** A statement that inserts a marker and drops none. */
  static String insertSql(String table, UUID id, String writer) {
    return "INSERT INTO %s (id, writer) VALUES ('%s', %s)"
        .formatted(table, id, Quoting.literal(writer));
  }

  /** Whether the marker of the stream that leaves {@code from} has arrived in this database. */
  static boolean arrived(Connection database, Side from, UUID id) throws SQLException {
    try (PreparedStatement select =
        database.prepareStatement("SELECT 1 FROM " + table(from) + " WHERE id = ?")) {
      select.setObject(1, id);
      try (ResultSet row = select.executeQuery()) {
        return row.next();
      }
    }
  }

  /**
   * Waits for a marker inside the server: one round trip, however long it takes. The connection
   * must be in autocommit mode or read committed.
   *
   * @return whether it arrived in time
   */
  static boolean await(Connection database, Side from, UUID id, Duration limit)
      throws SQLException {
    return await(database, table(from), id, limit);
  }

  /** As {@link #await(Connection, Side, UUID, Duration)}, by the stream's own table. */
  static boolean await(Connection database, String table, UUID id, Duration limit)
      throws SQLException {
    try (Statement statement = database.createStatement()) {
      statement.execute(awaitSql(table, id, limit));
      return true;
    } catch (SQLException e) {
      if (SqlFailures.is(e, NOT_ARRIVED)) {
        return false;
      }
      throw e;
    }
  }

  /** SQLSTATE of {@link #awaitSql} when the marker did not arrive in time. */
  static final String NOT_ARRIVED = "WB001";

  private static String awaitSql(String table, UUID id, Duration limit) {
    return awaitSql(id, "EXISTS (SELECT FROM %s WHERE id = '%s')".formatted(table, id), limit);
  }

  /**
   * A statement that returns when every lane of the stream has brought the marker, and fails when
   * one has not in time.
   */
  static String awaitSql(Stream stream, UUID id, Duration limit) {
    return awaitSql(id, stream.arrived(id), limit);
  }

  private static String awaitSql(UUID id, String arrived, Duration limit) {
    return """
        DO $$
        DECLARE until timestamptz := clock_timestamp() + interval '%d milliseconds';
        BEGIN
          WHILE NOT (%s) LOOP
            IF clock_timestamp() > until THEN
              RAISE EXCEPTION 'marker %s did not arrive in %d ms' USING ERRCODE = '%s';
            END IF;
            PERFORM pg_sleep(0.001);
          END LOOP;
        END $$"""
        .formatted(limit.toMillis(), arrived, id, limit.toMillis(), NOT_ARRIVED);
  }
}
