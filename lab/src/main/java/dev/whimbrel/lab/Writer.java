package dev.whimbrel.lab;

import dev.whimbrel.lab.Ledger.Entry;
import dev.whimbrel.lab.Ledger.Fate;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import java.util.function.IntSupplier;
import org.jspecify.annotations.Nullable;

/** One client of {@link Writers}. */
final class Writer implements Runnable {
  private static final long RECONNECT_MILLIS = 20;

  private final Ledger ledger;
  private final Place place;
  private final int number;
  private final long pauseNanos;
  private final int rows;
  private final BooleanSupplier stopped;
  private final IntSupplier generation;

  private @Nullable Connection session;
  private int sessionGeneration;
  private @Nullable Entry mine;
  private int version;
  private long round;

  Writer(
      Ledger ledger,
      Place place,
      int number,
      long pauseNanos,
      int rows,
      BooleanSupplier stopped,
      IntSupplier generation) {
    this.ledger = ledger;
    this.place = place;
    this.number = number;
    this.pauseNanos = pauseNanos;
    this.rows = rows;
    this.stopped = stopped;
    this.generation = generation;
  }

  @Override
  public void run() {
    long next = System.nanoTime();
    while (!stopped.getAsBoolean()) {
      if (sessionGeneration != generation.getAsInt()) {
        drop();
      }
      Connection open = session();
      int made = open == null ? 1 : write(open);
      next = Math.max(next + made * pauseNanos, System.nanoTime() - made * pauseNanos);
      rest(next - System.nanoTime());
    }
    drop();
  }

  /** One transaction; returns how many writes it holds. */
  private int write(Connection open) {
    round++;
    Entry order = mine;
    switch ((int) (round % 6)) {
      case 0, 3 -> insertWide(open);
      case 1, 4 -> {
        if (rows > 1) {
          insertMany(open);
          return rows;
        }
        insert(open);
      }
      case 2 -> {
        if (order == null) {
          takeTicket(open);
        } else {
          update(open, order);
        }
      }
      default -> {
        if (order != null && round % 10 == 5) {
          delete(open, order);
        } else {
          takeTicket(open);
        }
      }
    }
    return 1;
  }

  /** One statement by itself that writes several orders: one commit acknowledges all. */
  private void insertMany(Connection open) {
    Map<Long, Entry> entries = new HashMap<>();
    for (int i = 0; i < rows; i++) {
      Entry entry = ledger.begin(false);
      entries.put(entry.writeId(), entry);
    }
    try (PreparedStatement orders = open.prepareStatement(INSERT_ORDERS)) {
      orders.setArray(1, open.createArrayOf("bigint", entries.keySet().toArray()));
      Map<Entry, Long> answers = new HashMap<>();
      try (ResultSet row = orders.executeQuery()) {
        while (row.next()) {
          answers.put(entries.get(row.getLong(2)), row.getLong(1));
        }
      }
      answers.forEach(this::acknowledge);
    } catch (SQLException e) {
      entries.values().forEach(entry -> record(entry, e, true));
      dropIfUseless(e);
    }
  }

  private static final String INSERT_ORDERS =
      "INSERT INTO orders (write_id, customer_id) SELECT w, 1 + w % 1000 FROM unnest(?) AS w"
          + " RETURNING id, write_id";

  /** One statement by itself. */
  private void insert(Connection open) {
    Entry entry = ledger.begin(false);
    try (PreparedStatement order = open.prepareStatement(INSERT_ORDER)) {
      acknowledge(entry, orderId(order, entry));
    } catch (SQLException e) {
      fail(entry, e, true);
    }
  }

  private static final String INSERT_ORDER =
      "INSERT INTO orders (write_id, customer_id) VALUES (?, ?) RETURNING id";

  /** Three tables in one transaction. */
  private void insertWide(Connection open) {
    Entry entry = ledger.begin(true);
    boolean committing = false;
    try {
      open.setAutoCommit(false);
      long id;
      try (PreparedStatement order = open.prepareStatement(INSERT_ORDER)) {
        id = orderId(order, entry);
      }
      execute(
          open,
          "INSERT INTO order_items (order_id, write_id, sku, quantity) VALUES (?, ?, 'sku-' || ?, 1)",
          id,
          entry.writeId(),
          1 + entry.writeId() % 500);
      execute(
          open,
          "INSERT INTO events (write_id, region, payload) VALUES (?, ?, '{\"kind\": \"order\"}')",
          entry.writeId(),
          entry.writeId() % 3);
      committing = true;
      open.commit();
      open.setAutoCommit(true);
      acknowledge(entry, id);
    } catch (SQLException e) {
      fail(entry, e, committing);
    }
  }

  private void update(Connection open, Entry order) {
    int next = version + 1;
    try {
      int rows =
          execute(
              open,
              "UPDATE orders SET version = ?, state = 'paid' WHERE write_id = ?",
              next,
              order.writeId());
      if (rows == 1) {
        version = next;
        ledger.changed(order, next, Fate.ACKNOWLEDGED, null);
      } else {
        // The judge will find it missing; as an answer it is a refusal.
        ledger.changed(order, next, Fate.REFUSED, "own order is gone: write " + order.writeId());
        mine = null;
      }
    } catch (SQLException e) {
      Fate fate = Answers.fate(e, true);
      ledger.changed(order, next, fate, Answers.text(e));
      forget(fate);
      dropIfUseless(e);
    }
  }

  private void delete(Connection open, Entry order) {
    try {
      int rows = execute(open, "DELETE FROM orders WHERE write_id = ?", order.writeId());
      ledger.deleted(
          order,
          rows == 1 ? Fate.ACKNOWLEDGED : Fate.REFUSED,
          rows == 1 ? null : "own order is gone: write " + order.writeId());
      mine = null;
    } catch (SQLException e) {
      Fate fate = Answers.fate(e, true);
      ledger.deleted(order, fate, Answers.text(e));
      forget(fate);
      dropIfUseless(e);
    }
  }

  private void takeTicket(Connection open) {
    try (PreparedStatement next = open.prepareStatement("SELECT nextval('tickets')");
        ResultSet rows = next.executeQuery()) {
      rows.next();
      ledger.ticket(rows.getLong(1), number);
    } catch (SQLException e) {
      ledger.clientError(Answers.text(e));
      dropIfUseless(e);
    }
  }

  private static long orderId(PreparedStatement order, Entry entry) throws SQLException {
    order.setLong(1, entry.writeId());
    order.setLong(2, 1 + entry.writeId() % 1000);
    try (ResultSet rows = order.executeQuery()) {
      rows.next();
      return rows.getLong(1);
    }
  }

  private static int execute(Connection open, String sql, long... values) throws SQLException {
    try (PreparedStatement statement = open.prepareStatement(sql)) {
      for (int i = 0; i < values.length; i++) {
        statement.setLong(i + 1, values[i]);
      }
      return statement.executeUpdate();
    }
  }

  private void acknowledge(Entry entry, long orderId) {
    ledger.acknowledged(entry, orderId);
    mine = entry;
    version = 0;
  }

  private void fail(Entry entry, SQLException error, boolean couldHaveCommitted) {
    record(entry, error, couldHaveCommitted);
    dropIfUseless(error);
  }

  private void record(Entry entry, SQLException error, boolean couldHaveCommitted) {
    Fate fate = Answers.fate(error, couldHaveCommitted);
    if (fate == Fate.IN_DOUBT) {
      ledger.inDoubt(entry, Answers.text(error));
    } else {
      ledger.refused(entry, Answers.text(error));
    }
  }

  /** An order whose state is in doubt is left alone from then on. */
  private void forget(Fate fate) {
    if (fate == Fate.IN_DOUBT) {
      mine = null;
    }
  }

  private void dropIfUseless(SQLException error) {
    if (Answers.connectionBroke(error) || Answers.closed(error)) {
      drop();
      return;
    }
    Connection open = session;
    try {
      if (open != null && !open.getAutoCommit()) {
        open.rollback();
        open.setAutoCommit(true);
      }
    } catch (SQLException e) {
      drop();
    }
  }

  private @Nullable Connection session() {
    if (session == null) {
      sessionGeneration = generation.getAsInt();
      try {
        session = place.connect();
      } catch (SQLException e) {
        ledger.clientError("connect: " + Answers.text(e));
        rest(TimeUnit.MILLISECONDS.toNanos(RECONNECT_MILLIS));
      }
    }
    return session;
  }

  private void drop() {
    Connection open = session;
    session = null;
    if (open != null) {
      try {
        open.close();
      } catch (SQLException e) {
        // It was of no more use anyway.
      }
    }
  }

  private static void rest(long nanos) {
    if (nanos <= 0) {
      return;
    }
    try {
      TimeUnit.NANOSECONDS.sleep(nanos);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
