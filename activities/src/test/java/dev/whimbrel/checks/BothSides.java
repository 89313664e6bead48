package dev.whimbrel.checks;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import dev.whimbrel.activity.Side;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;

/**
 * A service at one port of 127.0.0.2 (the source's stack) and 127.0.0.3 (the target's), which
 * answers on each as it is told.
 */
final class BothSides implements AutoCloseable {
  static final List<String> SOURCE = List.of("127.0.0.2");
  static final List<String> TARGET = List.of("127.0.0.3");

  private final Map<Side, HttpServer> stacks = new EnumMap<>(Side.class);
  private final Map<Side, Answering> answering = new EnumMap<>(Side.class);
  private final ExecutorService threads =
      Executors.newCachedThreadPool(
          work -> {
            Thread thread = new Thread(work, "both sides");
            thread.setDaemon(true);
            return thread;
          });

  BothSides() throws IOException {
    for (Side side : Side.values()) {
      answering.put(side, exchange -> answer(exchange, 200, "ok"));
      InetAddress address =
          InetAddress.getByAddress(new byte[] {127, 0, 0, (byte) (side == Side.SOURCE ? 2 : 3)});
      int port = side == Side.SOURCE ? 0 : port();
      HttpServer server = HttpServer.create(new InetSocketAddress(address, port), 200);
      server.setExecutor(threads);
      server.createContext(
          "/",
          exchange -> {
            Answering how;
            synchronized (answering) {
              how = Objects.requireNonNull(answering.get(side));
            }
            how.answer(exchange);
          });
      server.start();
      stacks.put(side, server);
    }
  }

  /** How a stack answers. */
  interface Answering {
    void answer(HttpExchange exchange) throws IOException;
  }

  /** Lets a stack answer otherwise from now on. */
  BothSides let(Side side, Answering how) {
    synchronized (answering) {
      answering.put(side, how);
    }
    return this;
  }

  /** A URL by the service's public name. */
  String url(String path) {
    return "http://shop.example.com:" + port() + path;
  }

  /** A URL of one stack, by its address. */
  String addressed(Side side) {
    return "http://127.0.0.%d:%d/".formatted(side == Side.SOURCE ? 2 : 3, port());
  }

  /** Ends a stack: whoever connects is refused. */
  void stop(Side side) {
    Objects.requireNonNull(stacks.get(side)).stop(0);
  }

  private int port() {
    return Objects.requireNonNull(stacks.get(Side.SOURCE)).getAddress().getPort();
  }

  static void answer(HttpExchange exchange, int status, String text) throws IOException {
    byte[] body = text.getBytes(StandardCharsets.UTF_8);
    exchange.sendResponseHeaders(status, body.length);
    exchange.getResponseBody().write(body);
    exchange.close();
  }

  static void rest(Duration time) throws IOException {
    try {
      Thread.sleep(time.toMillis());
    } catch (InterruptedException e) {
      throw new IOException(e);
    }
  }

  @Override
  public void close() {
    stacks.values().forEach(stack -> stack.stop(0));
    threads.shutdownNow();
  }
}
