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
    Optional<ChangePeek.Change> change = nextChange();
    if (copying.isEmpty() && change.isPresent()) {
      return Failures.needsHelp(
          "The %s stands still at %s: the target refuses it"
              .formatted(names.words(), change.get().text()),
          change.get().empties()
              ? "the target's server log names the foreign key ('logical replication worker') of a"
                  + " table that is not emptied with it, or not by this stream; drop that key on the"
                  + " target, then retry, and make it again there before the hand-over"
              : "the target's server log names the constraint ('logical replication worker'); remove"
                  + " there the row that is in the way, in a session with session_replication_role ="
                  + " replica, then retry",
          null);
    }
    return Failures.needsHelp(
        symptom,
        "the target's server log names the cause ('logical replication'); mend it, then retry",
        null);
  }

  private Optional<ChangePeek.Change> nextChange() throws SQLException {
    for (int look = 0; look < LOOKS; look++) {
      try {
        return ChangePeek.next(source, names.forwardSubscription(), names.forwardPublication());
      } catch (SQLException e) {
        if (!SqlFailures.is(e, SqlFailures.OBJECT_IN_USE)) {
          return Optional.empty(); // without this right the failure is told without the row
        }
        Pause.of(Duration.ofMillis(250));
      }
    }
    return Optional.empty();
  }

  private boolean hasRows(String table) throws SQLException {
    try (Statement statement = target.createStatement();
        ResultSet row = statement.executeQuery("SELECT FROM ONLY " + table + " LIMIT 1")) {
      return row.next();
    }
  }
}
