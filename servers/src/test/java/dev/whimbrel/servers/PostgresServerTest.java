package dev.whimbrel.servers;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class PostgresServerTest {
  @ParameterizedTest
  @ValueSource(ints = {13, 15, 16, 18})
  void everyVersionStartsReadyForLogicalReplication(int version) throws Exception {
    try (PostgresServer server = PostgresServer.start(version)) {
      assertThat(ask(server, "SHOW server_version")).startsWith(version + ".");
      assertThat(ask(server, "SHOW wal_level")).isEqualTo("logical");
      assertThat(ask(server, "SHOW listen_addresses")).isEqualTo("127.0.0.1");
      assertThat(
              ask(server, "SELECT pg_create_logical_replication_slot('probe', 'pgoutput') IS NULL"))
          .isEqualTo("f");
    }
  }

  @Test
  void twoServersHaveSystemIdentifiersOfTheirOwn() throws Exception {
    try (PostgresServer one = PostgresServer.start(16);
        PostgresServer other = PostgresServer.start(16)) {
      String sql = "SELECT system_identifier FROM pg_control_system()";

      assertThat(ask(one, sql)).isNotEqualTo(ask(other, sql));
    }
  }

  @Test
  void keepsCommittedRowsAndDropsOthersWhenItCrashes() throws Exception {
    try (PostgresServer server = PostgresServer.start(15)) {
      server.execute("postgres", "CREATE TABLE t (id int)", "INSERT INTO t VALUES (1)");

      try (Connection open = server.connect("postgres")) {
        open.setAutoCommit(false);
        open.createStatement().execute("INSERT INTO t VALUES (2)");
        server.kill9();
      } catch (SQLException connectionIsGone) {
        // As expected: closing has nobody to talk to.
      }
      server.start();
      server.execute("postgres", "INSERT INTO t VALUES (3)");
      server.stopImmediate();
      server.start();
      server.stopFast();
      server.start();

      assertThat(ask(server, "SELECT string_agg(id::text, ',' ORDER BY id) FROM t"))
          .isEqualTo("1,3");
    }
  }

  @Test
  void aPausedServerAnswersOnlyAfterItWasResumed() throws Exception {
    try (PostgresServer server = PostgresServer.start(18);
        Connection connection = server.connect("postgres")) {
      server.pause();
      CompletableFuture<String> answer =
          CompletableFuture.supplyAsync(
              () -> {
                try {
                  return ask(connection, "SELECT 'awake'");
                } catch (SQLException e) {
                  throw new IllegalStateException(e);
                }
              });
      assertThat(answer.completeOnTimeout("frozen", 300, TimeUnit.MILLISECONDS).get())
          .isEqualTo("frozen");

      server.resume();

      assertThat(ask(server, "SELECT 'awake'")).isEqualTo("awake");
    }
  }

  @Test
  void asksForAPasswordWhenToldTo() throws Exception {
    try (PostgresServer server =
        PostgresServer.version(16).scram("it's secret").set("work_mem", "5MB").start()) {
      assertThat(ask(server, "SHOW work_mem")).isEqualTo("5MB");

      assertThatThrownBy(() -> server.connect("postgres", "postgres", "wrong"))
          .hasMessageContaining("password authentication failed");
    }
  }

  @Test
  void saysWhyItDoesNotComeUp() {
    assertThatThrownBy(() -> PostgresServer.version(15).set("wal_level", "none").start())
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining("PostgreSQL 15 does not come up")
        .hasMessageContaining("invalid value for parameter \"wal_level\"");
  }

  @Test
  void startsWithinSecondsFromTheTemplate() {
    PostgresServer.start(15).close();
    long started = System.nanoTime();

    PostgresServer.start(15).close();

    assertThat(Duration.ofNanos(System.nanoTime() - started)).isLessThan(Duration.ofSeconds(10));
  }

  private static String ask(PostgresServer server, String sql) throws SQLException {
    try (Connection connection = server.connect("postgres")) {
      return ask(connection, sql);
    }
  }

  private static String ask(Connection connection, String sql) throws SQLException {
    try (Statement statement = connection.createStatement();
        ResultSet rows = statement.executeQuery(sql)) {
      rows.next();
      return rows.getString(1);
    }
  }
}
