package dev.whimbrel.postgres;

import dev.whimbrel.activity.Side;
import dev.whimbrel.runbook.PostgresUrl;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.Optional;

/**
 * A target that was left by a rollback and could not be emptied: it may hold rows that are nowhere
 * else. It stays closed, since whoever has its address would be acknowledged writes that nobody
 * reads, and claimed, so that nobody takes it for one that is merely not empty. No stream feeds it.
 */
final class KeptTarget {
  /** Begins the note of its authority. */
  private static final String NOTE = "kept, closed, after a rollback";

  private KeptTarget() {}

  /** Whether the database is one: what was created there has not been dropped by its record. */
  static boolean holds(Connection target, String migration) throws SQLException {
    Optional<Authority.Row> row = Authority.read(target);
    Ledger created = new Ledger(target, migration);
    return row.isPresent()
        && row.get().migration().equals(migration)
        && row.get().side() == Side.TARGET
        && row.get().moved()
        && row.get().writable() == Side.SOURCE
        && created.exists()
        && !created.done().isEmpty();
  }

  /** Whether it was let go of as one. */
  static boolean is(Authority.Row row) {
    String note = row.note();
    return row.side() == Side.TARGET
        && row.writable() == Side.SOURCE
        && note != null
        && note.startsWith(NOTE);
  }

  /** Writes down that nothing follows any more. Again is harmless. */
  static void keep(Connection target) throws SQLException {
    try (Statement statement = target.createStatement()) {
      statement.execute(
          "UPDATE whimbrel.authority SET note = '%1$s' || coalesce('; ' || note, '') WHERE coalesce(note, '') NOT LIKE '%1$s%%'"
              .formatted(NOTE));
    }
  }

  /** Reports a target that a migration has left so, into which nothing may be carried. */
  static boolean isReported(Look look, Findings findings, String migration) throws SQLException {
    if (!holds(look.target(), migration)) {
      return false;
    }
    findings.blocker(
        "target-kept",
        "target",
        "was kept, closed, by a rollback of %s: it may hold rows that are nowhere else."
            .formatted(
                migration.equals(look.move().migration())
                    ? "this migration"
                    : "migration " + migration),
        "copy what is wanted, then %s and make it anew (or drop all of its schemas, whimbrel the last), or name another database in the runbook"
            .formatted(drop(look.move().target().url())));
    return true;
  }

  /** What ends it. */
  static String drop(String url) {
    return "DROP DATABASE " + Quoting.shown(PostgresUrl.parse(url).database()) + ";";
  }
}
