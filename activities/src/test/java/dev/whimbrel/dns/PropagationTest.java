package dev.whimbrel.dns;

import static dev.whimbrel.dns.ZoneFixture.SHOP;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.whimbrel.activity.Dns;
import dev.whimbrel.activity.DnsMove;
import dev.whimbrel.activity.DnsSnapshot;
import dev.whimbrel.activity.Outcome;
import dev.whimbrel.activity.Progress;
import dev.whimbrel.activity.ShiftRequest;
import dev.whimbrel.activity.Side;
import dev.whimbrel.activity.TtlRequest;
import dev.whimbrel.runbook.DnsSpec;
import dev.whimbrel.servers.BindServer;
import dev.whimbrel.servers.Needs;
import dev.whimbrel.servers.Program;
import dev.whimbrel.servers.UnboundServer;
import io.temporal.testing.TestActivityEnvironment;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Predicate;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Waiting until a change is seen, as an activity with heartbeats, on real servers. */
@Needs({Program.NAMED, Program.UNBOUND})
class PropagationTest {
  private static final long LIMIT_SECONDS = 30;

  private final ZoneFixture zone = new ZoneFixture();
  private final BindServer second = ZoneFixture.server();
  private final Queue<String> lines = new ConcurrentLinkedQueue<>();
  private final TestActivityEnvironment environment = TestActivityEnvironment.newInstance();
  private final Dns dns;

  PropagationTest() {
    environment.registerActivitiesImplementations(zone.dns);
    environment.setActivityHeartbeatListener(Progress.class, p -> lines.add(p.line()));
    dns = environment.newActivityStub(Dns.class);
  }

  @AfterEach
  void stop() {
    environment.close();
    second.close();
    zone.close();
  }

  @Test
  void waitsForAnAuthoritativeServerThatLags() throws Exception {
    DnsSnapshot found = dns.findRecords(move());
    TtlRequest lower = new TtlRequest(move(), found, 60, false);
    dns.setTtl(lower);

    CompletableFuture<Outcome> waiting = CompletableFuture.supplyAsync(() -> dns.awaitTtl(lower));
    awaitLine(
        line ->
            line.equals(
                "127.0.0.1:%d still answers A 203.0.113.10 (TTL 3600), AAAA 2001:db8:1::10 (TTL 1800) for %s"
                    .formatted(second.port(), SHOP)));
    assertThat(waiting).isNotDone();
    NsUpdate.send(second, SHOP + " 60 A 203.0.113.10", SHOP + " 60 AAAA 2001:db8:1::10");

    assertThat(waiting.get(LIMIT_SECONDS, TimeUnit.SECONDS).line())
        .isEqualTo("TTL in force at 2 authoritative servers");
  }

  @Test
  void waitsForAResolverThatStillHoldsTheOldAnswer() throws Exception {
    NsUpdate.send(zone.bind, SHOP + " 4 A 203.0.113.10", SHOP + " 4 AAAA 2001:db8:1::10");
    try (UnboundServer resolver = UnboundServer.inFrontOf(zone.bind)) {
      DnsSpec spec =
          new DnsSpec(
              null,
              null,
              zone.spec("env:TSIG", zone.bind),
              List.of(SHOP),
              ZoneFixture.ttl(),
              List.of("127.0.0.1:" + resolver.port()));
      ShiftRequest there =
          new ShiftRequest(zone.move(spec), dns.findRecords(zone.move(spec)), Side.TARGET);
      assertThat(resolver.records(SHOP, "A")).hasSize(1);
      assertThat(resolver.records(SHOP, "AAAA")).hasSize(1);

      dns.shift(there);
      Outcome outcome = dns.awaitPropagation(there);

      assertThat(outcome.line()).isEqualTo("198.51.100.20 2001:db8:2::20 answered by 2 servers");
      assertThat(lines)
          .anyMatch(
              line ->
                  line.matches(
                      "127.0.0.1:%d still answers A 203.0.113.10 \\(TTL \\d\\), .* for %s"
                          .formatted(resolver.port(), SHOP)));
      assertThat(resolver.records(SHOP, "A").get(0).rdataToString()).isEqualTo("198.51.100.20");
    }
  }

  @Test
  void namesAServerThatDoesNotAnswerAndGoesOnWhenItDoes() throws Exception {
    ShiftRequest there = new ShiftRequest(move(), dns.findRecords(move()), Side.TARGET);
    dns.shift(there);
    NsUpdate.send(second, SHOP + " 60 A 198.51.100.20", SHOP + " 60 AAAA 2001:db8:2::20");
    second.kill9();

    CompletableFuture<Outcome> waiting =
        CompletableFuture.supplyAsync(() -> dns.awaitPropagation(there));
    awaitLine(
        line ->
            line.equals(
                "DNS server 127.0.0.1:%d does not answer for %s within 2 s"
                    .formatted(second.port(), SHOP)));
    second.start();

    assertThat(waiting.get(LIMIT_SECONDS, TimeUnit.SECONDS).line()).endsWith("by 2 servers");
  }

  @Test
  void stopsWaitingWhenItIsCancelled() throws Exception {
    ShiftRequest there = new ShiftRequest(move(), dns.findRecords(move()), Side.TARGET);
    dns.shift(there);

    CompletableFuture<Outcome> waiting =
        CompletableFuture.supplyAsync(() -> dns.awaitPropagation(there));
    awaitLine(line -> line.startsWith("127.0.0.1:" + second.port() + " still answers"));
    environment.requestCancelActivity();

    assertThatThrownBy(() -> waiting.get(LIMIT_SECONDS, TimeUnit.SECONDS))
        .isInstanceOf(ExecutionException.class)
        .hasRootCauseInstanceOf(io.temporal.failure.CanceledFailure.class);
  }

  private DnsMove move() {
    return zone.move(
        new DnsSpec(
            null,
            null,
            zone.spec("env:TSIG", zone.bind, second),
            List.of(SHOP),
            ZoneFixture.ttl(),
            List.of()));
  }

  private void awaitLine(Predicate<String> wanted) throws Exception {
    long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(LIMIT_SECONDS);
    while (lines.stream().noneMatch(wanted)) {
      if (System.nanoTime() > deadline) {
        throw new TimeoutException("No such heartbeat among " + lines);
      }
      Thread.sleep(20);
    }
  }
}
