package dev.whimbrel.postgres;

import dev.whimbrel.activity.Finding;
import dev.whimbrel.activity.Side;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;

/** What the runbook's roles may do on both servers, and whether a way back can be had. */
final class RightsChecks {
  private static final int SUBSCRIBING_BY_GRANT = 16;
  private static final int STREAMS_BACK = 2;

  private final Look look;
  private final Findings findings;

  RightsChecks(Look look, Findings findings) {
    this.look = look;
    this.findings = findings;
  }

  void run(Selection selection) throws SQLException {
    for (Side side : Side.values()) {
      if (!look.isSuperuser(side)) {
        monitoring(side);
        newTables(side);
      }
    }
    if (!look.isSuperuser(Side.SOURCE)) {
      publishing();
    }
    String subscribing = missingToSubscribe(Side.TARGET);
    if (!subscribing.isEmpty() && !look.move().offline()) {
      findings.blocker(
          "subscribe-right",
          "target",
          look.role(Side.TARGET) + " may not create a subscription.",
          subscribing);
    }
    // Also where rows stay: a rollback looks whether the target holds any.
    rowSecurity(selection.moves());
  }

  /** Says in capitals why there would be no way back, and whether there is one. */
  boolean canGoBack(Selection selection) throws SQLException {
    List<String> reasons = new ArrayList<>();
    List<String> fixes = new ArrayList<>();
    if (!look.setting(Side.TARGET, "wal_level").equals("logical")) {
      reasons.add("the target's wal_level is " + look.setting(Side.TARGET, "wal_level"));
      fixes.add("on the target: ALTER SYSTEM SET wal_level = logical; -- then restart the server");
    }
    if (!mayReplicate(Side.TARGET)) {
      reasons.add(look.role(Side.TARGET) + " may not create slots on the target");
      fixes.add("on the target: ALTER ROLE " + look.role(Side.TARGET) + " REPLICATION;");
    }
    String subscribing = missingToSubscribe(Side.SOURCE);
    if (!subscribing.isEmpty()) {
      reasons.add(look.role(Side.SOURCE) + " may not create a subscription on the source");
      fixes.add("on the source: " + subscribing);
    }
    room(Side.TARGET, "max_replication_slots", "pg_replication_slots", reasons, fixes);
    room(Side.TARGET, "max_wal_senders", "pg_stat_replication", reasons, fixes);
    room(Side.SOURCE, "max_logical_replication_workers", "pg_stat_subscription", reasons, fixes);
    if (look.move().offline()) {
      List<String> nameless = PublishedTables.withoutIdentity(look.on(Side.SOURCE), selection);
      if (!nameless.isEmpty()) {
        reasons.add(
            "UPDATE and DELETE cannot be carried back without a primary key in "
                + String.join(", ", nameless));
        fixes.add("give each of these a primary key or a replica identity");
      }
    }
    if (!reasons.isEmpty()) {
      findings.warning(
          "way-back",
          "rollback",
          "THERE WILL BE NO WAY BACK AFTER THE HAND-OVER: " + String.join("; ", reasons) + ".",
          String.join("\n", fixes));
    }
    return reasons.isEmpty();
  }

  private void room(
      Side side, String setting, String view, List<String> reasons, List<String> fixes)
      throws SQLException {
    long limit = Long.parseLong(look.setting(side, setting));
    long used = look.number(side, "SELECT count(*) FROM " + view);
    if (limit - used < STREAMS_BACK) {
      reasons.add("the %s has %s = %d with %d in use".formatted(side.word(), setting, limit, used));
      fixes.add(
          "on the %s: ALTER SYSTEM SET %s = %d; -- then restart the server"
              .formatted(side.word(), setting, used + STREAMS_BACK));
    }
  }

  private void publishing() throws SQLException {
    String role = look.role(Side.SOURCE);
    if (!mayReplicate(Side.SOURCE) && !look.move().offline()) {
      findings.blocker(
          "replication-right",
          "source",
          role + " may not create replication slots.",
          "ALTER ROLE " + role + " REPLICATION;");
    }
    if (!look.holds(
        Side.SOURCE, "has_database_privilege(current_user, current_database(), 'CREATE')")) {
      findings.blocker(
          "create-right",
          "source",
          role + " may not create a publication or schema whimbrel.",
          "GRANT CREATE ON DATABASE " + look.database(Side.SOURCE) + " TO " + role + ";");
    }
    for (Look.Row row :
        look.rows(
            Side.SOURCE,
            "SELECT quote_ident(pg_get_userbyid(c.relowner)), count(*) FROM pg_class c JOIN"
                + " pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind IN ('r', 'p') AND "
                + PublishedTables.OF_THE_SERVICE
                + " AND NOT pg_has_role(c.relowner, 'USAGE') GROUP BY 1 ORDER BY 1")) {
      findings.blocker(
          "ownership",
          "source",
          "%s may not publish or fence %d tables of %s."
              .formatted(role, row.number(2), row.text(1)),
          "GRANT " + row.text(1) + " TO " + role + ";");
    }
  }

  private void monitoring(Side side) throws SQLException {
    String role = look.role(side);
    if (!look.holds(side, "pg_has_role('pg_monitor', 'USAGE')")) {
      findings.warning(
          "monitor-right",
          side.word(),
          role + " cannot see who blocks or what others run.",
          "GRANT pg_monitor TO " + role + ";");
    }
    if (!look.holds(side, "pg_has_role('pg_signal_backend', 'USAGE')")) {
      findings.warning(
          "signal-right",
          side.word(),
          role + " cannot end sessions that are left over after the switchover.",
          "GRANT pg_signal_backend TO " + role + ";");
    }
  }

  private void newTables(Side side) throws SQLException {
    if (!DdlFence.mayGuard(look.on(side))) {
      Finding unguarded = DdlFence.unguarded(look.on(side), side);
      findings.warning("ddl-fence", unguarded.subject(), unguarded.message(), unguarded.fix());
    }
  }

  private boolean mayReplicate(Side side) throws SQLException {
    return look.holds(
        side, "rolsuper OR rolreplication FROM pg_roles WHERE rolname = current_user");
  }

  /** What must be granted for CREATE SUBSCRIPTION, or an empty text. */
  private String missingToSubscribe(Side side) throws SQLException {
    if (look.isSuperuser(side)) {
      return "";
    }
    String role = look.role(side);
    if (look.major(side) < SUBSCRIBING_BY_GRANT) {
      return "ALTER ROLE " + role + " SUPERUSER; -- or your provider's role that may subscribe";
    }
    boolean granted = look.holds(side, "pg_has_role('pg_create_subscription', 'USAGE')");
    boolean create =
        look.holds(side, "has_database_privilege(current_user, current_database(), 'CREATE')");
    return (granted ? "" : "GRANT pg_create_subscription TO " + role + "; ")
        + (create ? "" : "GRANT CREATE ON DATABASE " + look.database(side) + " TO " + role + ";");
  }

  /**
   * Rows that a policy would hide.
   *
   * @param which a condition on {@code pg_class c}: its rows are looked at
   */
  void rowSecurity(String which) throws SQLException {
    List<Look.Row> tables =
        look.rows(
            Side.SOURCE,
            "SELECT c.oid::regclass FROM pg_class c WHERE c.relrowsecurity AND c.relkind IN"
                + " ('r', 'p') AND "
                + which
                + " ORDER BY 1");
    if (tables.isEmpty()) {
      return;
    }
    for (Side side : Side.values()) {
      String bypasses = "rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user";
      if (!look.holds(side, bypasses)) {
        findings.blocker(
            "row-security",
            tables.get(0).text(1),
            "has row-level security, which would hide rows from %s on the %s without an error%s."
                .formatted(
                    look.role(side),
                    side.word(),
                    tables.size() > 1 ? ", and " + (tables.size() - 1) + " more" : ""),
            "ALTER ROLE " + look.role(side) + " BYPASSRLS;");
      }
    }
  }
}
