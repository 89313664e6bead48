package dev.whimbrel.postgres;

import dev.whimbrel.activity.Side;
import java.nio.charset.StandardCharsets;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/**
 * Writers of large objects that keep a ledger of what was acknowledged: new objects, several in a
 * transaction, empty ones, changes in the middle, ends cut off, removals. A writer that is refused
 * or cut off tries the other side next.
 */
final class ObjectLoad implements AutoCloseable {
  private final World world;
  private final List<Thread> threads = new ArrayList<>();

  /** What each object may hold: one content, or two while an answer is missing; null for gone. */
  private final Map<Long, List<byte @Nullable []>> ledger = new ConcurrentHashMap<>();

  /** Contents of objects whose number was never answered. */
  private final Set<String> inDoubt = ConcurrentHashMap.newKeySet();

  private final AtomicInteger acknowledged = new AtomicInteger();
  private volatile boolean stop;

  ObjectLoad(World world, int writers) {
    this.world = world;
    for (int writer = 0; writer < writers; writer++) {
      int number = writer;
      Thread thread = new Thread(() -> write(number), "object-writer-" + writer);
      thread.setDaemon(true);
      threads.add(thread);
      thread.start();
    }
  }

  int acknowledged() {
    return acknowledged.get();
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

  @Override
  public void close() {
    stop();
  }

  /** What is wrong on the side that is the truth: lost, stale, resurrected or invented objects. */
  List<String> faults(Connection truth) throws SQLException {
    Map<Long, byte[]> found = new HashMap<>();
    try (Statement statement = truth.createStatement();
        ResultSet rows =
            statement.executeQuery("SELECT oid, lo_get(oid) FROM pg_largeobject_metadata")) {
      while (rows.next()) {
        found.put(rows.getLong(1), rows.getBytes(2));
      }
    }
    List<String> faults = new ArrayList<>();
    for (Map.Entry<Long, List<byte @Nullable []>> object : ledger.entrySet()) {
      byte @Nullable [] here = found.remove(object.getKey());
      if (object.getValue().stream().noneMatch(may -> Arrays.equals(may, here))) {
        faults.add(
            "object %d holds %s, not %s"
                .formatted(
                    object.getKey(),
                    shown(here),
                    object.getValue().stream().map(ObjectLoad::shown).toList()));
      }
    }
    Set<String> doubtful = new HashSet<>(inDoubt);
    for (Map.Entry<Long, byte[]> extra : found.entrySet()) {
      String content = new String(extra.getValue(), StandardCharsets.UTF_8);
      if (!doubtful.contains(content)) {
        faults.add("object %d was never written: %s".formatted(extra.getKey(), content));
      }
    }
    return faults;
  }

  private static String shown(byte @Nullable [] content) {
    return content == null
        ? "nothing"
        : content.length + " bytes " + Arrays.hashCode(content) % 10_000;
  }

  private void write(int writer) {
    Side side = Side.SOURCE;
    Connection connection = null;
    List<Long> mine = new ArrayList<>();
    for (int n = 0; !stop; n++) {
      try {
        if (connection == null) {
          connection = world.server(side).connect(world.name(), "app", null);
        }
        one(connection, writer, n, mine);
        acknowledged.incrementAndGet();
        Load.rest(10); // PostgreSQL decodes what writes to a catalog slowly, where it is very much
      } catch (SQLException e) {
        Load.quietly(connection);
        connection = null;
        side = side.other();
        Load.rest(5);
      }
    }
    Load.quietly(connection);
  }

  private void one(Connection connection, int writer, int n, List<Long> mine) throws SQLException {
    Long old = mine.isEmpty() ? null : mine.get(n % mine.size());
    byte @Nullable [] content = old == null ? null : certain(old);
    if (old == null || content == null || n % 4 == 0) {
      create(connection, (writer + "/" + n + " ").repeat(1 + n % 900), mine);
    } else if (n % 4 == 1) {
      byte[] changed = Arrays.copyOf(content, Math.max(content.length, 2_503));
      System.arraycopy(new byte[] {1, 2, (byte) n}, 0, changed, 2_500, 3);
      change(
          connection,
          old,
          changed,
          "SELECT lo_put(%d, 2500, '\\x0102%02x')".formatted(old, n & 0xff));
    } else if (n % 4 == 2) {
      change(
          connection,
          old,
          Arrays.copyOf(content, content.length / 2),
          "SELECT lo_truncate(lo_open(%d, 131072), %d)".formatted(old, content.length / 2));
    } else {
      change(connection, old, null, "SELECT lo_unlink(%d)".formatted(old));
      mine.remove(old);
    }
  }

  /** Two in one transaction, the second of them empty at first. */
  private void create(Connection connection, String content, List<Long> mine) throws SQLException {
    inDoubt.add(content);
    inDoubt.add("");
    connection.setAutoCommit(false);
    long first;
    long second;
    try (PreparedStatement statement =
        connection.prepareStatement("SELECT lo_from_bytea(0, ?), lo_create(0)")) {
      statement.setBytes(1, content.getBytes(StandardCharsets.UTF_8));
      try (ResultSet row = statement.executeQuery()) {
        row.next();
        first = row.getLong(1);
        second = row.getLong(2);
      }
    }
    connection.commit();
    connection.setAutoCommit(true);
    ledger.put(first, List.of(content.getBytes(StandardCharsets.UTF_8)));
    ledger.put(second, List.of(new byte[0]));
    mine.add(first);
    mine.add(second);
  }

  private void change(Connection connection, long oid, byte @Nullable [] after, String sql)
      throws SQLException {
    byte @Nullable [] before = certain(oid);
    ledger.put(oid, Arrays.asList(before, after));
    try (Statement statement = connection.createStatement()) {
      statement.execute(sql);
      ledger.put(oid, Arrays.asList(new byte @Nullable [][] {after}));
    } catch (SQLException e) {
      // An answer with an error did not happen; a lost one may have.
      if (e.getSQLState() != null
          && !e.getSQLState().startsWith("08")
          && !e.getSQLState().startsWith("57P")) {
        ledger.put(oid, Arrays.asList(new byte @Nullable [][] {before}));
      }
      throw e;
    }
  }

  /** What an object holds, where that is known. */
  private byte @Nullable [] certain(long oid) {
    List<byte @Nullable []> may = ledger.getOrDefault(oid, List.of());
    return may.size() == 1 ? may.get(0) : null;
  }
}
