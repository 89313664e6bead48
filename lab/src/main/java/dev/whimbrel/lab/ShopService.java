package dev.whimbrel.lab;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import dev.whimbrel.lab.Ledger.Fate;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.Deque;
import java.util.concurrent.ConcurrentLinkedDeque;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/**
 * A small live service over HTTP: {@code POST /orders?write=N} writes an order with its item,
 * {@code GET /healthz} looks whether the database answers, {@code GET /database} says which one it
 * is, {@code GET /login} opens a session by a cookie that {@code GET /me} wants to see. It keeps
 * its sessions; one that broke, or that was told that the database is closed, is replaced at the
 * next request by one to the place as it is then. It never repeats a write.
 */
public final class ShopService implements AutoCloseable {
  private static final int THREADS = 16;

  private final HttpServer server;
  private final ExecutorService workers;
  private final Place place;
  private final Deque<Connection> idle = new ConcurrentLinkedDeque<>();
  private final AtomicLong requests = new AtomicLong();
  private volatile boolean broken;

  private ShopService(String address, int port, Place place) {
    this.place = place;
    this.workers =
        Executors.newFixedThreadPool(
            THREADS,
            task -> {
              Thread thread = new Thread(task, "shop-" + address);
              thread.setDaemon(true);
              return thread;
            });
    try {
      server = HttpServer.create(new InetSocketAddress(address, port), 200);
    } catch (IOException e) {
      throw new UncheckedIOException("Cannot listen on " + address + ":" + port, e);
    }
    server.setExecutor(workers);
    server.createContext("/orders", this::orders);
    server.createContext("/healthz", this::health);
    server.createContext("/database", this::database);
    server.createContext("/login", this::login);
    server.createContext("/me", this::me);
    server.start();
  }

  /** Starts the service on an address of this machine, such as 127.0.0.2. */
  public static ShopService start(String address, int port, Place place) {
    return new ShopService(address, port, place);
  }

  /** How many orders it was asked to write. */
  public long requests() {
    return requests.get();
  }

  /**
   * Answers 201 with the order's number when the write is committed, 503 when it certainly is not,
   * and 504 when nobody knows.
   */
  private void orders(HttpExchange exchange) throws IOException {
    requests.incrementAndGet();
    if (broken) {
      answer(exchange, 503, "broken");
      return;
    }
    long writeId = Long.parseLong(exchange.getRequestURI().getQuery().replaceFirst("write=", ""));
    Connection session;
    try {
      session = borrow();
    } catch (SQLException e) {
      answer(exchange, 503, Answers.text(e));
      return;
    }
    boolean committing = false;
    try {
      long id = insert(session, writeId);
      committing = true;
      session.commit();
      idle.push(session);
      answer(exchange, 201, Long.toString(id));
    } catch (SQLException e) {
      giveBack(session, e);
      boolean refused = Answers.fate(e, committing) == Fate.REFUSED;
      answer(exchange, refused ? 503 : 504, Answers.text(e));
    }
  }

  private static long insert(Connection session, long writeId) throws SQLException {
    try (PreparedStatement order =
            session.prepareStatement(
                "INSERT INTO orders (write_id, customer_id) VALUES (?, ?) RETURNING id");
        PreparedStatement item =
            session.prepareStatement(
                "INSERT INTO order_items (order_id, write_id, sku, quantity) VALUES (?, ?, 'sku-1', 1)");
        PreparedStatement event =
            session.prepareStatement(
                "INSERT INTO events (write_id, region, payload) VALUES (?, 1, '{}')")) {
      order.setLong(1, writeId);
      order.setLong(2, 1 + writeId % 1000);
      long id;
      try (ResultSet rows = order.executeQuery()) {
        rows.next();
        id = rows.getLong(1);
      }
      item.setLong(1, id);
      item.setLong(2, writeId);
      item.executeUpdate();
      event.setLong(1, writeId);
      event.executeUpdate();
      return id;
    }
  }

  private void health(HttpExchange exchange) throws IOException {
    ask(exchange, "SELECT 'ok' FROM products HAVING count(*) > 0");
  }

  /** The cluster that this stack really talks to. */
  private void database(HttpExchange exchange) throws IOException {
    ask(exchange, "SELECT system_identifier::text FROM pg_control_system()");
  }

  private void login(HttpExchange exchange) throws IOException {
    exchange.getResponseHeaders().add("Set-Cookie", "customer=7; Path=/");
    answer(exchange, 200, "welcome");
  }

  private void me(HttpExchange exchange) throws IOException {
    String cookie = exchange.getRequestHeaders().getFirst("Cookie");
    if (cookie == null || !cookie.matches(".*customer=\\d+.*")) {
      answer(exchange, 401, "nobody is logged in");
      return;
    }
    String customer = cookie.replaceFirst(".*customer=(\\d+).*", "$1");
    ask(exchange, "SELECT name FROM customers WHERE id = " + customer);
  }

  /** From now on every request fails, or, again, none does. */
  public void breakDown(boolean broken) {
    this.broken = broken;
  }

  private void ask(HttpExchange exchange, String query) throws IOException {
    if (broken) {
      answer(exchange, 500, "broken");
      return;
    }
    Connection session;
    try {
      session = borrow();
    } catch (SQLException e) {
      answer(exchange, 503, Answers.text(e));
      return;
    }
    try (Statement statement = session.createStatement();
        ResultSet rows = statement.executeQuery(query)) {
      String found = rows.next() ? rows.getString(1) : null;
      session.commit();
      idle.push(session);
      answer(exchange, found == null ? 404 : 200, String.valueOf(found));
    } catch (SQLException e) {
      giveBack(session, e);
      answer(exchange, 503, Answers.text(e));
    }
  }

  private Connection borrow() throws SQLException {
    @Nullable Connection session = idle.poll();
    if (session == null) {
      session = place.connect();
      session.setAutoCommit(false);
    }
    return session;
  }

  private void giveBack(Connection session, SQLException error) {
    if (!Answers.connectionBroke(error) && !Answers.closed(error)) {
      try {
        session.rollback();
        idle.push(session);
        return;
      } catch (SQLException e) {
        // Broken after all.
      }
    }
    try {
      session.close();
    } catch (SQLException e) {
      // It was of no more use anyway.
    }
  }

  private static void answer(HttpExchange exchange, int status, String text) throws IOException {
    byte[] body = text.getBytes(StandardCharsets.UTF_8);
    exchange.sendResponseHeaders(status, body.length);
    try (OutputStream out = exchange.getResponseBody()) {
      out.write(body);
    }
  }

  /** Ends the service and its sessions. */
  @Override
  public void close() {
    server.stop(0);
    workers.shutdownNow();
    for (Connection session = idle.poll(); session != null; session = idle.poll()) {
      try {
        session.close();
      } catch (SQLException e) {
        // The server may be gone.
      }
    }
  }
}
