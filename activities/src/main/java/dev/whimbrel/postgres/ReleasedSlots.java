package dev.whimbrel.postgres;

import dev.whimbrel.activity.Failures;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.Optional;

/**
 * The note, on the server itself, that the migration's slots were dropped there at the limit for
 * the kept log: written before the first of them goes, so that a later attempt knows why there is
 * none, and makes no other.
 */
final class ReleasedSlots {
  private ReleasedSlots() {}

  /** A transaction that leaves the note; waits for no standby, for whose sake a disk would fill. */
  static String noteSql(String why) {
    return """
        BEGIN; SET LOCAL synchronous_commit = local;
        CREATE TABLE IF NOT EXISTS whimbrel.released (
          one boolean PRIMARY KEY DEFAULT true CHECK (one), why text NOT NULL,
          at timestamptz NOT NULL DEFAULT clock_timestamp());
        INSERT INTO whimbrel.released (why) VALUES (%1$s) ON CONFLICT (one) DO NOTHING;
        UPDATE whimbrel.authority SET can_go_back = false, note = concat_ws('; ', note, %1$s)
         WHERE can_go_back AND side = 'target';
        COMMIT"""
        .formatted(Quoting.literal(why));
  }

  /** Why the slots were dropped; empty where they were not. */
  static Optional<String> why(Connection database) throws SQLException {
    try (Statement statement = database.createStatement()) {
      try (ResultSet there =
          statement.executeQuery(
              "SELECT pg_catalog.to_regclass('whimbrel.released') IS NOT NULL")) {
        if (!there.next() || !there.getBoolean(1)) {
          return Optional.empty();
        }
      }
      try (ResultSet row = statement.executeQuery("SELECT why FROM whimbrel.released")) {
        return row.next() ? Optional.of(row.getString(1)) : Optional.empty();
      }
    }
  }

  /**
   * Refuses to make a slot where they were dropped.
   *
   * @throws io.temporal.failure.ApplicationFailure {@code NeedsHelp} where they were
   */
  static void refuseNew(Connection database, String migration) throws SQLException {
    Optional<String> why = why(database);
    if (why.isPresent()) {
      throw Failures.needsHelp(
          "No slot is made for %s any more: %s".formatted(migration, why.get()),
          "roll back, give the server more disk or the runbook a higher replicate.wal.limit, and start again",
          "whimbrel rollback " + migration);
    }
  }

  /** Forgets it, for a migration that begins. */
  static void forget(Connection database) throws SQLException {
    try (Statement statement = database.createStatement()) {
      statement.execute("DROP TABLE IF EXISTS whimbrel.released");
    }
  }
}
