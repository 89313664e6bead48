package dev.whimbrel.lab;

import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/**
 * What every client was told about every one of its writes: acknowledged, refused, or in doubt when
 * the answer was lost. Clients never repeat a write. The ledger is held against the database that
 * claims to be the truth.
 */
public final class Ledger {
  /** The tables that a write may touch; each keeps the write's number in {@code write_id}. */
  private static final List<String> TABLES = List.of("orders", "order_items", "events");

  private final AtomicLong numbers = new AtomicLong();
  private final Map<Long, Entry> entries = new ConcurrentHashMap<>();
  private final Map<Long, Entry> orders = new ConcurrentHashMap<>();
  private final Map<Long, Long> tickets = new ConcurrentHashMap<>();
  private final Queue<Long> acknowledgedAt = new ConcurrentLinkedQueue<>();
  private final Queue<String> handedOutTwice = new ConcurrentLinkedQueue<>();
  private final Queue<String> errors = new ConcurrentLinkedQueue<>();
  private final AtomicLong acknowledged = new AtomicLong();
  private final AtomicLong refused = new AtomicLong();
  private final AtomicLong inDoubt = new AtomicLong();

  /** What a client knows about a write. */
  public enum Fate {
    /** Sent, not answered yet; after the load has stopped the same as in doubt. */
    OPEN,
    ACKNOWLEDGED,
    REFUSED,
    IN_DOUBT
  }

  /** One write: the creation of an order, and later changes of that order by the same client. */
  public static final class Entry {
    private final long writeId;
    private final boolean wide;
    private Fate fate = Fate.OPEN;
    private int version;
    private int versionInDoubt;
    private Fate deletion = Fate.REFUSED;

    private Entry(long writeId, boolean wide) {
      this.writeId = writeId;
      this.wide = wide;
    }

    /** The number that every row of this write carries. */
    public long writeId() {
      return writeId;
    }
  }

  /**
   * A new write, about to be sent.
   *
   * @param wide whether it writes to all three tables in one transaction, or to orders alone
   */
  public Entry begin(boolean wide) {
    Entry entry = new Entry(numbers.incrementAndGet(), wide);
    entries.put(entry.writeId, entry);
    return entry;
  }

  /**
   * The server has said that the write is committed.
   *
   * @param orderId the order's number as the sequence gave it out
   */
  public void acknowledged(Entry entry, long orderId) {
    synchronized (entry) {
      entry.fate = Fate.ACKNOWLEDGED;
    }
    Entry other = orders.putIfAbsent(orderId, entry);
    if (other != null) {
      handedOutTwice.add(
          "order number " + orderId + ": writes " + other.writeId + " and " + entry.writeId);
    }
    tick();
  }

  /** The server has said no: the write must not exist. */
  public void refused(Entry entry, String why) {
    synchronized (entry) {
      entry.fate = Fate.REFUSED;
    }
    refused.incrementAndGet();
    errors.add(why);
  }

  /** Nobody has said anything: the write may exist. */
  public void inDoubt(Entry entry, String why) {
    synchronized (entry) {
      entry.fate = Fate.IN_DOUBT;
    }
    inDoubt.incrementAndGet();
    errors.add(why);
  }

  /** The order's next version was acknowledged, refused or is in doubt. */
  public void changed(Entry entry, int version, Fate fate, @Nullable String why) {
    synchronized (entry) {
      if (fate == Fate.ACKNOWLEDGED) {
        entry.version = version;
      } else if (fate == Fate.IN_DOUBT) {
        entry.versionInDoubt = version;
      }
    }
    count(fate, why);
  }

  /** The deletion of the order was acknowledged, refused or is in doubt. */
  public void deleted(Entry entry, Fate fate, @Nullable String why) {
    synchronized (entry) {
      entry.deletion = fate;
    }
    count(fate, why);
  }

  private void count(Fate fate, @Nullable String why) {
    switch (fate) {
      case ACKNOWLEDGED -> tick();
      case REFUSED -> refused.incrementAndGet();
      case IN_DOUBT -> inDoubt.incrementAndGet();
      case OPEN -> throw new IllegalArgumentException("a fate is needed");
    }
    if (why != null) {
      errors.add(why);
    }
  }

  /** A client could not even send: no write was begun. */
  public void clientError(String why) {
    errors.add(why);
  }

  /** A value of the sequence {@code tickets} was handed to a client. */
  public void ticket(long value, long writer) {
    Long other = tickets.putIfAbsent(value, writer);
    if (other != null) {
      handedOutTwice.add("ticket " + value + ": writers " + other + " and " + writer);
    }
  }

  private void tick() {
    acknowledgedAt.add(System.nanoTime());
    acknowledged.incrementAndGet();
  }

  public long acknowledged() {
    return acknowledged.get();
  }

  /** How many writes were acknowledged between two {@link System#nanoTime}s. */
  public long acknowledgedBetween(long from, long to) {
    return acknowledgedAt.stream().filter(t -> t > from && t < to).count();
  }

  public long refused() {
    return refused.get();
  }

  public long inDoubt() {
    return inDoubt.get();
  }

  /** Every error that a client saw, writes refused and in doubt included. */
  public List<String> errors() {
    return List.copyOf(errors);
  }

  /** The longest time between two acknowledged writes, whoever made them. */
  public Duration longestGap() {
    return longestGapSince(Long.MIN_VALUE);
  }

  /** As {@link #longestGap()}, for writes acknowledged after a {@link System#nanoTime}. */
  public Duration longestGapSince(long nanoTime) {
    return longestGapBetween(nanoTime, Long.MAX_VALUE);
  }

  /** As {@link #longestGap()}, for writes acknowledged between two {@link System#nanoTime}s. */
  public Duration longestGapBetween(long from, long to) {
    long longest = 0;
    long[] times =
        acknowledgedAt.stream()
            .mapToLong(Long::longValue)
            .filter(t -> t > from && t < to)
            .sorted()
            .toArray();
    for (int i = 1; i < times.length; i++) {
      longest = Math.max(longest, times[i] - times[i - 1]);
    }
    return Duration.ofNanos(longest);
  }

  /**
   * Holds the ledger against a database. The load must have stopped.
   *
   * @throws SQLException if the database cannot be read
   */
  public Judgement judge(Connection truth) throws SQLException {
    List<String> lost = new ArrayList<>();
    List<String> doubled = new ArrayList<>();
    List<String> resurrected = new ArrayList<>();
    for (String table : TABLES) {
      Map<Long, Integer> found = counts(truth, table);
      for (Entry entry : entries.values()) {
        int rows = found.getOrDefault(entry.writeId, 0);
        judge(entry, table, rows, lost, doubled, resurrected);
      }
    }
    Map<Long, Integer> versions = versions(truth);
    for (Entry entry : entries.values()) {
      Integer version = versions.get(entry.writeId);
      synchronized (entry) {
        if (version != null && version < entry.version) {
          lost.add(
              "order of write %d: version %d, acknowledged was %d"
                  .formatted(entry.writeId, version, entry.version));
        } else if (version != null && version > Math.max(entry.version, entry.versionInDoubt)) {
          resurrected.add(
              "order of write %d: version %d, never more than %d was accepted"
                  .formatted(entry.writeId, version, entry.version));
        }
      }
    }
    return new Judgement(
        acknowledged(),
        inDoubt(),
        refused(),
        lost,
        doubled,
        resurrected,
        List.copyOf(handedOutTwice),
        longestGap());
  }

  private static void judge(
      Entry entry,
      String table,
      int rows,
      Collection<String> lost,
      Collection<String> doubled,
      Collection<String> resurrected) {
    boolean expectsRows = entry.wide || table.equals("orders");
    // Events know no foreign key: they outlive the order.
    boolean goesWithTheOrder = !table.equals("events");
    String what = "write " + entry.writeId + " in " + table;
    synchronized (entry) {
      Fate deletion = goesWithTheOrder ? entry.deletion : Fate.REFUSED;
      if (rows > 1) {
        doubled.add(what + ": " + rows + " rows");
      } else if (rows == 1 && (!expectsRows || entry.fate == Fate.REFUSED)) {
        resurrected.add(what + ": was refused and is there");
      } else if (rows == 1 && deletion == Fate.ACKNOWLEDGED) {
        resurrected.add(what + ": was deleted and is there");
      } else if (rows == 0
          && expectsRows
          && entry.fate == Fate.ACKNOWLEDGED
          && deletion == Fate.REFUSED) {
        lost.add(what + ": was acknowledged and is not there");
      }
    }
  }

  private static Map<Long, Integer> counts(Connection truth, String table) throws SQLException {
    // Negative numbers are the rows from before the load.
    return pairs(
        truth, "SELECT write_id, count(*) FROM " + table + " WHERE write_id > 0 GROUP BY 1");
  }

  private static Map<Long, Integer> versions(Connection truth) throws SQLException {
    return pairs(truth, "SELECT write_id, max(version) FROM orders WHERE write_id > 0 GROUP BY 1");
  }

  private static Map<Long, Integer> pairs(Connection truth, String sql) throws SQLException {
    Map<Long, Integer> pairs = new HashMap<>();
    try (Statement statement = truth.createStatement();
        ResultSet rows = statement.executeQuery(sql)) {
      while (rows.next()) {
        pairs.put(rows.getLong(1), rows.getInt(2));
      }
    }
    return pairs;
  }
}
