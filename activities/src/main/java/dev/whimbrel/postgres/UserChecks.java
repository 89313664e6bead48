package dev.whimbrel.postgres;

import dev.whimbrel.activity.PreflightReport.DatabaseUser;
import dev.whimbrel.activity.Side;
import dev.whimbrel.runbook.Connect;
import dev.whimbrel.runbook.LeftBehind;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Who uses the source, and what will make each of them follow to the target. */
final class UserChecks {
  static final String NOTHING = "nothing";

  private static final int SAMPLES = 5;
  private static final Duration BETWEEN = Duration.ofMillis(200);

  /** Sessions of clients; a role that may write somewhere counts as a writer. */
  private static final String SESSIONS =
      """
      SELECT a.usename, coalesce(host(a.client_addr), 'local'), coalesce(a.application_name, ''),
             coalesce(a.client_port, -1),
             a.backend_xid IS NOT NULL OR EXISTS (
               SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
                WHERE c.relkind IN ('r', 'p') AND %s
                  AND (has_table_privilege(a.usesysid, c.oid, 'INSERT')
                       OR has_table_privilege(a.usesysid, c.oid, 'UPDATE')
                       OR has_table_privilege(a.usesysid, c.oid, 'DELETE')
                       OR has_table_privilege(a.usesysid, c.oid, 'TRUNCATE')))
        FROM pg_stat_activity a
       WHERE a.datname = current_database() AND a.backend_type = 'client backend'
         AND a.pid <> pg_backend_pid() AND a.application_name NOT LIKE 'whimbrel %%'
         AND a.usename NOT LIKE 'whimbrel\\_%%'
      """
          .formatted(PublishedTables.OF_THE_SERVICE);

  private final Look look;
  private final Findings findings;
  private final Databases databases;

  UserChecks(Look look, Findings findings, Databases databases) {
    this.look = look;
    this.findings = findings;
    this.databases = databases;
  }

  /** Samples the source for a second, and finds the writers that would be left alone. */
  List<DatabaseUser> run() throws SQLException {
    Map<List<String>, DatabaseUser> users = new LinkedHashMap<>();
    for (int sample = 0; sample < SAMPLES; sample++) {
      if (sample > 0) {
        Pause.of(BETWEEN);
      }
      PoolerSessions poolers = PoolerSessions.of(look.move(), databases, findings, sample == 0);
      for (Look.Row row : look.rows(Side.SOURCE, SESSIONS)) {
        DatabaseUser user =
            new DatabaseUser(
                row.text(1),
                row.text(2),
                row.text(3),
                row.holds(5),
                follows(row.text(1), (int) row.number(4), poolers));
        users.put(List.of(user.role(), user.address(), user.application(), user.follows()), user);
      }
    }
    users.values().forEach(this::judge);
    return new ArrayList<>(users.values());
  }

  private void judge(DatabaseUser user) {
    String subject = user.role() + " at " + user.address();
    String application = user.application().isEmpty() ? "" : " (" + user.application() + ")";
    if (!user.follows().equals(NOTHING)) {
      findings.note(
          "user", subject, "uses the source" + application + "; follows by " + user.follows());
    } else if (user.writes()) {
      findings.blocker(
          "writer-left-alone",
          subject,
          "can write to the source" + application + ", and nothing makes it follow.",
          "in the runbook: connect: [manual], or a connect entry that covers it, or leftBehind:"
              + " [{role: "
              + user.role()
              + ", because: \"…\"}]");
    } else {
      findings.warning(
          "reader-left-alone",
          subject,
          "reads from the source" + application + ", and nothing makes it follow.",
          "add a connect entry that covers it");
    }
  }

  private String follows(String role, int clientPort, PoolerSessions poolers) {
    for (LeftBehind left : look.move().leftBehind()) {
      if (left.role().equals(role)) {
        return "staying behind: " + left.because();
      }
    }
    String pooler = poolers.of(clientPort);
    if (!pooler.isEmpty()) {
      return pooler;
    }
    for (Connect entry : look.move().connect()) {
      if (entry.command() != null) {
        return "command " + String.join(" ", entry.command().doIt());
      }
      if (entry.dns() != null) {
        return "the name " + entry.dns().name();
      }
      if (entry.manual()) {
        return "people (connect: manual)";
      }
    }
    return NOTHING;
  }
}
