package dev.whimbrel.postgres;

import dev.whimbrel.servers.PostgresServer;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.time.Duration;
import java.util.Properties;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;
import org.postgresql.PGConnection;
import org.postgresql.replication.LogSequenceNumber;
import org.postgresql.replication.PGReplicationStream;

/**
 * A synchronous standby on a server: it speaks PostgreSQL's own protocol, keeps nothing, and
 * confirms what it receives until it falls silent, as one does whose host is frozen.
 */
final class Standby implements AutoCloseable {
  private static final String NAME = "standby";

  private final PostgresServer server;
  private final Connection connection;
  private final PGReplicationStream stream;
  private final ReentrantLock answering = new ReentrantLock();
  private final Thread thread = new Thread(this::run, "standby");
  private boolean silent;
  private volatile boolean stop;

  private Standby(PostgresServer server) throws SQLException {
    this.server = server;
    Properties properties = new Properties();
    properties.setProperty("user", "postgres");
    properties.setProperty("replication", "true");
    properties.setProperty("preferQueryMode", "simple");
    properties.setProperty("assumeMinServerVersion", "13");
    properties.setProperty("ApplicationName", NAME);
    this.connection = DriverManager.getConnection(server.jdbcUrl("postgres"), properties);
    this.stream =
        connection
            .unwrap(PGConnection.class)
            .getReplicationAPI()
            .replicationStream()
            .physical()
            .withStartPosition(
                LogSequenceNumber.valueOf(
                    Pairs.value(server, "postgres", "SELECT pg_current_wal_flush_lsn()")))
            .start();
    thread.setDaemon(true);
    thread.start();
  }

  /** Makes every COMMIT of the server wait for a standby, which answers. */
  static Standby of(PostgresServer server) throws SQLException {
    Standby standby = new Standby(server);
    await(server, NAME);
    Wait.until(
        "the standby is synchronous",
        Duration.ofSeconds(20),
        () ->
            Pairs.value(
                    server,
                    "postgres",
                    "SELECT sync_state FROM pg_stat_replication WHERE application_name = '"
                        + NAME
                        + "'")
                .equals("sync"));
    return standby;
  }

  /** Sets the standby that a server's COMMITs wait for; empty for none. */
  static void await(PostgresServer server, String name) {
    server.execute(
        "postgres",
        "ALTER SYSTEM SET synchronous_standby_names = '" + name + "'",
        "SELECT pg_reload_conf()");
    Wait.until(
        "the server has read its settings",
        Duration.ofSeconds(10),
        () -> Pairs.value(server, "postgres", "SHOW synchronous_standby_names").equals(name));
  }

  /** Confirms nothing from now on; the connection stays. */
  void fallSilent() {
    hush(true);
  }

  /** Catches up and confirms again. */
  void answerAgain() {
    hush(false);
  }

  private void hush(boolean now) {
    answering.lock();
    try {
      silent = now;
    } finally {
      answering.unlock();
    }
  }

  @Override
  public void close() throws SQLException {
    await(server, "");
    stop = true;
    try {
      thread.join(5_000);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    connection.abort(Runnable::run);
  }

  private void run() {
    @Nullable LogSequenceNumber confirmed = null;
    try {
      while (!stop) {
        answering.lock();
        try {
          if (!silent) {
            confirmed = confirm(confirmed);
          }
        } finally {
          answering.unlock();
        }
        Thread.sleep(1);
      }
    } catch (SQLException e) {
      // Its server was ended.
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private LogSequenceNumber confirm(@Nullable LogSequenceNumber confirmed) throws SQLException {
    while (stream.readPending() != null) {
      // Nothing is kept.
    }
    LogSequenceNumber received = stream.getLastReceiveLSN();
    if (!received.equals(confirmed)) {
      stream.setFlushedLSN(received);
      stream.setAppliedLSN(received);
      stream.forceUpdateStatus();
    }
    return received;
  }
}
