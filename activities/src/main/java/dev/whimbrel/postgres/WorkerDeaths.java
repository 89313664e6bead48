package dev.whimbrel.postgres;

import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.HashMap;
import java.util.Map;

/**
 * Counts how often a worker of the forward stream ended before its time, for targets before 15,
 * which do not count it themselves. A worker that starts and ends between two looks is not counted;
 * then its table stands still.
 */
final class WorkerDeaths {
  private static final long NOBODY = 0;

  private final Connection target;
  private final String sql;
  private Map<Long, Long> last = Map.of();
  private boolean copyStandsStill;
  private long count;

  WorkerDeaths(Connection target, Names names) {
    this.target = target;
    String subscription = Quoting.literal(names.forwardSubscription());
    // Row 0 is the worker that applies; the others copy a table, or should.
    this.sql =
        """
        SELECT coalesce(j.relid, 0)::bigint, coalesce(w.pid, 0)::bigint
          FROM pg_subscription s
          CROSS JOIN LATERAL (SELECT NULL::oid AS relid UNION ALL
            SELECT r.srrelid FROM pg_subscription_rel r WHERE r.srsubid = s.oid AND r.srsubstate = 'd') j
          LEFT JOIN pg_stat_subscription w ON w.subid = s.oid AND w.relid IS NOT DISTINCT FROM j.relid
         WHERE s.subname = %s
           AND s.subdbid = (SELECT oid FROM pg_database WHERE datname = current_database())"""
            .formatted(subscription);
  }

  /** Looks once; to be called about once a second. */
  void look() throws SQLException {
    Map<Long, Long> now = new HashMap<>();
    try (Statement statement = target.createStatement();
        ResultSet row = statement.executeQuery(sql)) {
      while (row.next()) {
        now.put(row.getLong(1), row.getLong(2));
      }
    }
    for (Map.Entry<Long, Long> worker : now.entrySet()) {
      long before = last.getOrDefault(worker.getKey(), NOBODY);
      if (before != NOBODY && before != worker.getValue()) {
        count++;
      }
    }
    Map<Long, Long> copying = new HashMap<>(now);
    copying.remove(NOBODY);
    // While one table is copied, others may rightly wait for their turn.
    copyStandsStill =
        !copying.isEmpty() && copying.values().stream().allMatch(pid -> pid == NOBODY);
    last = now;
  }

  /** Whether tables wait to be copied and nobody copies any. */
  boolean copyStandsStill() {
    return copyStandsStill;
  }

  /** How many workers have gone since the first look, whose work was not done. */
  long count() {
    return count;
  }
}
