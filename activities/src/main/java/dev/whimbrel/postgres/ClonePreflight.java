package dev.whimbrel.postgres;

import dev.whimbrel.activity.CloneLook;
import dev.whimbrel.activity.Side;
import java.sql.SQLException;

/** What may stand in the way of a clone. Of the source nothing is asked but to be read. */
final class ClonePreflight {
  private final Look look;
  private final Findings findings = new Findings();

  ClonePreflight(Look look) {
    this.look = look;
  }

  CloneLook run() throws SQLException {
    new ServerChecks(look, findings).runForClone();
    source();
    Throttle.check(look, findings);
    Selection selection = Selection.of(look.move(), look.source());
    new SelectionChecks(look, findings, selection).runForClone();
    long bytes = SelectionChecks.bytes(look, selection);
    new DatabaseChecks(look, findings).runForClone(bytes);
    new GrantChecks(look, findings).run();
    new TableChecks(look, findings, selection).runForClone(isStandby());
    Heartbeats.beat("checked servers, databases and tables");
    new RightsChecks(look, findings).rowSecurity(selection.movesRows());
    readable(selection);
    target();
    new SchemaChecks(look, findings, selection).run();
    return new CloneLook(
        findings.gravestFirst(),
        look.setting(Side.SOURCE, "server_version"),
        look.setting(Side.TARGET, "server_version"),
        bytes);
  }

  private boolean isStandby() throws SQLException {
    return CloneOpener.isStandby(look.source());
  }

  private void source() throws SQLException {
    if (!look.holds(
        Side.SOURCE,
        "EXISTS (SELECT FROM pg_language WHERE lanname = 'plpgsql' AND has_language_privilege(oid, 'USAGE'))")) {
      findings.blocker(
          "keeps-no-snapshot",
          "source",
          look.role(Side.SOURCE) + " may not run plpgsql, in which the source keeps the snapshot.",
          "GRANT USAGE ON LANGUAGE plpgsql TO " + look.role(Side.SOURCE) + ";");
    }
    if (isStandby()
        && !look.setting(Side.SOURCE, "max_standby_streaming_delay").equals("-1")
        && !look.setting(Side.SOURCE, "hot_standby_feedback").equals("on")) {
      findings.warning(
          "standby",
          "source",
          "is a standby, and ends what reads an old snapshot for its recovery after %s: the clone would begin anew."
              .formatted(look.setting(Side.SOURCE, "max_standby_streaming_delay")),
          "ALTER SYSTEM SET hot_standby_feedback = on; SELECT pg_reload_conf(); -- for as long as the clone is made");
    }
  }

  /** Of a table that begins empty its definition is read, for which the same right is needed. */
  private void readable(Selection selection) throws SQLException {
    for (Look.Row row :
        look.rows(
            Side.SOURCE,
            "SELECT quote_ident(n.nspname), count(*), min(format('%I.%I', n.nspname, c.relname)) FROM pg_class c"
                + " JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind IN ('r', 'p') AND "
                + PublishedTables.LOGGED_OR_NOT
                + " AND "
                + selection.moves()
                + " AND NOT (has_table_privilege(c.oid, 'SELECT')"
                + " AND has_schema_privilege(n.oid, 'USAGE')) GROUP BY 1 ORDER BY 1")) {
      String role = look.role(Side.SOURCE);
      findings.blocker(
          "read-right",
          "source",
          "%s may not read %d tables in schema %s, %s among them."
              .formatted(role, row.number(2), row.text(1), row.text(3)),
          "GRANT USAGE ON SCHEMA %1$s TO %2$s; GRANT SELECT ON ALL TABLES IN SCHEMA %1$s TO %2$s; GRANT SELECT ON ALL SEQUENCES IN SCHEMA %1$s TO %2$s;"
              .formatted(row.text(1), role));
    }
  }

  private void target() throws SQLException {
    if (!look.holds(
        Side.TARGET, "has_database_privilege(current_user, current_database(), 'CREATE')")) {
      findings.blocker(
          "create-right",
          "target",
          look.role(Side.TARGET) + " may not create schemas there.",
          "GRANT CREATE ON DATABASE "
              + look.database(Side.TARGET)
              + " TO "
              + look.role(Side.TARGET)
              + ";");
    }
  }
}
