package dev.whimbrel.postgres;

import dev.whimbrel.activity.Side;
import java.sql.SQLException;

/** What runs on the two servers that streams and fences would have to wait for. */
final class ActivityChecks {
  private static final int LONG_SECONDS = 300;

  private final Look look;
  private final Findings findings;

  ActivityChecks(Look look, Findings findings) {
    this.look = look;
    this.findings = findings;
  }

  void run() throws SQLException {
    for (Side side : Side.values()) {
      preparedTransactions(side);
      longTransactions(side);
      replicaSessions(side);
    }
  }

  private void preparedTransactions(Side side) throws SQLException {
    for (Look.Row row :
        look.rows(
            side,
            "SELECT quote_literal(gid), owner, date_trunc('second', prepared) FROM"
                + " pg_prepared_xacts ORDER BY prepared")) {
      findings.blocker(
          "prepared-transaction",
          side.word(),
          "prepared transaction %s of %s is open since %s: a slot waits for it for ever."
              .formatted(row.text(1), row.text(2), row.text(3)),
          "ROLLBACK PREPARED " + row.text(1) + "; -- or COMMIT PREPARED " + row.text(1) + ";");
    }
    if (side == Side.SOURCE
        && look.number(side, "SELECT current_setting('max_prepared_transactions')") > 0) {
      findings.note(
          "two-phase",
          side.word(),
          "allows two-phase commit: a prepared transaction holds its locks through the switchover,"
              + " and the fence waits for it");
    }
  }

  private void longTransactions(Side side) throws SQLException {
    for (Look.Row row :
        look.rows(
            side,
            "SELECT pid, usename, coalesce(host(client_addr), 'local'), state,"
                + " extract(epoch FROM now() - xact_start)::bigint FROM pg_stat_activity"
                + " WHERE now() - xact_start > interval '"
                + LONG_SECONDS
                + " seconds' AND backend_type = 'client backend' AND pid <> pg_backend_pid()"
                + " AND application_name NOT LIKE 'whimbrel %' ORDER BY xact_start LIMIT 10")) {
      findings.warning(
          "long-transaction",
          side.word(),
          "the transaction of %s at %s (%s) is open for %d s: slots and fences wait for it."
              .formatted(row.text(2), row.text(3), row.text(4), row.number(5)),
          "SELECT pg_terminate_backend(" + row.text(1) + ");");
    }
  }

  private void replicaSessions(Side side) throws SQLException {
    for (Look.Row row :
        look.rows(
            side,
            "SELECT coalesce(quote_ident(r.rolname), 'every role') FROM pg_db_role_setting s"
                + " LEFT JOIN pg_roles r ON r.oid = s.setrole WHERE EXISTS (SELECT FROM"
                + " unnest(s.setconfig) c WHERE c LIKE 'session_replication_role=%')")) {
      findings.warning(
          "replica-session",
          row.text(1),
          "has session_replication_role set on the %s: triggers do not fire as one may think."
              .formatted(side.word()),
          "ALTER ROLE " + row.text(1) + " RESET session_replication_role;");
    }
  }
}
