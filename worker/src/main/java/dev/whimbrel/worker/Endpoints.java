package dev.whimbrel.worker;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import com.uber.m3.tally.RootScopeBuilder;
import com.uber.m3.tally.Scope;
import io.micrometer.prometheusmetrics.PrometheusConfig;
import io.micrometer.prometheusmetrics.PrometheusMeterRegistry;
import io.temporal.common.reporter.MicrometerClientStatsReporter;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.util.function.BooleanSupplier;

/**
 * {@code /metrics} in Prometheus's format, with the Temporal SDK's own figures, and {@code
 * /healthz}: 200 while the worker takes work, 503 while it stops. That Temporal cannot be reached
 * does not make a worker unhealthy: starting it anew would not help.
 */
final class Endpoints implements AutoCloseable {
  private final PrometheusMeterRegistry registry =
      new PrometheusMeterRegistry(PrometheusConfig.DEFAULT);
  private final HttpServer server;

  private Endpoints(HttpServer server) {
    this.server = server;
  }

  /**
   * Starts to listen; {@code /healthz} says 503 until {@link #serve} is called.
   *
   * @throws IOException if the address is taken or is not this host's
   */
  static Endpoints listen(InetSocketAddress address) throws IOException {
    return new Endpoints(HttpServer.create(address, 0));
  }

  /** Where the SDK reports its figures. */
  Scope scope() {
    return new RootScopeBuilder()
        .reporter(new MicrometerClientStatsReporter(registry))
        .reportEvery(com.uber.m3.util.Duration.ofSeconds(5));
  }

  /** Answers from now on. */
  void serve(BooleanSupplier takesWork) {
    server.createContext("/metrics", exchange -> answer(exchange, 200, registry.scrape()));
    server.createContext(
        "/healthz",
        exchange -> {
          boolean healthy = takesWork.getAsBoolean();
          answer(exchange, healthy ? 200 : 503, healthy ? "ok\n" : "stopping\n");
        });
    server.start();
  }

  /** {@code http://host:port}. */
  String url() {
    InetSocketAddress address = server.getAddress();
    String host = address.getAddress().getHostAddress();
    return "http://" + (host.contains(":") ? "[" + host + "]" : host) + ":" + address.getPort();
  }

  private static void answer(HttpExchange exchange, int status, String text) throws IOException {
    byte[] body = text.getBytes(StandardCharsets.UTF_8);
    exchange.getResponseHeaders().set("Content-Type", "text/plain; version=0.0.4; charset=utf-8");
    exchange.sendResponseHeaders(status, body.length);
    try (var out = exchange.getResponseBody()) {
      out.write(body);
    }
  }

  @Override
  public void close() {
    server.stop(0);
    registry.close();
  }
}
