package dev.whimbrel.lab;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.whimbrel.servers.PostgresServer;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Duration;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/**
 * The negative control: a switch as a careful person would write it, and wrong. If the judges did
 * not catch it, they would prove nothing about Whimbrel either.
 */
class NaiveSwitchTest {
  private static PostgresServer source;
  private static PostgresServer target;
  private static volatile @Nullable PostgresServer truth;

  @BeforeAll
  static void startServers() {
    source = PostgresServer.start(15);
    target = PostgresServer.start(16);
  }

  @AfterAll
  static void stopServers() {
    source.close();
    target.close();
  }

  @Test
  void theLedgerCatchesWritesThatAReadOnlyDefaultLetThrough() throws Exception {
    Shop.create(source);
    Shop.create(target);
    target.execute(
        Shop.DATABASE, "TRUNCATE customers, products, orders, order_items, events, probes");
    Ledger ledger = new Ledger();
    truth = source;
    Place place =
        () -> Place.at(requireNonNull(truth).jdbcUrl(Shop.DATABASE), Shop.APPLICATION).connect();

    try (Writers writers = Writers.start(ledger, place, 8, 400)) {
      replicate();
      try (Prober prober =
          Prober.start(source.jdbcUrl(Shop.DATABASE), target.jdbcUrl(Shop.DATABASE))) {
        awaitWritesMore(ledger, 200);

        source.execute("postgres", "ALTER DATABASE shop SET default_transaction_read_only = on");
        await("lag", () -> lagBytes() < 50_000);
        target.execute(Shop.DATABASE, "ALTER SUBSCRIPTION naive DISABLE");
        truth = target;
        // The sessions of a pool are replaced one by one, whenever they reach their age.
        awaitWritesMore(ledger, 100);
        writers.reconnect();
        awaitWritesMore(ledger, 100);

        assertThatThrownBy(() -> prober.assertAtMostOneWritable(1))
            .isInstanceOf(AssertionError.class)
            .hasMessageContaining("Both sides were writable");
      }
    }

    try (Connection database = target.connect(Shop.DATABASE)) {
      Judgement judgement = ledger.judge(database);

      assertThat(judgement.lost()).isNotEmpty();
      assertThat(judgement.wrongs()).anyMatch(wrong -> wrong.startsWith("handed out twice: order"));
      assertThat(judgement.acknowledged()).isGreaterThan(400);
    }
  }

  private static void replicate() {
    source.execute(Shop.DATABASE, "CREATE PUBLICATION naive FOR ALL TABLES");
    target.execute(
        Shop.DATABASE,
        "CREATE SUBSCRIPTION naive CONNECTION 'host=127.0.0.1 port=%d user=postgres dbname=shop' PUBLICATION naive"
            .formatted(source.port()));
    await(
        "table sync",
        () ->
            number(target, "SELECT count(*) FROM pg_subscription_rel WHERE srsubstate <> 'r'")
                == 0);
  }

  private static long lagBytes() {
    return number(
        source,
        "SELECT pg_current_wal_lsn() - confirmed_flush_lsn FROM pg_replication_slots WHERE slot_name = 'naive'");
  }

  private static long number(PostgresServer server, String sql) {
    try (Connection connection = server.connect(Shop.DATABASE);
        ResultSet rows = connection.createStatement().executeQuery(sql)) {
      rows.next();
      return rows.getLong(1);
    } catch (SQLException e) {
      throw new IllegalStateException(e);
    }
  }

  private static void awaitWritesMore(Ledger ledger, int more) {
    long goal = ledger.acknowledged() + more;
    await(more + " more writes", () -> ledger.acknowledged() >= goal);
  }

  private static void await(String what, BooleanSupplier condition) {
    long deadline = System.nanoTime() + Duration.ofSeconds(30).toNanos();
    while (!condition.getAsBoolean()) {
      assertThat(System.nanoTime()).as(what).isLessThan(deadline);
      LockSupport.parkNanos(5_000_000);
    }
  }
}
