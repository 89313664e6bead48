package dev.whimbrel.checks;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.net.httpserver.HttpServer;
import dev.whimbrel.activity.Breach;
import dev.whimbrel.servers.Needs;
import dev.whimbrel.servers.Program;
import dev.whimbrel.servers.PrometheusServer;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

@Needs(Program.PROMETHEUS)
class PrometheusGuardTest {
  private static final String TOKEN = "a-token-that-nobody-may-see";

  private static volatile int failing;
  private static HttpServer service;
  private static PrometheusServer prometheus;

  private final Guarding guarding = new Guarding(Map.of("PROM_TOKEN", TOKEN));

  @BeforeAll
  static void start() throws IOException {
    service = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    service.createContext(
        "/metrics",
        exchange ->
            BothSides.answer(
                exchange,
                200,
                "failing{stack=\"a\"} %d\nfailing{stack=\"b\"} 0\n".formatted(failing)));
    service.start();
    prometheus = PrometheusServer.scraping(List.of("127.0.0.1:" + service.getAddress().getPort()));
  }

  @AfterAll
  static void stop() {
    prometheus.close();
    service.stop(0);
  }

  @Test
  void isBreachedWhenTheQueryGivesZero() {
    Optional<Breach> breach =
        guarding.watch(
            Guarding.querying(prometheus.url() + "/", "sum(failing) < bool 5", null),
            line -> {
              if (line.startsWith("guard 1: 0 of ")) {
                failing = 7;
              }
              return false;
            });
    failing = 0;

    assertThat(breach.map(Breach::line).orElse(""))
        .matches(".* of .* failed.* in 2 s, allowed 1%; the last: the query gives 0");
  }

  @Test
  void knowsNothingWhereTheQueryGivesNoSingleNumber() {
    assertThat(lastOf("sum(nothing_of_that_name)")).endsWith("the last: the query gives no value");
    assertThat(lastOf("failing")).endsWith("the last: expected one value, the query gives 2");
    assertThat(lastOf("sum(failing) / sum(failing)"))
        .endsWith("the last: expected a number, the query gives NaN");
    assertThat(lastOf("1 / sum(failing)"))
        .endsWith("the last: expected a number, the query gives +Inf");
    assertThat(lastOf("sum(failing")).contains("the last: Prometheus answers with status 400: ");
    assertThat(lastOf("\"text\"")).endsWith("the last: the query gives no number");
  }

  @Test
  void knowsNothingWhilePrometheusCannotBeAsked() {
    try (PrometheusServer gone = PrometheusServer.scraping(List.of())) {
      gone.kill9();

      assertThat(last(gone.url(), "vector(1)", null))
          .startsWith("guard 1: not known: 0 of 0 failed, ")
          .endsWith("the last: Prometheus cannot be asked: Connection refused");
    }
  }

  @Test
  void sendsItsTokenAndNeverShowsIt() throws IOException {
    HttpServer proxy =
        HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    AtomicInteger let = new AtomicInteger();
    proxy.createContext(
        "/",
        exchange -> {
          boolean right =
              ("Bearer " + TOKEN).equals(exchange.getRequestHeaders().getFirst("Authorization"));
          String answer =
              "{\"status\":\"success\",\"data\":{\"resultType\":\"scalar\",\"result\":[1,\"1\"]}}";
          let.addAndGet(right ? 1 : 0);
          BothSides.answer(exchange, right ? 200 : 401, right ? answer : TOKEN);
        });
    proxy.start();
    try {
      String url = "http://127.0.0.1:" + proxy.getAddress().getPort();

      assertThat(last(url, "vector(1)", null))
          .endsWith("the last: Prometheus refuses the query: status 401");
      assertThat(let).hasValue(0);
      Optional<Breach> breach =
          guarding.watch(
              Guarding.querying(url, "vector(1)", "env:PROM_TOKEN"),
              line -> line.startsWith("guard 1: 0 of 3"));

      assertThat(breach).isEmpty();
      assertThat(let).hasPositiveValue();
      assertThat(guarding.lines).noneMatch(line -> line.contains(TOKEN));
    } finally {
      proxy.stop(0);
    }
  }

  private String lastOf(String query) {
    return last(prometheus.url(), query, null);
  }

  private String last(String url, String query, @Nullable String token) {
    Optional<Breach> breach =
        guarding.watch(
            Guarding.querying(url, query, token),
            line -> line.matches("guard 1: not known.* [4-9]\\d more not known.*"));
    assertThat(breach).isEmpty();
    return guarding.lines.get(guarding.lines.size() - 1);
  }
}
