package dev.whimbrel.postgres;

import java.sql.Connection;
import java.sql.SQLException;
import java.util.List;

/** What the creation of a slot waits for. */
final class SlotWaits {
  private SlotWaits() {}

  /** Transactions that are open and have written: ten at most, prepared ones and the oldest. */
  static List<String> transactions(Connection source) throws SQLException {
    return PublishedTables.names(
        source,
        "SELECT line FROM (SELECT format('pid %s of %s (%s), open for %s s', pid, usename, state,"
            + " extract(epoch FROM now() - xact_start)::int) AS line, false AS prepared, xact_start AS since"
            + " FROM pg_stat_activity WHERE backend_xid IS NOT NULL AND pid <> pg_backend_pid()"
            + " UNION ALL SELECT format('prepared transaction %L of %s', gid, owner), true, prepared"
            + " FROM pg_prepared_xacts) AS open ORDER BY prepared DESC, since LIMIT 10");
  }
}
