package dev.whimbrel.postgres;

import dev.whimbrel.activity.Failures;
import dev.whimbrel.runbook.Connect;
import dev.whimbrel.runbook.PostgresSpec;
import dev.whimbrel.runbook.PostgresUrl;
import dev.whimbrel.secrets.Secrets;
import java.sql.BatchUpdateException;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** The admin console of one PgBouncer; connects when it is needed, and anew after a failure. */
final class PoolerConsole implements AutoCloseable {
  private static final Duration CALL = Duration.ofSeconds(5);

  /**
   * The console takes the simple protocol only, and refuses every {@code SET} that pgjdbc 42.7
   * begins with; the driver leaves those out where {@code replication} has a value, which it does
   * not send to servers older than 9.4.
   */
  static final Map<String, String> PROPERTIES =
      Map.of("preferQueryMode", "simple", "assumeMinServerVersion", "8.3", "replication", "false");

  private final Connect.PgBouncer spec;
  private final Databases databases;
  private @Nullable Connection connection;

  PoolerConsole(Connect.PgBouncer spec, Secrets secrets) {
    this.spec = spec;
    this.databases = new Databases(secrets);
  }

  /**
   * Connects, unless it is connected already.
   *
   * @throws io.temporal.failure.ApplicationFailure {@code Transient} where nobody answers
   */
  Connection connected() {
    Connection open = connection;
    if (open == null) {
      try {
        open =
            databases.open(
                new PostgresSpec(spec.admin(), spec.password(), null, null),
                "whimbrel",
                CALL,
                PROPERTIES);
      } catch (SQLException e) {
        throw Failures.transientFailure(
            "PgBouncer %s does not answer on its console (%s)".formatted(where(), e.getSQLState()));
      }
      connection = open;
    }
    return open;
  }

  /**
   * Sends commands without waiting between them: one round trip. The console does them one after
   * the other, also after one that it refuses; only behind a {@code PAUSE} that waits for clients
   * it would go on at once, so that a {@code PAUSE} must be the last one.
   *
   * @param limit how long the answers may take
   * @return for each command null where it was done, or the refusal
   * @throws SQLException where the console is gone or does not answer; the connection is given up
   */
  List<@Nullable SQLException> run(Duration limit, String... commands) throws SQLException {
    Connection open = connected();
    List<@Nullable SQLException> answers = new ArrayList<>();
    try (Statement statement = open.createStatement()) {
      open.setNetworkTimeout(Runnable::run, (int) Math.max(1, limit.toMillis()));
      for (String command : commands) {
        statement.addBatch(command);
        answers.add(null);
      }
      statement.executeBatch();
    } catch (BatchUpdateException e) {
      if (open.isClosed()) {
        giveUp();
        throw e;
      }
      int[] counts = e.getUpdateCounts();
      SQLException refusal = e.getNextException();
      for (int i = 0; i < counts.length; i++) {
        if (counts[i] == Statement.EXECUTE_FAILED) {
          answers.set(i, refusal == null ? e : refusal);
          refusal = refusal == null ? null : refusal.getNextException();
        }
      }
    } catch (SQLException e) {
      giveUp();
      throw e;
    } catch (AssertionError e) {
      // pgjdbc 42.7.8, BatchResultHandler: a connection that is lost under a batch is asked whether
      // it commits by itself, and must not refuse the answer.
      giveUp();
      throw new SQLException("no answer within " + limit.toMillis() + " ms", "08006", e);
    }
    return answers;
  }

  /** Sends one command; a refusal that says that it is so already counts as done. */
  void run(Duration limit, String command) throws SQLException {
    mustBeDone(run(limit, new String[] {command}).get(0));
  }

  /** Throws a refusal, unless it says that the wanted state is there already. */
  static void mustBeDone(@Nullable SQLException refusal) throws SQLException {
    if (refusal != null && !already(refusal)) {
      throw refusal;
    }
  }

  /** The servers that the pooler is connected to for its entry: address and port of each. */
  List<Server> servers() throws SQLException {
    List<Server> servers = new ArrayList<>();
    try (Statement statement = connected().createStatement();
        ResultSet rows = statement.executeQuery("SHOW SERVERS")) {
      while (rows.next()) {
        if (spec.database().equals(rows.getString("database"))) {
          servers.add(new Server(rows.getString("addr"), rows.getInt("port")));
        }
      }
    }
    return servers;
  }

  /**
   * Where a connection of the pooler's goes.
   *
   * @param address resolved by the pooler; null for a Unix socket
   * @param port its port
   */
  record Server(@Nullable String address, int port) {}

  /** Drops the connection without a word: a command may still be waiting there. */
  void giveUp() {
    Connection open = connection;
    connection = null;
    if (open != null) {
      try {
        open.abort(Runnable::run);
      } catch (SQLException e) {
        // It was gone already.
      }
    }
  }

  /** For messages: where the pooler is, and which entry. */
  String where() {
    PostgresUrl url = PostgresUrl.parse(spec.admin());
    return url.host() + ":" + url.port() + " database " + spec.database();
  }

  /** "already suspended/paused", "not paused": the state that was wanted is there. */
  static boolean already(SQLException e) {
    String message = e.getMessage();
    return message != null && (message.contains("already") || message.contains("is not paused"));
  }

  @Override
  public void close() {
    Connection open = connection;
    connection = null;
    if (open != null) {
      try {
        open.close();
      } catch (SQLException e) {
        // It was gone already.
      }
    }
  }
}
