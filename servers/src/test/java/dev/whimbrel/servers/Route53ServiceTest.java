package dev.whimbrel.servers;

import static dev.whimbrel.servers.Route53Service.change;
import static dev.whimbrel.servers.Route53Service.simple;
import static dev.whimbrel.servers.Route53Service.weighted;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.params.provider.Arguments.arguments;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.xbill.DNS.DClass;
import org.xbill.DNS.Flags;
import org.xbill.DNS.Message;
import org.xbill.DNS.Name;
import org.xbill.DNS.Record;
import org.xbill.DNS.Section;
import org.xbill.DNS.SimpleResolver;
import org.xbill.DNS.Type;

@Needs(Program.MINISTACK)
class Route53ServiceTest {
  private static final String SHOP = "shop.example.test";
  private static Route53Service route53;
  private static int number;

  /** Each test has a name of its own in one zone. */
  private String name;

  @BeforeAll
  static void start() {
    route53 = Route53Service.zone("example.test");
    route53.somebodyElseWrites("other.example.test", "A", 300, "192.0.2.7");
    route53.somebodyElseWrites(SHOP, "A", 60, "203.0.113.10");
    route53.somebodyElseChanges(
        change("CREATE", weighted("split.example.test", "A", "a", 95, 60, "203.0.113.10")),
        change("CREATE", weighted("split.example.test", "A", "b", 5, 60, "198.51.100.20")));
  }

  @AfterAll
  static void stop() {
    route53.close();
  }

  @BeforeEach
  void ownName() {
    name = "n" + ++number + ".example.test";
  }

  @AfterEach
  void noBystanderWasTouched() {
    route53.front().failNoMore();
    route53.propagationTakes(Duration.ZERO);
    route53.propagate();
    assertThat(texts("other.example.test", "A")).containsExactly("192.0.2.7");
  }

  static Stream<Arguments> refusals() {
    return Stream.of(
        arguments(
            "a weight above 255",
            change("CREATE", weighted("w.example.test", "A", "a", 256, 60, "192.0.2.1")),
            "InvalidInput",
            "less than or equal to 255"),
        arguments(
            "an IPv4 address that is none",
            change("CREATE", simple("w.example.test", "A", 60, "192.0.2.300")),
            "InvalidChangeBatch",
            "not a valid IPv4 address) encountered with '192.0.2.300'"),
        arguments(
            "an IPv6 address that is none",
            change("CREATE", simple("w.example.test", "AAAA", 60, "2001:db8::g")),
            "InvalidChangeBatch",
            "not a valid IPv6 address"),
        arguments(
            "a text without quotation marks",
            change("CREATE", simple("w.example.test", "TXT", 60, "hello")),
            "InvalidChangeBatch",
            "enclosed in quotation marks"),
        arguments(
            "the same value twice",
            change("CREATE", simple("w.example.test", "A", 60, "192.0.2.1", "192.0.2.1")),
            "InvalidChangeBatch",
            "Duplicate Resource Record"),
        arguments(
            "an alias beside an address",
            change("CREATE", simple(SHOP, "CNAME", 60, "lb.example.test")),
            "InvalidChangeBatch",
            "type CNAME with DNS name shop.example.test. is not permitted as it conflicts"),
        arguments(
            "an alias at the apex",
            change("CREATE", simple("example.test", "CNAME", 60, "lb.example.test")),
            "InvalidChangeBatch",
            "not permitted at apex"),
        arguments(
            "a weighted set beside a simple one",
            change("CREATE", weighted(SHOP, "A", "a", 1, 60, "192.0.2.1")),
            "InvalidChangeBatch",
            "because a non multi-answer rrset exists"),
        arguments(
            "a simple set beside weighted ones",
            change("CREATE", simple("split.example.test", "A", 60, "192.0.2.1")),
            "InvalidChangeBatch",
            "as other RRSets exist"),
        arguments(
            "a name outside of the zone",
            change("CREATE", simple("shop.example.org", "A", 60, "192.0.2.1")),
            "InvalidChangeBatch",
            "shop.example.org. is not permitted in zone example.test."),
        arguments(
            "another TTL in a weighted group",
            change("CREATE", weighted("split.example.test", "A", "c", 1, 30, "192.0.2.1")),
            "InvalidChangeBatch",
            "must have the same TTL, found 30 and 60"),
        arguments(
            "a health check that is not there",
            change(
                "CREATE",
                simple("w.example.test", "A", 60, "192.0.2.1")
                    .replace("<TTL>", "<HealthCheckId>none</HealthCheckId><TTL>")),
            "NoSuchHealthCheck",
            "id none does not exist"),
        arguments(
            "another value than the one to be deleted",
            change("DELETE", simple(SHOP, "A", 60, "192.0.2.99")),
            "InvalidChangeBatch",
            "values provided do not match"),
        arguments(
            "a set that is there already",
            change("CREATE", simple(SHOP, "A", 60, "192.0.2.99")),
            "InvalidChangeBatch",
            "already exists"));
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("refusals")
  void refusesWhatRoute53RefusesAndLeavesTheWholeBatchUndone(
      String what, String wrong, String code, String message) {
    List<String> before = route53.raw();

    HttpExchanges.Answer answer = send(change("CREATE", simple(name, "A", 60, "192.0.2.1")), wrong);

    assertThat(answer.status()).as(what).isBetween(400, 404);
    assertThat(answer.body()).contains("<Code>" + code + "</Code>").contains(message);
    assertThat(route53.raw()).isEqualTo(before);
  }

  @Test
  void goesFromSimpleToWeightedAndBackInOneBatchEach() {
    send(change("CREATE", simple(name, "A", 60, "203.0.113.10", "203.0.113.9")));
    List<String> found = route53.raw(name);

    HttpExchanges.Answer there =
        send(
            change("DELETE", simple(name, "A", 60, "203.0.113.10", "203.0.113.9")),
            change("CREATE", weighted(name, "A", "a", 0, 60, "203.0.113.10")),
            change("CREATE", weighted(name, "A", "b", 255, 60, "198.51.100.20")));
    List<String> split = texts(name, "A");
    HttpExchanges.Answer back =
        send(
            change("DELETE", weighted(name, "A", "a", 0, 60, "203.0.113.10")),
            change("DELETE", weighted(name, "A", "b", 255, 60, "198.51.100.20")),
            change("CREATE", simple(name, "A", 60, "203.0.113.10", "203.0.113.9")));

    assertThat(List.of(there.status(), back.status())).containsExactly(200, 200);
    assertThat(split).containsExactly("198.51.100.20");
    assertThat(route53.raw(name)).isEqualTo(found);
  }

  @Test
  void splitsByWeightWithinSamplingError() {
    List<String> answers =
        IntStream.range(0, 2000).mapToObj(i -> texts("split.example.test", "A").get(0)).toList();

    // 5 % of 2,000 is 100 with a standard deviation of 9.7: four of them.
    assertThat(Collections.frequency(answers, "198.51.100.20")).isBetween(61, 139);
    assertThat(answers).containsOnly("203.0.113.10", "198.51.100.20");
  }

  @Test
  void leavesOutASideWhoseHealthCheckIsBad() {
    String check = route53.createHealthCheck();
    send(
        change(
            "CREATE",
            weighted(name, "A", "a", 255, 60, "203.0.113.10")
                .replace("<TTL>", "<HealthCheckId>" + check + "</HealthCheckId><TTL>")),
        change("CREATE", weighted(name, "A", "b", 0, 60, "198.51.100.20")));
    List<String> good = texts(name, "A");

    route53.health(check, false);

    assertThat(good).containsExactly("203.0.113.10");
    assertThat(texts(name, "A")).containsExactly("198.51.100.20");
    assertThat(get("healthcheck/" + check + "/status").body())
        .contains("<Region>us-east-1</Region>")
        .contains("<Status>Failure: ");
    assertThat(get("healthcheck/none/status").status()).isEqualTo(404);
  }

  @Test
  void servesAChangeOnlyWhenItIsInSync() {
    send(change("CREATE", simple(name, "A", 60, "203.0.113.10")));
    route53.propagationTakes(Duration.ofMinutes(10));
    String id = changeId(send(change("UPSERT", simple(name, "A", 60, "198.51.100.20"))));
    for (int i = 0; i < 3; i++) {
      assertThat(get("change/" + id).body()).contains("<Status>PENDING</Status>");
    }
    assertThat(texts(name, "A")).containsExactly("203.0.113.10");

    route53.propagate();

    assertThat(get("change/" + id).body()).contains("<Status>INSYNC</Status>");
    assertThat(texts(name, "A")).containsExactly("198.51.100.20");
  }

  @Test
  void servesAChangeByItselfAfterTheTimeThatItTakes() {
    route53.propagationTakes(Duration.ofMillis(200));
    String id = changeId(send(change("CREATE", simple(name, "A", 60, "198.51.100.20"))));
    List<String> before = texts(name, "A");

    long deadline = System.nanoTime() + Duration.ofSeconds(10).toNanos();
    while (get("change/" + id).body().contains("PENDING") && System.nanoTime() < deadline) {
      Thread.onSpinWait();
    }

    assertThat(before).isEmpty();
    assertThat(texts(name, "A")).containsExactly("198.51.100.20");
  }

  @Test
  void answersWithAuthorityOverBothTransportsAndFollowsAliases() throws Exception {
    route53.elsewhere("lb.example.net", "192.0.2.80", "2001:db8::80");
    HttpExchanges.Answer made =
        send(
            change("CREATE", simple("*." + name, "CNAME", 60, SHOP)),
            change("CREATE", simple("_whimbrel." + name, "TXT", 60, "\"a\" \"b c\"")),
            change("CREATE", Route53Service.alias(name, "A", "Z35SX", "lb.example.net", false)),
            change(
                "CREATE", Route53Service.alias(name, "AAAA", "Z35SX", "lb.example.net.", false)));

    assertThat(made.status()).as(made.body()).isEqualTo(200);

    assertThat(texts("x." + name, "A")).containsExactly(SHOP + ".", "203.0.113.10");
    assertThat(texts("_whimbrel." + name, "TXT")).containsExactly("a \"b c\"");
    assertThat(texts(name, "A")).containsExactly("192.0.2.80");
    assertThat(texts(name, "AAAA")).containsExactly("2001:db8:0:0:0:0:0:80");
    assertThat(texts("example.test", "NS")).hasSize(4);
    for (boolean tcp : List.of(false, true)) {
      Message none = ask("none.example.test", tcp);
      assertThat(none.getHeader().getFlag(Flags.AA)).isTrue();
      assertThat(none.getRcode()).isEqualTo(org.xbill.DNS.Rcode.NXDOMAIN);
      assertThat(none.getSection(Section.AUTHORITY)).hasSize(1);
      assertThat(ask("example.org", tcp).getRcode()).isEqualTo(org.xbill.DNS.Rcode.REFUSED);
    }
    assertThat(route53.raw("*." + name)).hasSize(1);
    assertThat(route53.raw("*." + name).get(0)).contains("<Name>\\052." + name + ".</Name>");
  }

  @Test
  @Needs(Program.UNBOUND)
  void standsBehindACachingResolver() {
    send(change("CREATE", simple(name, "A", 600, "203.0.113.10")));
    try (UnboundServer resolver = UnboundServer.inFrontOf(route53.zone(), route53.dnsPort())) {
      List<String> first = resolver.records(name, "A").stream().map(Record::rdataToString).toList();

      send(change("UPSERT", simple(name, "A", 600, "198.51.100.20")));

      assertThat(first).containsExactly("203.0.113.10");
      assertThat(texts(name, "A")).containsExactly("198.51.100.20");
      assertThat(resolver.records(name, "A").stream().map(Record::rdataToString))
          .containsExactly("203.0.113.10");
    }
  }

  @Test
  void listsPageByPage() {
    route53.pageSize(2);

    String first = get("hostedzone/" + route53.zoneId() + "/rrset").body();
    route53.pageSize(300);

    assertThat(first.split("<ResourceRecordSet>")).hasSize(3);
    assertThat(first).contains("<IsTruncated>true</IsTruncated>").contains("<NextRecordName>");
  }

  @Test
  void keepsAPrivateZoneOfTheSameNameApart() {
    String privateZone = route53.createPrivateZone();

    assertThat(get("hostedzone/" + privateZone).body()).contains("<PrivateZone>true</PrivateZone>");
    assertThat(get("hostedzonesbyname?dnsname=example.test").body())
        .contains(privateZone)
        .contains(route53.zoneId());
  }

  @ParameterizedTest
  @EnumSource(
      value = Route53Fault.class,
      names = {"THROTTLING", "PRIOR_REQUEST", "DENIED", "INTERNAL_ERROR", "UNAVAILABLE"})
  void refusesAsOftenAsItIsTold(Route53Fault fault) {
    route53.front().fail("ChangeResourceRecordSets", fault, 2);
    String create = change("CREATE", simple(name, "A", 60, "203.0.113.10"));

    List<Integer> statuses = List.of(send(create).status(), send(create).status());
    List<String> between = route53.raw(name);
    int last = send(create).status();

    assertThat(statuses).containsExactly(fault.answer().status(), fault.answer().status());
    assertThat(between).isEmpty();
    assertThat(last).isEqualTo(200);
    assertThat(lastCalls(3)).containsExactly(false, false, true);
  }

  @Test
  void losesACallBeforeOrAfterItsWork() {
    route53.front().fail("ChangeResourceRecordSets", Route53Fault.LOST_BEFORE, 1);
    String create = change("CREATE", simple(name, "A", 60, "203.0.113.10"));

    assertThatThrownBy(() -> send(create)).isInstanceOf(UncheckedIOException.class);
    assertThat(route53.raw(name)).isEmpty();

    route53.front().fail("ChangeResourceRecordSets", Route53Fault.LOST_AFTER, 1);
    assertThatThrownBy(() -> send(create)).isInstanceOf(UncheckedIOException.class);
    assertThat(route53.raw(name)).hasSize(1);
    assertThat(lastCalls(2)).containsExactly(false, true);
  }

  @Test
  void answersSlowlyWhenTheWorkIsDone() {
    route53.front().slowBy(Duration.ofMillis(700));
    route53.front().fail("ChangeResourceRecordSets", Route53Fault.SLOW, 1);
    long begun = System.nanoTime();

    int status = send(change("CREATE", simple(name, "A", 60, "203.0.113.10"))).status();

    assertThat(status).isEqualTo(200);
    assertThat(Duration.ofNanos(System.nanoTime() - begun)).isGreaterThan(Duration.ofMillis(700));
  }

  @Test
  void letsACallStandStillWhileOthersGoOn() {
    Route53Front.Held held = route53.front().hold("ChangeResourceRecordSets");
    CompletableFuture<HttpExchanges.Answer> late =
        CompletableFuture.supplyAsync(
            () -> send(change("CREATE", simple(name, "A", 60, "203.0.113.10"))));
    held.awaitArrival();

    int other = send(change("CREATE", simple(name, "A", 60, "198.51.100.20"))).status();
    held.release();

    assertThat(other).isEqualTo(200);
    assertThat(late.join().body()).contains("already exists");
    assertThat(texts(name, "A")).containsExactly("198.51.100.20");
  }

  @Test
  void refusesACallThatNobodySigned() {
    assertThat(
            HttpExchanges.send("GET", route53.endpoint().resolve("/2013-04-01/hostedzone"), "", "")
                .body())
        .contains("MissingAuthenticationToken");
  }

  private static HttpExchanges.Answer send(String... changes) {
    String body =
        "<ChangeResourceRecordSetsRequest xmlns=\"https://route53.amazonaws.com/doc/2013-04-01/\"><ChangeBatch><Changes>"
            + String.join("", changes)
            + "</Changes></ChangeBatch></ChangeResourceRecordSetsRequest>";
    return HttpExchanges.send(
        "POST",
        route53.endpoint().resolve("/2013-04-01/hostedzone/" + route53.zoneId() + "/rrset/"),
        "signed",
        body);
  }

  private static HttpExchanges.Answer get(String path) {
    return HttpExchanges.send(
        "GET", route53.endpoint().resolve("/2013-04-01/" + path), "signed", "");
  }

  private static String changeId(HttpExchanges.Answer answer) {
    return answer.body().replaceAll("(?s).*/change/([A-Z0-9]+)<.*", "$1");
  }

  private static List<String> texts(String name, String type) {
    return route53.records(name, type).stream().map(Record::rdataToString).toList();
  }

  private static List<Boolean> lastCalls(int count) {
    List<Route53Front.Call> calls = route53.front().journal("ChangeResourceRecordSets");
    return calls.subList(calls.size() - count, calls.size()).stream()
        .map(Route53Front.Call::done)
        .toList();
  }

  private static Message ask(String name, boolean tcp) throws IOException {
    SimpleResolver resolver =
        new SimpleResolver(new InetSocketAddress(Relay.localhost(), route53.dnsPort()));
    resolver.setTCP(tcp);
    return resolver.send(
        Message.newQuery(Record.newRecord(Name.fromString(name, Name.root), Type.A, DClass.IN)));
  }
}
