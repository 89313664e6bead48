package dev.whimbrel.servers;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

@Needs(Program.PROMETHEUS)
class PrometheusServerTest {
  private volatile int orders;
  private HttpServer target;

  @BeforeEach
  void startTarget() throws IOException {
    target = HttpServer.create(new InetSocketAddress(Relay.localhost(), 0), 0);
    target.createContext(
        "/metrics",
        exchange -> {
          byte[] body = ("orders_total " + orders + "\n").getBytes(StandardCharsets.UTF_8);
          exchange.sendResponseHeaders(200, body.length);
          exchange.getResponseBody().write(body);
          exchange.close();
        });
    target.start();
  }

  @AfterEach
  void stopTarget() {
    target.stop(0);
  }

  @Test
  void knowsWhatItsTargetSaysWithinASecondAlsoAfterItWasKilled() {
    String address = "127.0.0.1:" + target.getAddress().getPort();
    try (PrometheusServer prometheus = PrometheusServer.scraping(List.of(address))) {
      orders = 3;
      awaitAnswer(prometheus, "orders_total", "\"3\"");

      prometheus.kill9();
      prometheus.start();
      orders = 4;
      awaitAnswer(prometheus, "orders_total{job=\"lab\"}", "\"4\"");

      assertThat(prometheus.query("count(up)")).contains("\"1\"");
    }
  }

  @Test
  void isGoneWhenItIsClosed() {
    PrometheusServer prometheus = PrometheusServer.scraping(List.of());

    prometheus.close();

    assertThatThrownBy(() -> prometheus.query("up")).isInstanceOf(UncheckedIOException.class);
  }

  private static void awaitAnswer(PrometheusServer prometheus, String query, String wanted) {
    long deadline = System.nanoTime() + 10_000_000_000L;
    while (!prometheus.query(query).contains(wanted)) {
      assertThat(System.nanoTime())
          .as("%s says %s", query, prometheus.query(query))
          .isLessThan(deadline);
      Thread.onSpinWait();
    }
  }
}
