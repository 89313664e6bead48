package dev.whimbrel.postgres;

import dev.whimbrel.activity.Side;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/**
 * Writers that keep a ledger of what was acknowledged. Without a pooler, a writer that is refused
 * or cut off tries the other side next, as an application behind a moved name would.
 */
final class Load implements AutoCloseable {
  static final String SCHEMA =
      """
      CREATE TABLE entry (id bigserial PRIMARY KEY, writer int NOT NULL, n bigint NOT NULL, payload text);
      CREATE TABLE counter (writer int PRIMARY KEY, total bigint NOT NULL);
      CREATE TABLE event (id bigint GENERATED ALWAYS AS IDENTITY, day int NOT NULL, writer int, n bigint,
        PRIMARY KEY (id, day)) PARTITION BY RANGE (day);
      CREATE TABLE event_0 PARTITION OF event FOR VALUES FROM (0) TO (50);
      CREATE TABLE event_1 PARTITION OF event FOR VALUES FROM (50) TO (100);
      CREATE TABLE "Übung x" (id int PRIMARY KEY);
      CREATE SEQUENCE down INCREMENT -2 MAXVALUE 1000000 MINVALUE -1000000 START 10;
      """;

  /** How a writer reaches the database. */
  interface Connector {
    Connection connect(@Nullable Side side) throws SQLException;
  }

  private final Connector connector;
  private final boolean twoAddresses;
  private final List<Thread> threads = new ArrayList<>();
  private final Set<String> acknowledged = ConcurrentHashMap.newKeySet();
  private final Set<String> deleted = ConcurrentHashMap.newKeySet();
  private final Set<String> inDoubt = ConcurrentHashMap.newKeySet();
  private final Map<Integer, Long> totals = new ConcurrentHashMap<>();
  private final List<String> errors = Collections.synchronizedList(new ArrayList<>());
  private final AtomicLong latest = new AtomicLong(System.nanoTime());
  private final AtomicLong longestGap = new AtomicLong();
  private volatile boolean stop;

  Load(Connector connector, boolean twoAddresses) {
    this.connector = connector;
    this.twoAddresses = twoAddresses;
  }

  Load start(int writers) {
    for (int writer = 0; writer < writers; writer++) {
      int number = writer;
      Thread thread = new Thread(() -> write(number), "writer-" + writer);
      thread.setDaemon(true);
      threads.add(thread);
      thread.start();
    }
    return this;
  }

  long acknowledged() {
    return acknowledged.size();
  }

  List<String> errors() {
    return List.copyOf(errors);
  }

  long longestGapMillis() {
    return longestGap.get() / 1_000_000;
  }

  void resetGap() {
    latest.set(System.nanoTime());
    longestGap.set(0);
  }

  @Override
  public void close() {
    stop();
  }

  /** Ends the writers and waits for what they have in flight. Again is harmless. */
  void stop() {
    stop = true;
    for (Thread thread : threads) {
      try {
        thread.join(15_000);
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
      }
    }
  }

  /** What is wrong on the side that is the truth: lost, doubled or resurrected writes. */
  List<String> faults(Connection truth) throws SQLException {
    Map<String, Integer> found = new HashMap<>();
    List<String> faults = new ArrayList<>();
    for (String table : List.of("entry", "event")) {
      try (Statement statement = truth.createStatement();
          ResultSet rows = statement.executeQuery("SELECT writer, n FROM " + table)) {
        while (rows.next()) {
          String key = table + " " + rows.getInt(1) + "/" + rows.getLong(2);
          if (found.merge(key, 1, Integer::sum) > 1) {
            faults.add("doubled " + key);
          }
          if (deleted.contains(key)) {
            faults.add("resurrected " + key);
          }
        }
      }
    }
    Set<String> lost = new TreeSet<>(acknowledged);
    lost.removeAll(found.keySet());
    lost.removeAll(deleted);
    lost.removeAll(inDoubt);
    lost.forEach(key -> faults.add("lost " + key));
    Set<String> invented = new HashSet<>(found.keySet());
    invented.removeAll(acknowledged);
    invented.removeAll(inDoubt);
    invented.forEach(key -> faults.add("never written " + key));
    try (Statement statement = truth.createStatement();
        ResultSet rows = statement.executeQuery("SELECT writer, total FROM counter")) {
      while (rows.next()) {
        long expected = totals.getOrDefault(rows.getInt(1), 0L);
        if (rows.getLong(2) < expected) {
          faults.add(
              "counter "
                  + rows.getInt(1)
                  + " fell back to "
                  + rows.getLong(2)
                  + " from "
                  + expected);
        }
      }
    }
    return faults;
  }

  private void write(int writer) {
    Side side = Side.SOURCE;
    Connection connection = null;
    long n = 0;
    while (!stop) {
      n++;
      List<String> keys = List.of("entry " + writer + "/" + n, "event " + writer + "/" + n);
      String old = "entry " + writer + "/" + (n - 5);
      boolean delete = n % 7 == 0 && acknowledged.contains(old);
      boolean committing = false;
      try {
        if (connection == null) {
          connection = connector.connect(twoAddresses ? side : null);
          connection.setAutoCommit(false);
        }
        long total = one(connection, writer, n, delete);
        committing = true;
        keys.forEach(inDoubt::add);
        if (delete) {
          inDoubt.add(old);
        }
        connection.commit();
        keys.forEach(acknowledged::add);
        keys.forEach(inDoubt::remove);
        if (delete) {
          deleted.add(old);
        }
        totals.put(writer, total);
        long now = System.nanoTime();
        long gap = now - latest.getAndSet(now);
        longestGap.accumulateAndGet(gap, Math::max);
        rest(2); // the machine that runs the tests must be able to apply what is written
      } catch (SQLException e) {
        // A commit that was answered with an error did not happen; one without an answer may have.
        if (committing
            && e.getSQLState() != null
            && !e.getSQLState().startsWith("08")
            && !e.getSQLState().startsWith("57P")) {
          keys.forEach(inDoubt::remove);
        }
        errors.add(e.getSQLState() + " " + e.getMessage());
        quietly(connection);
        connection = null;
        side = side.other();
        rest(twoAddresses ? 5 : 50);
      }
    }
    quietly(connection);
  }

  private static long one(Connection connection, int writer, long n, boolean delete)
      throws SQLException {
    try (PreparedStatement entry =
            connection.prepareStatement(
                "INSERT INTO entry (writer, n, payload) VALUES (?, ?, 'x')");
        PreparedStatement event =
            connection.prepareStatement("INSERT INTO event (day, writer, n) VALUES (?, ?, ?)");
        PreparedStatement counter =
            connection.prepareStatement(
                "INSERT INTO counter VALUES (?, 1) ON CONFLICT (writer) DO UPDATE SET total = counter.total + 1 RETURNING total")) {
      entry.setInt(1, writer);
      entry.setLong(2, n);
      entry.executeUpdate();
      event.setInt(1, (int) (n % 100));
      event.setInt(2, writer);
      event.setLong(3, n);
      event.executeUpdate();
      if (delete) {
        try (PreparedStatement gone =
            connection.prepareStatement("DELETE FROM entry WHERE writer = ? AND n = ?")) {
          gone.setInt(1, writer);
          gone.setLong(2, n - 5);
          gone.executeUpdate();
        }
      }
      counter.setInt(1, writer);
      try (ResultSet row = counter.executeQuery()) {
        row.next();
        return row.getLong(1);
      }
    }
  }

  static void rest(long millis) {
    try {
      Thread.sleep(millis);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  static void quietly(@Nullable Connection connection) {
    if (connection != null) {
      try {
        connection.close();
      } catch (SQLException e) {
        // It was gone already.
      }
    }
  }
}
