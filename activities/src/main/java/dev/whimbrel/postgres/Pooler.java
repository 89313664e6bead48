package dev.whimbrel.postgres;

import dev.whimbrel.activity.Failures;
import dev.whimbrel.activity.Side;
import dev.whimbrel.runbook.Connect;
import dev.whimbrel.runbook.PostgresSpec;
import dev.whimbrel.runbook.PostgresUrl;
import dev.whimbrel.secrets.Secrets;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** One PgBouncer: pause, point to the other side, resume; with a guardian while it is paused. */
final class Pooler implements AutoCloseable {
  private static final Duration CALL = Duration.ofSeconds(5);

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

  /** Points the entry to a side. A pooler that is not paused is paused first. */
  void pointTo(PostgresSpec to, Side side) {
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
    } catch (SQLException e) {
      throw Failures.transientFailure(
          "PgBouncer %s could not be pointed to the %s (%s)"
              .formatted(where(), side.word(), e.getSQLState()));
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
          new PostgresSpec(spec.admin(), spec.password(), null, null),
          "whimbrel",
          CALL,
          Map.of("preferQueryMode", "simple", "assumeMinServerVersion", "9.0"));
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
