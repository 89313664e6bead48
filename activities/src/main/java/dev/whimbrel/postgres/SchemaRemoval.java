package dev.whimbrel.postgres;

import dev.whimbrel.activity.Failures;
import dev.whimbrel.activity.Progress;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;

/** Drops from the target what its ledger knows, the newest first, and nothing else. */
final class SchemaRemoval {
  private static final String IN_USE = "2BP01";

  private static final List<String> OF_NO_SCHEMA =
      List.of(DatabaseRights.LABEL, Memberships.LABEL, Settings.LABEL);

  /** What an undo says, in PL/pgSQL, where somebody has changed what was carried. */
  static final String CHANGED =
      "RAISE insufficient_privilege USING MESSAGE = 'somebody has changed it since';";

  private SchemaRemoval() {}

  /**
   * Drops all of it. Again is harmless.
   *
   * @return what was kept and why, in words behind a semicolon, or an empty text
   */
  static String run(SchemaSession target) throws SQLException {
    int dropped = 0;
    List<String> kept = new ArrayList<>();
    for (Ledger.Row row : target.ledger().newestFirst()) {
      Heartbeats.beat("dropping what was created on the target, " + dropped + " parts so far");
      String why = drop(target, row);
      if (!why.isEmpty()) {
        kept.add("%s (%s)".formatted(words(row), why));
      }
      dropped++;
    }
    return kept.isEmpty() ? "" : "; left to you: " + String.join(", ", kept);
  }

  /**
   * Drops what a record holds, and forgets the record. Only what no schema holds may stay: a role
   * that has got other uses, and a right on the database or a setting where the database has become
   * another role's.
   *
   * @return why it stays, or an empty text
   */
  private static String drop(SchemaSession target, Ledger.Row row) throws SQLException {
    try {
      if (!row.undo().isBlank()) {
        Heartbeats.during(
            Progress.of("dropping what was created on the target"),
            target.connection(),
            () -> target.execute(row.undo()));
      }
      target.ledger().forget(row);
      target.connection().commit();
      return "";
    } catch (SQLException e) {
      if (SqlFailures.isOfConcurrentChange(e)) {
        throw Failures.transientFailure("Cannot " + words(row) + ": " + SqlFailures.firstLine(e));
      }
      if (mayStay(row, e)) {
        target.connection().rollback();
        target.ledger().forget(row);
        target.connection().commit();
        return why(e);
      }
      if (!SqlFailures.is(e, IN_USE)) {
        throw e;
      }
      target.connection().rollback();
      throw Failures.needsHelp(
          "Cannot drop the schema from the target: something that this migration did not create"
              + " depends on it: "
              + SchemaSession.detailOf(e),
          "drop what depends on it, then retry",
          null);
    }
  }

  private static String why(SQLException e) {
    return SqlFailures.is(e, IN_USE) ? "it is in use" : SqlFailures.firstLine(e);
  }

  /** As a person takes it back. */
  private static String words(Ledger.Row row) {
    return isOfNoSchema(row) && !row.words().isEmpty() ? row.words() : row.undo();
  }

  private static boolean mayStay(Ledger.Row row, SQLException e) {
    return (row.key().startsWith(Roles.LABEL) && SqlFailures.is(e, IN_USE))
        || (isOfNoSchema(row) && (SqlFailures.is(e, IN_USE) || Settings.isRefused(e)));
  }

  private static boolean isOfNoSchema(Ledger.Row row) {
    return OF_NO_SCHEMA.stream().anyMatch(row.key()::startsWith);
  }
}
