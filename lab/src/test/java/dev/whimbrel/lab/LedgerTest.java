package dev.whimbrel.lab;

import static org.assertj.core.api.Assertions.assertThat;

import dev.whimbrel.lab.Ledger.Entry;
import dev.whimbrel.lab.Ledger.Fate;
import dev.whimbrel.servers.PostgresServer;
import java.sql.Connection;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class LedgerTest {
  private static PostgresServer server;

  @BeforeAll
  static void startServer() {
    server = PostgresServer.start(16);
    Shop.create(server);
  }

  @AfterAll
  static void stopServer() {
    server.close();
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 5})
  void findsNothingWrongWhereTheServerCrashedUnderLoad(int rows) throws Exception {
    Ledger ledger = new Ledger();
    Place place = Place.at(server.jdbcUrl(Shop.DATABASE), Shop.APPLICATION);

    try (Writers writers = Writers.start(ledger, place, 4, 400, rows)) {
      awaitAcknowledged(ledger, 200);
      server.kill9();
      server.start();
      awaitAcknowledged(ledger, ledger.acknowledged() + 200);
      server.stopFast();
      server.start();
      writers.reconnect();
      awaitAcknowledged(ledger, ledger.acknowledged() + 200);
    }

    Judgement judgement = judge(ledger);
    assertThat(judgement.wrongs()).isEmpty();
    assertThat(judgement.acknowledged()).isGreaterThan(600);
    assertThat(ledger.errors()).isNotEmpty();
    server.execute(Shop.DATABASE, "DELETE FROM orders", "DELETE FROM events");
  }

  @Test
  void namesEveryKindOfWrong() throws Exception {
    Ledger ledger = new Ledger();
    Entry lost = ledger.begin(false);
    Entry doubled = ledger.begin(false);
    Entry refused = ledger.begin(false);
    Entry inDoubt = ledger.begin(false);
    Entry older = ledger.begin(false);
    Entry deleted = ledger.begin(false);
    Entry torn = ledger.begin(true);

    ledger.acknowledged(lost, 900_001);
    ledger.acknowledged(doubled, 900_002);
    ledger.refused(refused, "no");
    ledger.inDoubt(inDoubt, "who knows");
    ledger.acknowledged(older, 900_003);
    ledger.changed(older, 1, Fate.ACKNOWLEDGED, null);
    ledger.acknowledged(deleted, 900_004);
    ledger.deleted(deleted, Fate.ACKNOWLEDGED, null);
    ledger.acknowledged(torn, 900_004);
    for (Entry there : List.of(doubled, doubled, refused, inDoubt, older, deleted, torn)) {
      server.execute(
          Shop.DATABASE,
          "INSERT INTO orders (write_id, customer_id) VALUES (" + there.writeId() + ", 1)");
    }

    Judgement judgement = judge(ledger);

    assertThat(judgement.wrongs())
        .containsExactlyInAnyOrder(
            "lost: write 1 in orders: was acknowledged and is not there",
            "doubled: write 2 in orders: 2 rows",
            "resurrected: write 3 in orders: was refused and is there",
            "lost: order of write 5: version 0, acknowledged was 1",
            "resurrected: write 6 in orders: was deleted and is there",
            "lost: write 7 in order_items: was acknowledged and is not there",
            "lost: write 7 in events: was acknowledged and is not there",
            "handed out twice: order number 900004: writes 6 and 7");
    assertThat(judgement.inDoubt()).isEqualTo(1);
    server.execute(Shop.DATABASE, "DELETE FROM orders");
  }

  private static Judgement judge(Ledger ledger) throws Exception {
    try (Connection database = server.connect(Shop.DATABASE)) {
      return ledger.judge(database);
    }
  }

  private static void awaitAcknowledged(Ledger ledger, long goal) {
    long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(30);
    while (ledger.acknowledged() < goal) {
      assertThat(System.nanoTime()).as("acknowledged writes").isLessThan(deadline);
      LockSupport.parkNanos(5_000_000);
    }
  }
}
