package dev.whimbrel.postgres;

import dev.whimbrel.servers.PostgresServer;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;

/**
 * Writes to the shop's first rows from two threads, a thousand times a second if the machine can.
 * Of a hundred customers it leaves one alone, among others that change. In the table without a key
 * rows come and go, change, and move without a change, on all of its pages.
 */
final class ShopLoad implements AutoCloseable {
  private static final int THREADS = 2;
  private static final long NANOS_A_WRITE = 1_000_000_000L * THREADS / 1_000;

  private final List<Thread> threads = new ArrayList<>();
  private final AtomicLong writes = new AtomicLong();
  private final List<SQLException> failures = new ArrayList<>();
  private final long started = System.nanoTime();
  private final Changes changes;
  private volatile boolean stopped;

  /** What is written next. */
  interface Changes {
    String next(Random random);
  }

  ShopLoad(PostgresServer server) {
    this(server, ShopLoad::change);
  }

  /** Writes something else. */
  ShopLoad(PostgresServer server, Changes changes) {
    this.changes = changes;
    for (int i = 0; i < THREADS; i++) {
      Random random = new Random(i);
      Thread thread = new Thread(() -> write(server, random), "load " + i);
      threads.add(thread);
      thread.start();
    }
  }

  /** Writes a second so far. */
  long rate() {
    return writes.get() * 1_000_000_000L / Math.max(1, System.nanoTime() - started);
  }

  /** Writes so far. */
  long writes() {
    return writes.get();
  }

  private void write(PostgresServer server, Random random) {
    try (Connection connection = server.connect("shop");
        Statement statement = connection.createStatement()) {
      long next = System.nanoTime();
      while (!stopped) {
        statement.execute(changes.next(random));
        writes.incrementAndGet();
        next += NANOS_A_WRITE;
        LockSupport.parkNanos(next - System.nanoTime());
      }
    } catch (SQLException e) {
      synchronized (failures) {
        failures.add(e);
      }
    }
  }

  private static String change(Random random) {
    int n = 1 + random.nextInt(2_000);
    return switch (random.nextInt(10)) {
      case 0 ->
          "insert into orders (day, total) values (date '2026-01-01' + " + n + " % 300, random())";
      case 1 -> "update orders set total = total + 1 where id = " + n;
      case 2 -> "update items set stock = stock - 1 where name like 'Åre " + n % 100 + "_'";
      case 3 -> "update counters set hits = hits + 1";
      // The same ids come and go.
      case 4 -> "delete from queue where id = " + n % 20;
      case 5 ->
          "insert into queue (id) values ("
              + n % 20
              + ") on conflict (id) do update set at = clock_timestamp()";
      case 6 -> "insert into log (line) values ('hello " + n + "')";
      case 7 -> "update log set at = clock_timestamp() where " + one("line " + n);
      case 8 ->
          random.nextBoolean()
              ? "update log set line = line where " + one("line " + n)
              : "delete from log where " + one("hello " + n);
      default ->
          "update customers set balance = balance + 1, changed = clock_timestamp() where id = "
              + (n % 100 == 50 ? n + 1 : n);
    };
  }

  /** One of the lines that say this; none where it is being written by somebody else. */
  private static String one(String line) {
    return "ctid = (select ctid from log where line = '%s' limit 1)".formatted(line);
  }

  @Override
  public void close() throws SQLException {
    stopped = true;
    for (Thread thread : threads) {
      try {
        thread.join(10_000);
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
      }
    }
    for (SQLException failure : failures) {
      throw failure;
    }
  }
}
