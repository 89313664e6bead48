package dev.whimbrel.postgres;

import dev.whimbrel.activity.Failures;
import dev.whimbrel.activity.Side;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.util.Locale;
import java.util.Optional;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * The one row, on either database, that says which migration holds it and which side may be
 * written. The row with the higher epoch is right. The epoch only ever changes by compare-and-set,
 * in the transaction that also opens or closes the fence.
 */
final class Authority {
  private static final String CREATE =
      """
      CREATE SCHEMA IF NOT EXISTS whimbrel;
      CREATE TABLE IF NOT EXISTS whimbrel.authority (
        one boolean PRIMARY KEY DEFAULT true CHECK (one),
        migration text NOT NULL,
        side text NOT NULL CHECK (side IN ('source', 'target')),
        writable text NOT NULL CHECK (writable IN ('source', 'target')),
        epoch bigint NOT NULL,
        marker uuid,
        losing_lsn pg_lsn,
        fingerprint text,
        can_go_back boolean NOT NULL DEFAULT false,
        note text,
        withdrawn boolean NOT NULL DEFAULT false,
        claimed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        changed_at timestamptz NOT NULL DEFAULT clock_timestamp())
      """;

  private Authority() {}

  /**
   * What one database knows.
   *
   * @param migration the migration that holds the database
   * @param side which side this database is
   * @param writable the side that may be written, as far as this database knows
   * @param epoch counts the changes of the writable side, from 1
   * @param marker the marker that must have arrived before the gaining side opens; null where
   *     nothing needs to arrive
   * @param losingLsn where the losing side stood when it handed over
   * @param fingerprint {@link Fence#fingerprint} of the catalog that the switchover was prepared
   *     for; null before
   * @param canGoBack whether the way back was proved when the switchover was prepared
   * @param note who did it and why, where a person decided
   * @param changedAt when {@code writable} last changed, or the claim; this server's clock
   */
  record Row(
      String migration,
      Side side,
      Side writable,
      long epoch,
      @Nullable UUID marker,
      @Nullable String losingLsn,
      @Nullable String fingerprint,
      boolean canGoBack,
      @Nullable String note,
      Instant changedAt) {

    /** Whether this database has ever lost or gained the truth. */
    boolean moved() {
      return losingLsn != null;
    }
  }

  /** Creates schema and table. Again is harmless. */
  static void create(Connection database) throws SQLException {
    Verbatim.execute(database, CREATE);
  }

  /**
   * Claims a database for a migration; the source is writable, in epoch 1. Again is harmless and
   * changes nothing.
   *
   * @throws io.temporal.failure.ApplicationFailure {@code NeedsHelp} where another migration holds
   *     it, naming it, or where this one holds it as the other side
   */
  static Row claim(Connection database, String migration, Side side) throws SQLException {
    create(database);
    try (PreparedStatement insert =
        database.prepareStatement(
            "INSERT INTO whimbrel.authority (migration, side, writable, epoch)"
                + " VALUES (?, ?, 'source', 1) ON CONFLICT (one) DO NOTHING")) {
      insert.setString(1, migration);
      insert.setString(2, side.word());
      insert.executeUpdate();
    }
    Row row = require(database, migration, side);
    try (Statement statement = database.createStatement()) {
      statement.execute("UPDATE whimbrel.authority SET withdrawn = false WHERE withdrawn");
    }
    ReleasedSlots.forget(database);
    return row;
  }

  /** Remembers that the preparation was taken back: until a new claim nothing is prepared here. */
  static void withdraw(Connection database) throws SQLException {
    try (Statement statement = database.createStatement()) {
      statement.execute("UPDATE whimbrel.authority SET withdrawn = true WHERE NOT withdrawn");
    }
  }

  /**
   * Refuses a preparation that comes after it was taken back.
   *
   * @throws io.temporal.failure.ApplicationFailure {@code NeedsHelp} where it was
   */
  static void mustNotBeWithdrawn(Connection database, Row row) throws SQLException {
    try (Statement statement = database.createStatement();
        ResultSet withdrawn =
            statement.executeQuery("SELECT FROM whimbrel.authority WHERE withdrawn")) {
      if (withdrawn.next()) {
        throw Failures.needsHelp(
            "The preparation of %s was taken back on the %s: a late attempt begins nothing"
                .formatted(row.migration(), row.side().word()),
            "start the migration again",
            null);
      }
    }
  }

  /** What a database knows; empty where nobody claimed it. */
  static Optional<Row> read(Connection database) throws SQLException {
    try (Statement statement = database.createStatement()) {
      try (ResultSet there =
          statement.executeQuery("SELECT to_regclass('whimbrel.authority') IS NOT NULL")) {
        there.next();
        if (!there.getBoolean(1)) {
          return Optional.empty();
        }
      }
      try (ResultSet row =
          statement.executeQuery(
              "SELECT migration, side, writable, epoch, marker, losing_lsn::text, fingerprint,"
                  + " can_go_back, note, changed_at FROM whimbrel.authority")) {
        return row.next() ? Optional.of(row(row)) : Optional.empty();
      }
    }
  }

  /**
   * What a database knows, which must be this migration's.
   *
   * @throws io.temporal.failure.ApplicationFailure {@code NeedsHelp} where it is not
   */
  static Row require(Connection database, String migration, Side side) throws SQLException {
    Row row =
        read(database)
            .orElseThrow(
                () ->
                    Failures.needsHelp(
                        "The " + side.word() + " database is not claimed by " + migration,
                        "run the step that claims it, or start the migration again",
                        "whimbrel retry " + migration));
    if (!row.migration().equals(migration)) {
      throw Failures.needsHelp(
          "The %s database belongs to %s (as its %s, since %s), not to %s"
              .formatted(
                  side.word(),
                  CloneTarget.words(row.migration()),
                  row.side().word(),
                  row.changedAt(),
                  migration),
          "end that first, or choose another database",
          CloneTarget.command(row.migration()));
    }
    if (row.side() != side) {
      throw Failures.needsHelp(
          "The %s database of %s was claimed as its %s"
              .formatted(side.word(), migration, row.side().word()),
          "check that source and target of the runbook are not swapped",
          null);
    }
    return row;
  }

  /**
   * Takes the claim back and drops schema {@code whimbrel}, where this migration holds the database
   * and the source may be written. Again is harmless; a database of another migration is left
   * alone.
   *
   * @throws io.temporal.failure.ApplicationFailure {@code NeedsHelp} where the target is the truth
   */
  static void release(Connection database, String migration) throws SQLException {
    Optional<Row> row = read(database);
    if (row.isEmpty() || !row.get().migration().equals(migration)) {
      return;
    }
    if (row.get().writable() == Side.TARGET) {
      throw Failures.needsHelp(
          "Cannot release the %s database of %s: it was handed over (epoch %d)"
              .formatted(row.get().side().word(), migration, row.get().epoch()),
          "roll back first",
          "whimbrel rollback " + migration);
    }
    Fence.uninstall(database);
    try (Statement statement = database.createStatement()) {
      statement.execute("DROP SCHEMA IF EXISTS whimbrel CASCADE");
    }
  }

  /**
   * PL/pgSQL that moves the epoch on by compare-and-set, or raises. To be put into the transaction
   * that opens or closes the fence.
   *
   * @param expected the row that was read
   * @param next the side that may be written from now on
   * @param epoch the new epoch
   * @param marker what must have arrived before the gaining side opens
   * @param note who decided and why, or null
   */
  static String compareAndSet(
      Row expected, Side next, long epoch, @Nullable UUID marker, @Nullable String note) {
    return String.format(
        Locale.ROOT,
        """
        UPDATE whimbrel.authority SET writable = '%s', epoch = %d, marker = %s,
               losing_lsn = pg_current_wal_insert_lsn(), note = %s, changed_at = clock_timestamp()
         WHERE migration = %s AND epoch = %d AND writable = '%s';
        IF NOT FOUND THEN
          RAISE EXCEPTION 'the epoch is no longer %d' USING ERRCODE = '40001';
        END IF;
        """,
        next.word(),
        epoch,
        marker == null ? "NULL" : "'" + marker + "'",
        note == null ? "NULL" : Quoting.literal(note),
        Quoting.literal(expected.migration()),
        expected.epoch(),
        expected.writable().word(),
        expected.epoch());
  }

  /**
   * A statement that moves the epoch on while the truth stays where it is, and forgets what was
   * prepared: whoever prepared before begins nothing any more.
   *
   * @param expected the row that was read
   * @param epoch the new epoch
   */
  static String supersede(Row expected, long epoch) {
    return String.format(
        Locale.ROOT,
        """
        DO $$ BEGIN
          UPDATE whimbrel.authority SET epoch = %d, fingerprint = NULL
           WHERE migration = %s AND epoch = %d AND writable = '%s';
          IF NOT FOUND THEN
            RAISE EXCEPTION 'the epoch is no longer %d' USING ERRCODE = '40001';
          END IF;
        END $$""",
        epoch,
        Quoting.literal(expected.migration()),
        expected.epoch(),
        expected.writable().word(),
        expected.epoch());
  }

  /** Remembers what the switchover was prepared for. */
  static void prepared(Connection database, String fingerprint, boolean canGoBack)
      throws SQLException {
    try (PreparedStatement update =
        database.prepareStatement(
            "UPDATE whimbrel.authority SET fingerprint = ?, can_go_back = ?")) {
      update.setString(1, fingerprint);
      update.setBoolean(2, canGoBack);
      update.executeUpdate();
    }
  }

  private static Row row(ResultSet row) throws SQLException {
    return new Row(
        row.getString(1),
        side(row.getString(2)),
        side(row.getString(3)),
        row.getLong(4),
        row.getObject(5, UUID.class),
        row.getString(6),
        row.getString(7),
        row.getBoolean(8),
        row.getString(9),
        row.getObject(10, OffsetDateTime.class).toInstant());
  }

  private static Side side(String word) {
    return word.equals("source") ? Side.SOURCE : Side.TARGET;
  }
}
