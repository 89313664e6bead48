package dev.whimbrel.postgres;

import dev.whimbrel.activity.Failures;
import dev.whimbrel.activity.Side;
import dev.whimbrel.runbook.Connect;
import dev.whimbrel.runbook.PostgresSpec;
import dev.whimbrel.runbook.PostgresUrl;
import dev.whimbrel.secrets.Secrets;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.sql.SQLException;
import java.time.Duration;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** One PgBouncer: pause, lead to the other side; with a guardian while it is paused. */
final class Pooler implements AutoCloseable {
  /**
   * A PAUSE that meets a connection in its login counts as a failed login, after which PgBouncer
   * opens no connection for {@code server_login_retry}, 15 s (seen with 1.18: nobody could write).
   * The next RELOAD brings the setting back.
   */
  static final String NO_LOGIN_RETRY = "SET server_login_retry = 0";

  private static final Logger LOG = LoggerFactory.getLogger(Pooler.class);
  private static final Duration CALL = Duration.ofSeconds(5);
  private static final Duration LEFT = Duration.ofSeconds(3);
  private static final String RELOAD = "RELOAD";

  private final Connect.PgBouncer spec;
  private final Secrets secrets;
  private final PoolerConsole console;
  private final String pause;
  private final String resume;
  private @Nullable Guardian guardian;
  private @Nullable Side staged;
  private boolean held;

  Pooler(Connect.PgBouncer spec, Secrets secrets) {
    this.spec = spec;
    this.secrets = secrets;
    this.console = new PoolerConsole(spec, secrets);
    this.pause = "PAUSE " + Quoting.identifier(spec.database());
    this.resume = "RESUME " + Quoting.identifier(spec.database());
  }

  /** Reaches the console, starts the guardian, writes the next file. Again is harmless. */
  void ready(PostgresSpec to, Side side) {
    String file = spec.switchBy().file();
    if (file != null) {
      PoolerFile.check(file, spec.database());
    }
    console.connected();
    if (guardian == null || !guardian.alive()) {
      guardian =
          Guardian.start(
              spec.admin(),
              spec.password() == null ? null : secrets.resolve(spec.password()),
              spec.database());
    }
    if (file != null && staged != side) {
      PoolerFile.stage(file, side, spec.database(), PostgresUrl.parse(to.url()));
      staged = side;
    }
  }

  /** Holds clients back; gives up, and lets them go on, at the limit. One round trip. */
  void pause(Duration limit) {
    guard().paused();
    try {
      List<@Nullable SQLException> answers = console.run(limit, NO_LOGIN_RETRY, pause);
      warn(NO_LOGIN_RETRY, answers.get(0));
      PoolerConsole.mustBeDone(answers.get(1));
      held = true;
    } catch (SQLException e) {
      console.giveUp(); // Cancelling a PAUSE does not undo it.
      resume();
      throw Failures.transientFailure(
          "PgBouncer %s could not be paused within %d ms: a client holds a transaction open (%s)"
              .formatted(console.where(), limit.toMillis(), e.getSQLState()));
    }
  }

  /**
   * Points the entry to a side, which is open, and lets clients go on: one round trip. A pooler
   * that is not paused for certain is paused first, under the eyes of the guardian: a RELOAD alone
   * lets open transactions go on at the old side, and a process that dies here must not leave it
   * paused.
   */
  void lead(PostgresSpec to, Side side) {
    Guardian watching = guard();
    try {
      if (!held || watching.mayHaveResumed()) {
        watching.paused();
        console.run(CALL, pause);
        held = true;
      }
      String file = spec.switchBy().file();
      if (file != null) {
        PoolerFile.point(file, side, spec.database(), PostgresUrl.parse(to.url()));
      } else if (spec.switchBy().command() != null) {
        Connect.Command command = spec.switchBy().command();
        ConnectFollowers.Commands.run(side == Side.TARGET ? command.doIt() : command.undo());
      }
      List<@Nullable SQLException> answers = console.run(CALL, RELOAD, NO_LOGIN_RETRY, resume);
      PoolerConsole.mustBeDone(answers.get(0));
      warn(NO_LOGIN_RETRY, answers.get(1));
      PoolerConsole.mustBeDone(answers.get(2));
    } catch (SQLException e) {
      console.giveUp(); // A PAUSE may still be waiting there, and whoever resumes comes next.
      throw Failures.transientFailure(
          "PgBouncer %s could not be pointed to the %s (%s)"
              .formatted(console.where(), side.word(), e.getSQLState()));
    }
    held = false;
    watching.resumed();
  }

  /** Lets clients go on. Again is harmless. */
  void resume() {
    try {
      console.run(CALL, resume);
    } catch (SQLException e) {
      throw Failures.transientFailure(
          "PgBouncer %s could not be resumed (%s)".formatted(console.where(), e.getSQLState()));
    }
    held = false;
    Guardian watching = guardian;
    if (watching != null) {
      watching.resumed();
    }
  }

  private Guardian guard() {
    Guardian watching = guardian;
    if (watching == null || !watching.alive()) {
      throw Failures.transientFailure("The guardian of PgBouncer " + console.where() + " is gone");
    }
    return watching;
  }

  private void warn(String command, @Nullable SQLException refusal) {
    if (refusal != null) {
      LOG.warn(
          "PgBouncer {}: {} was refused ({})", console.where(), command, refusal.getSQLState());
    }
  }

  /** Waits up to three seconds until no server connection points to a database. */
  boolean hasLeft(PostgresSpec old) {
    boolean left = awaitLeft(old);
    try {
      console.run(CALL, RELOAD); // The entry is in force: this brings the settings back.
    } catch (SQLException e) {
      warn(RELOAD, e);
    }
    return left;
  }

  private boolean awaitLeft(PostgresSpec old) {
    PostgresUrl url = PostgresUrl.parse(old.url());
    Deadline limit = new Deadline(LEFT);
    while (!limit.passed()) {
      try {
        // Where the sides differ in their port it is enough; otherwise addresses decide.
        if (console.servers().stream()
            .noneMatch(server -> url.port() == server.port() && isAt(url.host(), server))) {
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

  private static boolean isAt(String host, PoolerConsole.Server server) {
    try {
      for (InetAddress each : InetAddress.getAllByName(host)) {
        if (each.getHostAddress().equals(server.address())) {
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
    console.close();
    String file = spec.switchBy().file();
    if (file != null && staged != null) {
      PoolerFile.unstage(file, staged);
    }
  }
}
