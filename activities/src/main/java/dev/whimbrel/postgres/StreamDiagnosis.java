package dev.whimbrel.postgres;

import dev.whimbrel.activity.Failures;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.List;
import java.util.Optional;

/** Finds out what a stream that does not go on stands at. */
final class StreamDiagnosis {
  private static final int LOOKS = 20;

  private final Connection source;
  private final Connection target;
  private final Names names;

  StreamDiagnosis(Connection source, Connection target, Names names) {
    this.source = source;
    this.target = target;
    this.names = names;
  }

  /** A failure that names the table and the remedy. */
  RuntimeException explain() throws SQLException {
    List<String> copying =
        PublishedTables.names(
            target,
            "SELECT srrelid::regclass::text FROM pg_subscription_rel r JOIN pg_subscription s"
                + " ON s.oid = r.srsubid WHERE s.subname = "
                + Quoting.literal(names.forwardSubscription())
                + " AND srsubstate = 'd' AND NOT EXISTS (SELECT FROM pg_stat_subscription w"
                + " WHERE w.subid = s.oid AND w.relid = r.srrelid AND w.pid IS NOT NULL)"
                + " ORDER BY 1 LIMIT 20");
    String symptom =
        copying.isEmpty()
            ? "The %s stands still: its worker on the target ends again and again"
                .formatted(names.words())
            : "The initial copy fails again and again in " + String.join(", ", copying);
    Optional<RuntimeException> full = FullDisk.find(source, target, symptom);
    if (full.isPresent()) {
      return full.get();
    }
    for (String table : copying) {
      if (hasRows(table)) {
        return Failures.needsHelp(
            "The initial copy of " + table + " fails: the table holds rows on the target already",
            "empty it on the target, then retry",
            "TRUNCATE ONLY " + table + ";");
      }
    }
    for (ChangePeek.Change change :
        copying.isEmpty() ? nextChanges() : List.<ChangePeek.Change>of()) {
      Optional<RuntimeException> refused =
          change.emptied().isEmpty() ? Optional.of(refusedRow(change)) : refusedTruncate(change);
      if (refused.isPresent()) {
        return refused.get();
      }
    }
    return Failures.needsHelp(
        symptom,
        "the target's server log names the cause ('logical replication'); mend it, then retry",
        null);
  }

  private RuntimeException refusedRow(ChangePeek.Change change) {
    return Failures.needsHelp(
        "The %s stands still at %s: the target refuses it".formatted(names.words(), change.text()),
        "the target's server log names the constraint ('logical replication worker'); remove"
            + " there the row that is in the way, in a session with session_replication_role ="
            + " replica, then retry",
        null);
  }

  /** What refuses it is a foreign key of a table that is not emptied with it, by this stream. */
  private Optional<RuntimeException> refusedTruncate(ChangePeek.Change change) throws SQLException {
    String emptied = Quoting.array(change.emptied());
    try (Statement statement = target.createStatement();
        ResultSet key =
            statement.executeQuery(
                """
                SELECT format('%%I', c.conname), c.conrelid::regclass::text, pg_get_constraintdef(c.oid)
                  FROM pg_constraint c, (SELECT array_agg(to_regclass(t)::oid) AS oids FROM unnest(%s) t) e
                 WHERE c.contype = 'f' AND c.confrelid = ANY (e.oids) AND c.conrelid <> ALL (e.oids)
                 ORDER BY c.conparentid, 2, 1 LIMIT 1"""
                    .formatted(emptied))) {
      if (!key.next()) {
        return Optional.empty();
      }
      String drops = "ALTER TABLE " + key.getString(2) + " %s CONSTRAINT " + key.getString(1);
      return Optional.of(
          Failures.needsHelp(
              "The %s stands still at %s: the target refuses it, since foreign key %s of %s refers to it from a table that this stream does not empty with it"
                  .formatted(names.words(), change.text(), key.getString(1), key.getString(2)),
              "drop that key on the target, then retry; make it again there before the hand-over",
              drops.formatted("DROP")
                  + "; -- on the target; before the hand-over: "
                  + drops.formatted("ADD")
                  + " "
                  + key.getString(3)
                  + ";"));
    }
  }

  private List<ChangePeek.Change> nextChanges() throws SQLException {
    for (int look = 0; look < LOOKS; look++) {
      try {
        return ChangePeek.next(source, names.forwardSubscription(), names.forwardPublication());
      } catch (SQLException e) {
        if (!SqlFailures.is(e, SqlFailures.OBJECT_IN_USE)) {
          return List.of(); // without this right the failure is told without the row
        }
        Pause.of(Duration.ofMillis(250));
      }
    }
    return List.of();
  }

  private boolean hasRows(String table) throws SQLException {
    try (Statement statement = target.createStatement();
        ResultSet row = statement.executeQuery("SELECT FROM ONLY " + table + " LIMIT 1")) {
      return row.next();
    }
  }
}
