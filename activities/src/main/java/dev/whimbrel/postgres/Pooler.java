package dev.whimbrel.postgres;

import dev.whimbrel.activity.Failures;
import dev.whimbrel.activity.Side;
import dev.whimbrel.runbook.Connect;
import dev.whimbrel.runbook.PostgresSpec;
import dev.whimbrel.runbook.PostgresUrl;
import dev.whimbrel.secrets.Secrets;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** One PgBouncer: pause, point to the other side, resume; with a guardian while it is paused. */
final class Pooler implements AutoCloseable {
  static final String NO_LOGIN_RETRY = "SET server_login_retry = 0";

  private static final Logger LOG = LoggerFactory.getLogger(Pooler.class);
  private static final Duration CALL = Duration.ofSeconds(5);
  private static final Duration LEFT = Duration.ofSeconds(3);

  /**
   * The console takes the simple protocol only, and refuses every {@code SET} that pgjdbc 42.7
   * begins with; the driver leaves those out where {@code replication} has a value, which it does
   * not send to servers older than 9.4.
   */
  static final Map<String, String> CONSOLE =
      Map.of("preferQueryMode", "simple", "assumeMinServerVersion", "8.3", "replication", "false");

  private final Connect.PgBouncer spec;
  private final Secrets secrets;
  private final Databases databases;
  private @Nullable Connection console;
  private @Nullable Guardian guardian;

  Pooler(Connect.PgBouncer spec, Secrets secrets) {
    this.spec = spec;
    this.secrets = secrets;
    this.databases = new Databases(secrets);
  }

  /** Reaches the console, looks at the file, starts the guardian. Again is harmless. */
  void ready() {
    if (spec.switchBy().file() != null) {
      PoolerFile.check(spec.switchBy().file(), spec.database());
    }
    if (console == null) {
      console = connect();
    }
    if (guardian == null || !guardian.alive()) {
      guardian =
          Guardian.start(
              spec.admin(),
              spec.password() == null ? null : secrets.resolve(spec.password()),
              spec.database());
    }
  }

  /** Holds clients back; gives up, and lets them go on, at the limit. */
  void pause(Duration limit) {
    Guardian watching = guardian;
    if (watching == null || !watching.alive()) {
      throw Failures.transientFailure("The guardian of PgBouncer " + where() + " is gone");
    }
    watching.paused();
    mendLogins();
    try {
      command("PAUSE " + Quoting.identifier(spec.database()), limit);
    } catch (SQLException e) {
      if (!already(e)) {
        // Cancelling a PAUSE does not undo it.
        reconnect();
        resume();
        throw Failures.transientFailure(
            "PgBouncer %s could not be paused within %d ms: a client holds a transaction open (%s)"
                .formatted(where(), limit.toMillis(), e.getSQLState()));
      }
    }
  }

  /**
   * Points the entry to a side. A pooler that is not paused is paused first, under the eyes of the
   * guardian: a process that dies here must not leave it so.
   */
  void pointTo(PostgresSpec to, Side side) {
    Guardian watching = guardian;
    if (watching == null || !watching.alive()) {
      throw Failures.transientFailure("The guardian of PgBouncer " + where() + " is gone");
    }
    watching.paused();
    try {
      try {
        command("PAUSE " + Quoting.identifier(spec.database()), CALL);
      } catch (SQLException e) {
        if (!already(e)) {
          throw e;
        }
      }
      String file = spec.switchBy().file();
      if (file != null) {
        PostgresUrl url = PostgresUrl.parse(to.url());
        PoolerFile.point(file, spec.database(), url.host(), url.port(), url.database());
      } else if (spec.switchBy().command() != null) {
        Connect.Command command = spec.switchBy().command();
        ConnectFollowers.Commands.run(side == Side.TARGET ? command.doIt() : command.undo());
      }
      command("RELOAD", CALL);
      mendLogins();
    } catch (SQLException e) {
      reconnect(); // A PAUSE may still be waiting there, and whoever resumes comes next.
      throw Failures.transientFailure(
          "PgBouncer %s could not be pointed to the %s (%s)"
              .formatted(where(), side.word(), e.getSQLState()));
    }
  }

  /**
   * A PAUSE that meets a connection in its login counts as a failed login, after which PgBouncer
   * opens no connection for {@code server_login_retry}, 15 s (seen with 1.18: nobody could write).
   * The next RELOAD brings the setting back.
   */
  private void mendLogins() {
    try {
      command(NO_LOGIN_RETRY, CALL);
    } catch (SQLException e) {
      LOG.warn("PgBouncer {}: {} was refused ({})", where(), NO_LOGIN_RETRY, e.getSQLState());
    }
  }

  /** Lets clients go on. Again is harmless. */
  void resume() {
    try {
      command("RESUME " + Quoting.identifier(spec.database()), CALL);
    } catch (SQLException e) {
      if (!already(e)) {
        throw Failures.transientFailure(
            "PgBouncer %s could not be resumed (%s)".formatted(where(), e.getSQLState()));
      }
    }
    Guardian watching = guardian;
    if (watching != null) {
      watching.resumed();
    }
  }

  /** Waits up to three seconds until no server connection points to a database. */
  boolean hasLeft(PostgresSpec old) {
    boolean left = awaitLeft(old);
    try {
      command("RELOAD", CALL); // The entry is the one in force: this brings the settings back.
    } catch (SQLException e) {
      LOG.warn("PgBouncer {}: RELOAD was refused ({})", where(), e.getSQLState());
    }
    return left;
  }

  private boolean awaitLeft(PostgresSpec old) {
    PostgresUrl url = PostgresUrl.parse(old.url());
    Deadline limit = new Deadline(LEFT);
    while (!limit.passed()) {
      try {
        if (connectionsTo(url) == 0) {
          return true;
        }
        Thread.sleep(50);
      } catch (SQLException e) {
        return false;
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        return false;
      }
    }
    return false;
  }

  private int connectionsTo(PostgresUrl url) throws SQLException {
    Connection open = console;
    if (open == null) {
      open = connect();
      console = open;
    }
    int count = 0;
    try (Statement statement = open.createStatement();
        ResultSet rows = statement.executeQuery("SHOW SERVERS")) {
      while (rows.next()) {
        // Addresses are resolved by the pooler; the port and the name of the entry are enough
        // where the sides differ in their port, and to be careful where they do not.
        if (spec.database().equals(rows.getString("database"))
            && url.port() == rows.getInt("port")
            && isAt(url.host(), rows.getString("addr"))) {
          count++;
        }
      }
    }
    return count;
  }

  private static boolean isAt(String host, @Nullable String address) {
    try {
      for (InetAddress each : InetAddress.getAllByName(host)) {
        if (each.getHostAddress().equals(address)) {
          return true;
        }
      }
      return false;
    } catch (UnknownHostException e) {
      return true;
    }
  }

  @Override
  public void close() {
    if (guardian != null) {
      guardian.close();
    }
    if (console != null) {
      try {
        console.close();
      } catch (SQLException e) {
        // It was gone already.
      }
    }
  }

  private void command(String command, Duration limit) throws SQLException {
    if (console == null) {
      console = connect();
    }
    Connection open = console;
    try (Statement statement = open.createStatement()) {
      open.setNetworkTimeout(Runnable::run, (int) Math.max(1, limit.toMillis()));
      statement.execute(command);
    } catch (SQLException e) {
      if (open.isClosed()) {
        console = null;
      }
      throw e;
    }
  }

  private void reconnect() {
    if (console != null) {
      try {
        console.abort(Runnable::run);
      } catch (SQLException e) {
        // It was gone already.
      }
    }
    console = null;
  }

  private Connection connect() {
    try {
      return databases.open(
          new PostgresSpec(spec.admin(), spec.password(), null, null), "whimbrel", CALL, CONSOLE);
    } catch (SQLException e) {
      throw Failures.transientFailure(
          "PgBouncer %s does not answer on its console (%s)".formatted(where(), e.getSQLState()));
    }
  }

  private String where() {
    PostgresUrl url = PostgresUrl.parse(spec.admin());
    return url.host() + ":" + url.port() + " database " + spec.database();
  }

  /** "already suspended/paused", "not paused": the state that was wanted is there. */
  static boolean already(SQLException e) {
    String message = e.getMessage();
    return message != null && (message.contains("already") || message.contains("is not paused"));
  }
}
