package dev.whimbrel.postgres;

import static org.assertj.core.api.Assertions.assertThat;

import dev.whimbrel.runbook.StageSpec;
import dev.whimbrel.servers.Needs;
import dev.whimbrel.servers.PostgresServer;
import dev.whimbrel.servers.Program;
import java.sql.Connection;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;

/**
 * Two streams become one while transactions of all stages are open that are sent before they end,
 * that are prepared, and that truncate: whatever ends behind the meeting arrives once.
 */
@Needs(Program.PG_DUMP)
class StagedTransactionsTest {
  private static final List<StageSpec> STAGES =
      List.of(
          new StageSpec(
              List.of(
                  "public.entry",
                  "public.counter",
                  "public.customer",
                  "public.person",
                  "public.basket")),
          new StageSpec(List.of("public.event", "public.log", "public.line")));

  /** What a table of the first stage refers to comes in the last one. */
  private static final String[] BASKETS = {
    "CREATE TABLE region (id int PRIMARY KEY)",
    "INSERT INTO region SELECT generate_series(1, 9)",
    "CREATE TABLE basket (id int PRIMARY KEY, region int NOT NULL REFERENCES region)",
    "CREATE TABLE line (id int PRIMARY KEY, basket int NOT NULL REFERENCES basket)",
  };

  @Test
  void bringsWhatEndsBehindTheMeetingOnce() throws Exception {
    try (Pairs pair = new Pairs(source(), PostgresServer.start(16));
        StagedShop shop = new StagedShop(pair, "mixed", STAGES, BASKETS)) {
      shop.carryStage(1);
      for (int stage = 2; stage <= 3; stage++) {
        shop.copy.prepareCopy(shop.move);
        shop.copyFrom(2 * stage - 2);
        shop.copy.startStage(shop.move);
        shop.copy.followStage(shop.move);
        try (Writers writers = new Writers(shop, stage * 1_000_000)) {
          writers.awaitOneOfEach();
          shop.copy.joinStage(shop.move);
          writers.awaitOneOfEach();
        }
      }

      shop.finish();
      assertThat(
              shop.onSource(
                  "SELECT stream_txns > 0 FROM pg_stat_replication_slots WHERE slot_name = 'whimbrel_mixed_forward'"))
          .isEqualTo("t");
      shop.assertSame("basket", "line", "region");
      assertThat(shop.onSource("SELECT count(*) FROM pg_prepared_xacts")).isEqualTo("0");
      shop.assertOneStream();
    }
  }

  /** Sends what grows beyond 64 kB before it ends. */
  private static PostgresServer source() {
    return PostgresServer.version(15).set("logical_decoding_work_mem", "64kB").start();
  }

  /** Two of each kind, so that one is always open. */
  private static final class Writers implements AutoCloseable {
    private static final int EACH = 2;
    private final StagedShop shop;
    private final AtomicInteger next;
    private final List<AtomicInteger> done = new ArrayList<>();
    private final List<Thread> threads = new ArrayList<>();
    private final Queue<Exception> failures = new ConcurrentLinkedQueue<>();
    private volatile boolean stop;

    Writers(StagedShop shop, int first) {
      this.shop = shop;
      this.next = new AtomicInteger(first);
      for (int i = 0; i < EACH; i++) {
        start(this::large);
        start(this::prepared);
      }
      start(this::truncating);
    }

    private interface Work {
      void once(Statement statement) throws Exception;
    }

    private void start(Work work) {
      AtomicInteger count = new AtomicInteger();
      done.add(count);
      Thread thread =
          new Thread(
              () -> {
                try (Connection source = shop.pair.source().connect(shop.name);
                    Statement statement = source.createStatement()) {
                  while (!stop) {
                    work.once(statement);
                    count.incrementAndGet();
                  }
                } catch (Exception e) {
                  failures.add(e);
                }
              });
      threads.add(thread);
      thread.start();
    }

    private void large(Statement statement) throws Exception {
      int id = next.getAndAdd(3000);
      statement.execute(
          """
          BEGIN;
          INSERT INTO customer VALUES (%1$d, 'large');
          INSERT INTO archive SELECT i, 1, repeat('y', 100) FROM generate_series(%1$d, %1$d + 1999) i;
          SAVEPOINT half;
          INSERT INTO archive SELECT i, 1, repeat('z', 100) FROM generate_series(%1$d + 2000, %1$d + 2999) i;
          INSERT INTO log VALUES ('never %1$d');
          ROLLBACK TO half;
          INSERT INTO log SELECT 'large ' || i FROM generate_series(%1$d, %1$d + 1999) i;
          SELECT pg_sleep(0.3);
          UPDATE customer SET name = 'larger' WHERE id = %1$d;
          COMMIT"""
              .formatted(id));
    }

    private void prepared(Statement statement) throws Exception {
      int id = next.getAndIncrement();
      statement.execute(
          """
          BEGIN;
          INSERT INTO customer VALUES (%1$d, 'prepared');
          INSERT INTO archive VALUES (%1$d, 1, 'prepared');
          INSERT INTO log VALUES ('prepared %1$d');
          PREPARE TRANSACTION '%1$d';
          SELECT pg_sleep(0.3)"""
              .formatted(id));
      statement.execute((id % 3 == 0 ? "ROLLBACK" : "COMMIT") + " PREPARED '" + id + "'");
    }

    private void truncating(Statement statement) throws Exception {
      int id = next.getAndIncrement();
      statement.execute(
          """
          BEGIN;
          TRUNCATE basket, line;
          INSERT INTO basket VALUES (%1$d, 1);
          INSERT INTO line VALUES (%1$d, %1$d);
          COMMIT;
          SELECT pg_sleep(0.05)"""
              .formatted(id));
    }

    void awaitOneOfEach() {
      List<Integer> before = done.stream().map(AtomicInteger::get).toList();
      Wait.until(
          "one of each is over " + failures,
          Duration.ofSeconds(30),
          () -> {
            for (int i = 0; i < done.size(); i++) {
              if (done.get(i).get() <= before.get(i)) {
                return false;
              }
            }
            return true;
          });
    }

    @Override
    public void close() {
      stop = true;
      for (Thread thread : threads) {
        try {
          thread.join(15_000);
        } catch (InterruptedException e) {
          Thread.currentThread().interrupt();
        }
      }
      assertThat(failures).isEmpty();
    }
  }
}
