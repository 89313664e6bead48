package dev.whimbrel.postgres;

import dev.whimbrel.activity.Failures;
import dev.whimbrel.activity.Finding;
import dev.whimbrel.activity.Side;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/** Names what would keep the fence from getting its locks. */
final class Blockers {
  private static final Duration CALL = Duration.ofSeconds(5);

  /** A transaction that is younger is left to end by itself. */
  private static final Duration YOUNG = Duration.ofSeconds(1);

  private static final Duration PATIENCE = Duration.ofSeconds(15);

  /**
   * Modes that conflict with SHARE ROW EXCLUSIVE: whoever holds one of them for long, on a table of
   * ours, holds up the switchover, and every writer behind it. What was made, perhaps a table, by a
   * transaction that is older than the fence against DDL is not seen before it commits.
   */
  private static final String QUERY =
      """
      SELECT 'session', a.pid::text, coalesce(a.usename, a.backend_type),
             coalesce(a.application_name, ''), coalesce(extract(epoch FROM clock_timestamp() - a.xact_start), 0)::bigint::text,
             min(l.relation::regclass::text), a.backend_type
        FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid
        JOIN pg_class c ON c.oid = l.relation JOIN pg_namespace n ON n.oid = c.relnamespace
       WHERE l.granted AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
         AND l.mode IN ('RowExclusiveLock', 'ShareUpdateExclusiveLock', 'ShareLock',
                        'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock')
         AND c.relkind IN ('r', 'p') AND n.nspname NOT LIKE 'pg\\_%%'
         AND (n.nspname <> 'whimbrel' OR c.relname = 'ddl')
         AND a.xact_start < clock_timestamp() - interval '%d milliseconds'
         AND a.application_name NOT LIKE 'whimbrel %%'
         AND a.backend_type NOT LIKE 'logical replication%%'
       GROUP BY 1, 2, 3, 4, 5, 7
      UNION ALL
      SELECT 'session', a.pid::text, coalesce(a.usename, a.backend_type),
             coalesce(a.application_name, ''), extract(epoch FROM clock_timestamp() - a.xact_start)::bigint::text,
             'a relation that is not committed', a.backend_type
        FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid
       WHERE l.granted AND l.locktype = 'relation' AND l.mode = 'AccessExclusiveLock'
         AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
         AND NOT EXISTS (SELECT FROM pg_class c WHERE c.oid = l.relation)
         AND a.xact_start <\s"""
          + DdlFence.SINCE
          + """
         AND a.application_name NOT LIKE 'whimbrel %%'
       GROUP BY 1, 2, 3, 4, 5, 6, 7
      UNION ALL
      SELECT 'prepared', gid, owner, '', extract(epoch FROM clock_timestamp() - prepared)::bigint::text, '', ''
        FROM pg_prepared_xacts WHERE database = current_database()""";

  private Blockers() {}

  /**
   * What has held a conflicting lock for longer than {@code older}, and every prepared transaction.
   */
  static List<Finding> on(Session session, Side side, Duration older) throws SQLException {
    List<Finding> findings = new ArrayList<>();
    for (List<@Nullable String> row :
        session.rows(QUERY.formatted(older.toMillis()), CALL).get(0)) {
      String id = Objects.requireNonNull(row.get(1));
      if ("prepared".equals(row.get(0))) {
        findings.add(
            new Finding(
                Finding.Level.BLOCKER,
                "prepared-transaction",
                side.word() + " prepared transaction " + id,
                "holds its locks since %s s, owner %s".formatted(row.get(4), row.get(2)),
                "ROLLBACK PREPARED " + Quoting.literal(id) + ";"));
      } else {
        findings.add(
            new Finding(
                Finding.Level.WARNING,
                "long-transaction",
                side.word() + " process " + id,
                "%s (%s) has held a lock on %s for %s s"
                    .formatted(
                        row.get(2),
                        Objects.requireNonNullElse(row.get(3), "").isEmpty()
                            ? row.get(6)
                            : row.get(3),
                        row.get(5),
                        row.get(4)),
                "SELECT pg_terminate_backend(" + id + ");"));
      }
    }
    return List.copyOf(findings);
  }

  /**
   * Waits until nobody holds a lock for long.
   *
   * @throws io.temporal.failure.ApplicationFailure naming who does: {@code NeedsHelp} for what does
   *     not end by itself, else {@code Transient} after 15 s
   */
  static void await(Sessions sessions, List<Side> sides, Pulse pulse) throws SQLException {
    Deadline limit = new Deadline(PATIENCE);
    while (true) {
      List<Finding> blockers = new ArrayList<>();
      for (Side side : sides) {
        blockers.addAll(on(sessions.besideOn(side), side, YOUNG));
      }
      if (blockers.stream().anyMatch(b -> b.level() == Finding.Level.BLOCKER)) {
        throw Failures.needsHelp(
            "The tables cannot be locked: " + line(blockers),
            "end what is named, then retry",
            blockers.get(blockers.size() - 1).fix());
      }
      if (blockers.isEmpty()) {
        return;
      }
      if (limit.passed()) {
        throw Failures.transientFailure(
            "The tables cannot be locked without a long wait: " + line(blockers));
      }
      pulse.rest(Duration.ofMillis(250));
    }
  }

  /** Whether a statement that locks tables ended because others held them. */
  static boolean keptOut(SQLException e) {
    return SqlFailures.is(e, SqlFailures.QUERY_CANCELED)
        || SqlFailures.is(e, SqlFailures.DEADLOCK_DETECTED);
  }

  /**
   * In words, who did. To be asked for while the session that was kept out still has what it got,
   * or at once behind it.
   *
   * @param session another one
   */
  static RuntimeException stayedLocked(
      Session session, Side side, Duration budget, SQLException keptOut) throws SQLException {
    return Failures.transientFailure(
        "The %s's tables could not be locked within %d ms (%s): %s"
            .formatted(
                side.word(),
                budget.toMillis(),
                keptOut.getSQLState(),
                line(on(session, side, budget.dividedBy(2)))));
  }

  /** The findings in one line. */
  static String line(List<Finding> findings) {
    return findings.isEmpty()
        ? "nobody was seen holding a lock for long"
        : String.join("; ", findings.stream().map(Finding::line).toList());
  }
}
