package dev.whimbrel.postgres;

import dev.whimbrel.activity.Move;
import dev.whimbrel.activity.Side;
import dev.whimbrel.runbook.PostgresUrl;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.Optional;

/**
 * A target that was the truth, was left by a rollback, and could not be emptied: it may hold rows
 * that are nowhere else. It stays closed, since whoever has its address would be acknowledged
 * writes that nobody reads, and claimed, so that nobody takes it for one that is merely not empty.
 */
final class KeptTarget {
  private KeptTarget() {}

  /** Whether the database is one. */
  static boolean holds(Connection target, String migration) throws SQLException {
    Optional<Authority.Row> row = Authority.read(target);
    return row.isPresent()
        && row.get().migration().equals(migration)
        && row.get().moved()
        && row.get().writable() == Side.SOURCE
        && new Ledger(target, migration).exists()
        && !new Ledger(target, migration).done().isEmpty()
        && hasTables(target);
  }

  /** What ends it. */
  static String drop(Move move) {
    return "DROP DATABASE "
        + Quoting.shown(PostgresUrl.parse(move.target().url()).database())
        + ";";
  }

  private static boolean hasTables(Connection target) throws SQLException {
    try (Statement statement = target.createStatement();
        ResultSet row = statement.executeQuery("SELECT FROM " + Fence.TABLES + " LIMIT 1")) {
      return row.next();
    }
  }
}
