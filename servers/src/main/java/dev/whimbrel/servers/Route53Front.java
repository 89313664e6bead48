package dev.whimbrel.servers;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetSocketAddress;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * What clients of the stand-in talk to: passes calls on, goes wrong where a test wants it, and
 * keeps a journal. Operations are named as Route 53's API names them, such as {@code
 * ChangeResourceRecordSets}.
 */
public final class Route53Front implements AutoCloseable {
  private static final Duration PATIENCE = Duration.ofSeconds(60);

  /**
   * One call.
   *
   * @param operation as Route 53's API names it
   * @param request method, path and query, and the body where there is one
   * @param status what was answered; 0 where the connection was broken
   * @param done whether the call reached Route 53 and was not refused by it
   */
  public record Call(String operation, String request, int status, boolean done) {}

  /** A call that stands still before it is looked at; see {@link Route53Front#hold}. */
  public static final class Held {
    private final CountDownLatch arrived = new CountDownLatch(1);
    private final CountDownLatch released = new CountDownLatch(1);

    private Held() {}

    /**
     * Waits until the call is there.
     *
     * @throws IllegalStateException if none comes within a minute
     */
    public void awaitArrival() {
      await(arrived);
    }

    /** Lets the call go on. */
    public void release() {
      released.countDown();
    }

    private static void await(CountDownLatch latch) {
      try {
        if (!latch.await(PATIENCE.toMillis(), TimeUnit.MILLISECONDS)) {
          throw new IllegalStateException("Nothing came within " + PATIENCE);
        }
      } catch (InterruptedException e) {
        throw ChildProcess.interrupted("wait for a call", e);
      }
    }
  }

  private final Route53Calls calls;
  private final HttpServer server;
  private final ExecutorService threads =
      Executors.newCachedThreadPool(
          task -> {
            Thread thread = new Thread(task, "route53-front");
            thread.setDaemon(true);
            return thread;
          });
  private final Map<String, Deque<Route53Fault>> faults = new ConcurrentHashMap<>();
  private final Map<String, Held> held = new ConcurrentHashMap<>();
  private final List<Call> journal = new CopyOnWriteArrayList<>();
  private volatile Duration slowness = Duration.ofSeconds(2);

  Route53Front(Route53Calls calls) {
    this.calls = calls;
    try {
      server = HttpServer.create(new InetSocketAddress(Relay.localhost(), Ports.free()), 100);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    server.setExecutor(threads);
    server.createContext("/", this::handle);
    server.start();
  }

  /** Where clients find it. */
  public URI endpoint() {
    return URI.create("http://127.0.0.1:" + server.getAddress().getPort());
  }

  /** Lets the next calls of an operation go wrong; after what was asked for earlier. */
  public void fail(String operation, Route53Fault fault, int times) {
    Deque<Route53Fault> queue = queue(operation);
    synchronized (queue) {
      for (int i = 0; i < times; i++) {
        queue.add(fault);
      }
    }
  }

  /** Forgets the faults that were asked for and have not happened. */
  public void failNoMore() {
    faults.clear();
  }

  /** How long {@link Route53Fault#SLOW} lasts; two seconds unless told. */
  public void slowBy(Duration time) {
    slowness = time;
  }

  /** Lets the next call of an operation stand still before it is looked at. */
  public Held hold(String operation) {
    Held next = new Held();
    held.put(operation, next);
    return next;
  }

  /** Every call so far, in the order of their answers. */
  public List<Call> journal() {
    return List.copyOf(journal);
  }

  /** The calls of one operation. */
  public List<Call> journal(String operation) {
    return journal.stream().filter(call -> call.operation().equals(operation)).toList();
  }

  private Deque<Route53Fault> queue(String operation) {
    return faults.computeIfAbsent(operation, ignored -> new ArrayDeque<>());
  }

  private @Nullable Route53Fault nextFault(String operation) {
    Deque<Route53Fault> queue = queue(operation);
    synchronized (queue) {
      return queue.poll();
    }
  }

  private void handle(HttpExchange exchange) throws IOException {
    String method = exchange.getRequestMethod();
    URI uri = exchange.getRequestURI();
    String body = new String(exchange.getRequestBody().readAllBytes(), StandardCharsets.UTF_8);
    String operation = Route53Calls.operation(method, uri);
    Held stop = held.remove(operation);
    if (stop != null) {
      stop.arrived.countDown();
      Held.await(stop.released);
    }
    String request = method + " " + uri + (body.isEmpty() ? "" : " " + body);
    Route53Fault fault = nextFault(operation);
    HttpExchanges.Answer answer;
    boolean done = false;
    if (fault != null && fault.refuses()) {
      answer = fault.answer();
    } else if (fault == Route53Fault.LOST_BEFORE) {
      answer = null;
    } else if (exchange.getRequestHeaders().getFirst("Authorization") == null) {
      answer =
          Route53Xml.error(
              403, "MissingAuthenticationToken", "Request is missing Authentication Token");
    } else {
      answer = calls.perform(operation, method, uri, body);
      done = answer.ok();
      if (fault == Route53Fault.SLOW) {
        rest(slowness);
      } else if (fault == Route53Fault.LOST_AFTER) {
        answer = null;
      }
    }
    journal.add(new Call(operation, request, answer == null ? 0 : answer.status(), done));
    respond(exchange, answer);
  }

  private static void respond(HttpExchange exchange, HttpExchanges.@Nullable Answer answer)
      throws IOException {
    try (exchange) {
      if (answer == null) {
        return; // closing without an answer breaks the connection
      }
      byte[] bytes = answer.body().getBytes(StandardCharsets.UTF_8);
      exchange.getResponseHeaders().set("Content-Type", answer.type());
      exchange.sendResponseHeaders(answer.status(), bytes.length == 0 ? -1 : bytes.length);
      exchange.getResponseBody().write(bytes);
    }
  }

  private static void rest(Duration time) {
    try {
      Thread.sleep(time.toMillis());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  @Override
  public void close() {
    held.values().forEach(Held::release);
    server.stop(0);
    threads.shutdownNow();
  }
}
