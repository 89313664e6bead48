package dev.whimbrel.postgres;

import dev.whimbrel.activity.Failures;
import dev.whimbrel.activity.Progress;
import java.sql.SQLException;

/** Drops from the target what its ledger knows, the newest first, and nothing else. */
final class SchemaRemoval {
  private SchemaRemoval() {}

  /**
   * Drops all of it. Again is harmless.
   *
   * @return what was kept, in words behind a semicolon, or an empty text
   */
  static String run(SchemaSession target) throws SQLException {
    int dropped = 0;
    StringBuilder kept = new StringBuilder();
    for (Ledger.Row row : target.ledger().newestFirst()) {
      Heartbeats.beat("dropping what was created on the target, " + dropped + " parts so far");
      if (!drop(target, row)) {
        kept.append(kept.length() == 0 ? "; kept, since it is in use: " : ", ").append(row.undo());
      }
      dropped++;
    }
    return kept.toString();
  }

  /** Whether the record's objects are gone; only a role may stay, where it has got other uses. */
  private static boolean drop(SchemaSession target, Ledger.Row row) throws SQLException {
    try {
      if (!row.undo().isBlank()) {
        Heartbeats.during(
            Progress.of("dropping what was created on the target"),
            target.connection(),
            () -> target.execute(row.undo()));
      }
      target.ledger().forget(row);
      target.connection().commit();
      return true;
    } catch (SQLException e) {
      if (!SqlFailures.is(e, "2BP01")) {
        throw e;
      }
      target.connection().rollback();
      if (row.undo().startsWith("DROP ROLE")) {
        target.ledger().forget(row);
        target.connection().commit();
        return false;
      }
      throw Failures.needsHelp(
          "Cannot drop the schema from the target: something that this migration did not create"
              + " depends on it: "
              + SchemaSession.detailOf(e),
          "drop what depends on it, then retry",
          null);
    }
  }
}
