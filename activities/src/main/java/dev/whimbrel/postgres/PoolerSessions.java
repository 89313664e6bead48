package dev.whimbrel.postgres;

import dev.whimbrel.activity.Move;
import dev.whimbrel.runbook.Connect;
import dev.whimbrel.runbook.PostgresSpec;
import dev.whimbrel.runbook.PostgresUrl;
import io.temporal.failure.ApplicationFailure;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;

/** The sessions that the runbook's PgBouncers hold on the source, by the port they come from. */
final class PoolerSessions {
  private static final Duration ANSWER = Duration.ofSeconds(5);

  /** No session of any pooler. */
  static final PoolerSessions NONE = new PoolerSessions();

  private final Map<Integer, String> byPort = new HashMap<>();
  private final Map<Integer, String> earlier = new HashMap<>();
  private boolean complete = true;

  private PoolerSessions() {}

  /** Asks every pooler; one that does not answer is a blocker, told where {@code tell} is set. */
  static PoolerSessions of(Move move, Databases databases, Findings findings, boolean tell) {
    PoolerSessions sessions = new PoolerSessions();
    for (Connect entry : move.connect()) {
      Connect.PgBouncer pooler = entry.pgbouncer();
      if (pooler != null) {
        String where = PostgresUrl.parse(pooler.admin()).where();
        try {
          sessions.ask(pooler, where, move, databases);
        } catch (SQLException | ApplicationFailure e) {
          sessions.complete = false;
          if (tell) {
            findings.blocker(
                "pooler",
                where,
                "PgBouncer's console does not answer, so that it cannot be paused.",
                "start it, or correct connect.pgbouncer.admin; the role must stand in admin_users");
          }
        }
      }
    }
    return sessions;
  }

  /** Whether every pooler has answered. */
  boolean complete() {
    return complete;
  }

  /** The newer list with this one's sessions, of which some may be gone by now. */
  PoolerSessions and(PoolerSessions newer) {
    newer.earlier.putAll(byPort);
    return newer;
  }

  /** The pooler that the session from this port belongs to, or an empty text. */
  String of(int clientPort) {
    return byPort.getOrDefault(clientPort, earlier.getOrDefault(clientPort, ""));
  }

  private void ask(Connect.PgBouncer pooler, String where, Move move, Databases databases)
      throws SQLException {
    PostgresSpec console = new PostgresSpec(pooler.admin(), pooler.password(), null, null);
    try (Connection connection =
            databases.open(
                console,
                Names.applicationName(move.migration(), "preflight"),
                ANSWER,
                PoolerConsole.PROPERTIES);
        Statement statement = connection.createStatement();
        ResultSet servers = statement.executeQuery("SHOW SERVERS")) {
      while (servers.next()) {
        if (servers.getString("database").equals(pooler.database())) {
          byPort.put(servers.getInt("local_port"), "pgbouncer " + where);
        }
      }
    }
  }
}
