package dev.whimbrel.lab;

import dev.whimbrel.servers.ChildProcess;
import dev.whimbrel.servers.PostgresServer;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;

/**
 * What was going on when something that was waited for did not come: a world is gone a moment
 * later, and so is every trace.
 */
final class Scene {
  private static final int LINES = 40;
  private static final int TOP = 5;
  private static final Duration DUMP = Duration.ofSeconds(10);

  /** Who does something, or holds something, and who stands in the way. */
  private static final String SESSIONS =
      """
      SELECT concat_ws(' | ', pid, backend_type, application_name, usename, state,
               wait_event_type || '/' || wait_event, 'since ' || date_trunc('second', clock_timestamp() - state_change),
               'transaction of ' || date_trunc('second', clock_timestamp() - xact_start),
               'blocked by ' || nullif(pg_blocking_pids(pid)::text, '{}'),
               left(regexp_replace(query, '\\s+', ' ', 'g'), 120))
        FROM pg_stat_activity
       WHERE pid <> pg_backend_pid() AND (state <> 'idle' OR backend_type NOT IN ('client backend'))
         AND backend_type IN ('client backend', 'walsender', 'logical replication worker',
                              'logical replication apply worker', 'logical replication tablesync worker')
       ORDER BY backend_type, pid""";

  private Scene() {}

  /** In lines: both servers' sessions, the end of every worker's log, and what its threads did. */
  static String of(LabWorld world) {
    StringBuilder text = new StringBuilder();
    sessions(text, "source", world.source());
    sessions(text, "target", world.target());
    for (ChildProcess worker : world.product().workers()) {
      text.append("  WORKER ").append(worker.isAlive() ? "alive" : "gone").append('\n');
      worker.logTail(LINES).lines().forEach(line -> text.append("    " + line + "\n"));
      if (worker.isAlive()) {
        threads(text, worker);
      }
    }
    return text.toString();
  }

  private static void sessions(StringBuilder text, String side, PostgresServer server) {
    text.append("  SESSIONS of the ").append(side).append('\n');
    // One that is frozen must not hold the report up.
    String url = server.jdbcUrl("shop") + "?user=postgres&connectTimeout=5&socketTimeout=5";
    try (Connection connection = DriverManager.getConnection(url);
        Statement statement = connection.createStatement();
        ResultSet rows = statement.executeQuery(SESSIONS)) {
      while (rows.next()) {
        text.append("    ").append(rows.getString(1)).append('\n');
      }
    } catch (SQLException e) {
      text.append("    not known: ").append(e.getMessage()).append('\n');
    }
  }

  /** A JVM prints the stacks of its threads when it is asked to quit, and goes on. */
  private static void threads(StringBuilder text, ChildProcess worker) {
    int before = worker.logTail(Integer.MAX_VALUE).length();
    worker.signal("QUIT");
    try {
      Poll.until(
          "the worker's threads",
          DUMP,
          () -> worker.logTail(Integer.MAX_VALUE).indexOf("JNI global ref", before) > 0);
    } catch (IllegalStateException e) {
      text.append("    its threads are not known: ").append(e.getMessage()).append('\n');
      return;
    }
    String dump = worker.logTail(Integer.MAX_VALUE).substring(before);
    Arrays.stream(dump.split("\n\n"))
        .filter(thread -> thread.contains("dev.whimbrel"))
        .forEach(thread -> thread(text, thread.lines().toList()));
  }

  /** Name and state, where it stands, and through which of our own lines it came there. */
  private static void thread(StringBuilder text, List<String> lines) {
    for (int i = 0; i < lines.size(); i++) {
      if (i < TOP || lines.get(i).contains("dev.whimbrel")) {
        text.append("    ").append(lines.get(i).strip()).append('\n');
      }
    }
  }
}
