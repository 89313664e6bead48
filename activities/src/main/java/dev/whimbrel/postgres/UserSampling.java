package dev.whimbrel.postgres;

import dev.whimbrel.activity.Move;
import dev.whimbrel.activity.PreflightReport.DatabaseUser;
import dev.whimbrel.activity.Side;
import dev.whimbrel.runbook.Connect;
import dev.whimbrel.runbook.LeftBehind;
import java.sql.SQLException;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Looks at the sessions on the source, again and again: who they are, whether they may write, and
 * what makes them follow. A look costs one statement while nobody new has come.
 */
final class UserSampling {
  static final String NOTHING = "nothing";

  /** What a user is called whose statements were counted and whose sessions were too short. */
  private static final String NOT_SEEN = "not seen";

  private static final String SESSIONS =
      """
      SELECT a.usename, coalesce(host(a.client_addr), 'local'), coalesce(a.application_name, ''),
             coalesce(a.client_port, -1), a.backend_xid IS NOT NULL, a.usesysid,
             a.pid || '@' || a.backend_start
        FROM pg_stat_activity a
       WHERE a.datname = current_database() AND a.backend_type = 'client backend'
         AND a.pid <> pg_backend_pid() AND a.application_name NOT LIKE 'whimbrel %'
         AND a.usename NOT LIKE 'whimbrel\\_%'
      """;

  /** A role that may write somewhere counts as a writer. */
  private static final String MAY_WRITE =
      """
      EXISTS (
        SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
         WHERE c.relkind IN ('r', 'p') AND %s
           AND (has_table_privilege(%%1$s::oid, c.oid, 'INSERT')
                OR has_table_privilege(%%1$s::oid, c.oid, 'UPDATE')
                OR has_table_privilege(%%1$s::oid, c.oid, 'DELETE')
                OR has_table_privilege(%%1$s::oid, c.oid, 'TRUNCATE')))
      """
          .formatted(PublishedTables.OF_THE_SERVICE);

  private static final String STATEMENTS =
      """
      SELECT r.rolname, r.oid, sum(s.calls)::bigint
        FROM pg_stat_statements s JOIN pg_roles r ON r.oid = s.userid
       WHERE s.dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
         AND r.rolcanlogin AND r.rolname <> session_user AND r.rolname NOT LIKE 'whimbrel\\_%'
       GROUP BY r.rolname, r.oid
      """;

  private final Look look;
  private final Databases databases;
  private final Findings findings;
  private final Map<Long, Boolean> writers = new HashMap<>();
  private final Map<String, Long> calls = new HashMap<>();
  private Set<String> sessions = Set.of();
  private PoolerSessions poolers = PoolerSessions.NONE;
  private boolean asked;
  private boolean counted;

  /**
   * @param findings takes the poolers that do not answer
   */
  UserSampling(Look look, Databases databases, Findings findings) {
    this.look = look;
    this.databases = databases;
    this.findings = findings;
  }

  /** Takes one look at the sessions. */
  void sessions(SeenUsers seen) throws SQLException {
    List<Look.Row> rows = look.rows(Side.SOURCE, SESSIONS);
    Set<String> now = new HashSet<>();
    rows.forEach(row -> now.add(row.text(7)));
    if (!asked || !sessions.containsAll(now)) {
      // After the sessions were read, so that each of a pooler's is on its list; and together with
      // the list before, for those that it has closed since.
      poolers = poolers.and(PoolerSessions.of(look.move(), databases, findings, !asked));
      asked = true;
    }
    // While a pooler does not answer nobody knows whose a session is: the next look asks again.
    sessions = poolers.complete() ? now : Set.of();
    for (Look.Row row : rows) {
      String role = row.text(1);
      boolean writes = row.holds(5) || mayWrite(row.number(6));
      String follows = follows(look.move(), role, poolers.of((int) row.number(4)));
      if (follows.equals(NOTHING) && !poolers.complete()) {
        continue;
      }
      seen.add(new DatabaseUser(role, row.text(2), row.text(3), writes, follows));
    }
  }

  /**
   * Finds roles whose statements are counted by {@code pg_stat_statements}, where that is
   * installed, and whose sessions no look has met. The first call only counts.
   */
  void statements(SeenUsers seen) throws SQLException {
    if (!look.holds(Side.SOURCE, "to_regclass('pg_stat_statements') IS NOT NULL")
        || look.setting(Side.SOURCE, "pg_stat_statements.max").isEmpty()) {
      return;
    }
    for (Look.Row row : look.rows(Side.SOURCE, STATEMENTS)) {
      String role = row.text(1);
      Long before = calls.put(role, row.number(3));
      boolean active = counted && (before == null || row.number(3) > before);
      if (active && !seen.knows(role)) {
        seen.add(
            new DatabaseUser(
                role,
                NOT_SEEN,
                "pg_stat_statements",
                mayWrite(row.number(2)),
                follows(look.move(), role, "")));
      }
    }
    counted = true;
  }

  private boolean mayWrite(long role) throws SQLException {
    Boolean known = writers.get(role);
    if (known == null) {
      known = look.holds(Side.SOURCE, MAY_WRITE.formatted(Long.toString(role)));
      writers.put(role, known);
    }
    return known;
  }

  private static String follows(Move move, String role, String pooler) {
    for (LeftBehind left : move.leftBehind()) {
      if (left.role().equals(role)) {
        return "staying behind: " + left.because();
      }
    }
    if (!pooler.isEmpty()) {
      return pooler;
    }
    for (Connect entry : move.connect()) {
      if (entry.command() != null) {
        return shortened("command " + String.join(" ", entry.command().doIt()));
      }
      if (entry.manual()) {
        return "people (connect: manual)";
      }
    }
    return NOTHING;
  }

  /** These lines travel in heartbeats, many at a time. */
  private static String shortened(String text) {
    return text.length() <= 100 ? text : text.substring(0, 99) + "…";
  }
}
