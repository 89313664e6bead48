package dev.whimbrel.postgres;

import dev.whimbrel.servers.PostgresServer;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.concurrent.atomic.AtomicLong;

/**
 * Somebody who moves amounts from one table to another: only within one snapshot is the sum of both
 * zero.
 */
final class Transfers implements AutoCloseable {
  static final String[] SCHEMA = {
    "CREATE TABLE debit (id bigserial PRIMARY KEY, n bigint NOT NULL, text text DEFAULT repeat('x', 50))",
    "INSERT INTO debit (n) SELECT i FROM generate_series(1, 20000) i",
    "CREATE INDEX debit_n ON debit (n)",
    "CREATE TABLE credit (id bigint PRIMARY KEY, n bigint NOT NULL)",
    "INSERT INTO credit SELECT id, -n FROM debit",
    "ALTER TABLE credit ADD CONSTRAINT credit_debit FOREIGN KEY (id) REFERENCES debit",
    "CREATE UNLOGGED TABLE quick AS SELECT i AS id, 'text' AS text FROM generate_series(1, 1000) i",
    "ALTER TABLE quick ADD PRIMARY KEY (id)",
    "CREATE MATERIALIZED VIEW totals AS SELECT count(*) AS rows FROM debit"
  };

  private final PostgresServer server;
  private final String database;
  private final AtomicLong done = new AtomicLong();
  private final Thread thread = new Thread(this::run, "transfers");
  private volatile boolean stop;

  Transfers(PostgresServer server, String database) {
    this.server = server;
    this.database = database;
    thread.setDaemon(true);
    thread.start();
  }

  /** Waits for a hundred transfers more. */
  void awaitSome() {
    long from = done.get();
    Wait.until("transfers", Duration.ofSeconds(30), () -> done.get() > from + 100);
  }

  private void run() {
    try (Connection connection = server.connect(database);
        Statement statement = connection.createStatement()) {
      connection.setAutoCommit(false);
      for (long i = 1; !stop; i++) {
        long id = i * 7919 % 20000 + 1;
        statement.execute("UPDATE debit SET n = n + 5 WHERE id = " + id);
        statement.execute(
            "WITH d AS (INSERT INTO debit (n) VALUES (10) RETURNING id)"
                + " UPDATE credit SET n = n - 15 FROM d WHERE credit.id = "
                + id);
        connection.commit();
        done.incrementAndGet();
      }
    } catch (SQLException e) {
      throw new IllegalStateException(e);
    }
  }

  @Override
  public void close() {
    stop = true;
    try {
      thread.join(10_000);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
