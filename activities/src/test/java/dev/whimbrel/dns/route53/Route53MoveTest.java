package dev.whimbrel.dns.route53;

import static dev.whimbrel.dns.route53.Route53Fixture.SHOP;
import static dev.whimbrel.dns.route53.Route53Fixture.helpFrom;
import static dev.whimbrel.dns.route53.Route53Fixture.lower;
import static dev.whimbrel.dns.route53.Route53Fixture.restore;
import static dev.whimbrel.dns.route53.Route53Fixture.share;
import static dev.whimbrel.servers.Route53Service.change;
import static dev.whimbrel.servers.Route53Service.simple;
import static dev.whimbrel.servers.Route53Service.weighted;
import static org.assertj.core.api.Assertions.assertThat;

import dev.whimbrel.activity.ChangePlan;
import dev.whimbrel.activity.DnsMove;
import dev.whimbrel.activity.DnsSnapshot;
import dev.whimbrel.activity.DnsSnapshot.RecordSet;
import dev.whimbrel.activity.Failures;
import dev.whimbrel.activity.NamesRequest;
import dev.whimbrel.activity.Outcome;
import dev.whimbrel.dns.Mark;
import dev.whimbrel.servers.Needs;
import dev.whimbrel.servers.Program;
import java.time.Duration;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.parallel.ResourceLock;

/** The whole way of a name, and back from each point of it. */
@Needs(Program.MINISTACK)
@ResourceLock(Route53Fixture.LOCK)
class Route53MoveTest {
  private static Route53Fixture zone;

  private DnsMove move;
  private List<String> asFound = List.of();

  @BeforeAll
  static void start() {
    zone = new Route53Fixture();
  }

  @AfterAll
  static void stop() {
    zone.close();
  }

  @BeforeEach
  void serve() {
    move = zone.move(SHOP);
    zone.serve(SHOP);
    asFound = zone.route53.raw(SHOP);
  }

  @AfterEach
  void clear() {
    zone.route53.propagationTakes(Duration.ZERO);
    zone.route53.propagate();
    Stream.of(SHOP, Mark.nameFor(SHOP), "a-" + SHOP)
        .flatMap(name -> zone.route53.raw(name).stream())
        .forEach(set -> zone.route53.somebodyElseChanges(change("DELETE", set)));
    zone.requireBystandersUntouched();
  }

  @Test
  void goesThroughEveryWeightAndBackFromEachThoughEveryStepRunsTwice() {
    DnsSnapshot found = zone.dns.findRecords(move);
    assertThat(found.records())
        .containsExactly(
            new RecordSet(SHOP, "A", 3600, List.of("203.0.113.10", "203.0.113.9")),
            new RecordSet(SHOP, "AAAA", 1800, List.of("2001:db8:1::10")));

    for (int backFrom : List.of(0, 5, 25, 100)) {
      twice(() -> zone.dns.setTtl(lower(move, found)));
      assertThat(zone.dns.awaitTtl(lower(move, found)).line())
          .isEqualTo("TTL in force at 1 authoritative server");
      for (int percent : List.of(5, 25, 100)) {
        if (percent <= backFrom) {
          twice(() -> zone.dns.shift(share(move, found, percent)));
          zone.dns.awaitPropagation(share(move, found, percent));
        }
      }

      twice(() -> zone.dns.shift(share(move, found, 0)));
      zone.dns.awaitPropagation(share(move, found, 0));
      twice(() -> zone.dns.setTtl(restore(move, found)));

      assertThat(zone.route53.raw(SHOP)).as("back from %d %%", backFrom).isEqualTo(asFound);
      assertThat(zone.route53.raw(Mark.nameFor(SHOP))).isEmpty();
    }
  }

  @Test
  void measuresTheSplitThatTheNameServersAnswerWith() {
    DnsSnapshot found = zone.dns.findRecords(move);
    zone.dns.setTtl(lower(move, found));

    Outcome shifted = zone.dns.shift(share(move, found, 25));
    Outcome served = zone.dns.awaitPropagation(share(move, found, 25));

    assertThat(shifted.line())
        .isEqualTo(
            "shop.example.test: 203.0.113.10 203.0.113.9 2001:db8:1::10 → 25 % A 198.51.100.20"
                + " beside A 203.0.113.10 203.0.113.9 (TTL 60), 25 % AAAA 2001:db8:2::20 beside"
                + " AAAA 2001:db8:1::10 (TTL 60) at TTL 60 s");
    assertThat(served.line())
        .containsPattern(
            "shop.example.test A: [123]\\d\\.\\d % of 400 answers of 1 server are the target's,"
                + " asked for 25 %");
    assertThat(zone.route53.raw(SHOP))
        .hasSize(4)
        .anyMatch(
            set ->
                set.contains(
                    "<Type>A</Type><SetIdentifier>whimbrel-shop-target</SetIdentifier><Weight>25</Weight><TTL>60</TTL>"));
  }

  @Test
  void waitsUntilAChangeIsServed() {
    DnsSnapshot found = zone.dns.findRecords(move);
    zone.dns.setTtl(lower(move, found));
    zone.route53.propagationTakes(Duration.ofMillis(700));

    zone.dns.shift(share(move, found, 100));

    assertThat(zone.served(SHOP)).containsExactly("60 198.51.100.20", "60 2001:db8:2:0:0:0:0:20");
  }

  @Test
  void noticesWeightsThatSomebodyElseHasChangedAndNamesTheController() {
    DnsSnapshot found = zone.dns.findRecords(move);
    zone.dns.setTtl(lower(move, found));
    zone.dns.shift(share(move, found, 25));
    zone.route53.somebodyElseWrites(
        "a-" + SHOP,
        "TXT",
        300,
        "\"heritage=external-dns,external-dns/owner=prod,external-dns/resource=ingress/shop/web\"");
    zone.route53.somebodyElseChanges(
        change("UPSERT", weighted(SHOP, "A", "whimbrel-shop-target", 225, 60, "198.51.100.20")));

    Failures.Help help = helpFrom(() -> zone.dns.holdNames(share(move, found, 25)));

    assertThat(help.cause())
        .isEqualTo(
            "shop.example.test was changed by somebody else: expected 25 % A 198.51.100.20 beside"
                + " A 203.0.113.10 203.0.113.9 (TTL 60), 25 % AAAA 2001:db8:2::20 beside AAAA"
                + " 2001:db8:1::10 (TTL 60), found 75 % A 198.51.100.20 beside A 203.0.113.10"
                + " 203.0.113.9 (TTL 60), 25 % AAAA 2001:db8:2::20 beside AAAA 2001:db8:1::10"
                + " (TTL 60); external-dns (owner=prod, resource=ingress/shop/web) claims this"
                + " name");
    ByHandCommand.send(zone.route53, String.valueOf(help.command()));
    assertThat(zone.route53.raw(SHOP)).isEqualTo(asFound);
    assertThat(zone.route53.raw(Mark.nameFor(SHOP))).isEmpty();
  }

  @Test
  void leavesASimpleRecordThatSomebodyElsePutInPlaceOfTheWeights() {
    DnsSnapshot found = zone.dns.findRecords(move);
    zone.dns.setTtl(lower(move, found));
    zone.dns.shift(share(move, found, 25));
    List<String> weights =
        zone.route53.raw(SHOP).stream().filter(set -> set.contains("<Type>A</Type>")).toList();
    zone.route53.somebodyElseChanges(
        change("DELETE", weights.get(0)),
        change("DELETE", weights.get(1)),
        change("CREATE", simple(SHOP, "A", 300, "192.0.2.99")));
    List<String> drifted = zone.route53.raw(SHOP);

    Failures.Help help = helpFrom(() -> zone.dns.shift(share(move, found, 100)));

    assertThat(help.cause())
        .startsWith("shop.example.test was changed by somebody else: expected 203.0.113.10")
        .contains("or 198.51.100.20 2001:db8:2::20, found A 192.0.2.99 (TTL 300), 25 % AAAA");
    assertThat(zone.route53.raw(SHOP)).isEqualTo(drifted);
  }

  @Test
  void typesOutTheWayThereAndBack() {
    ChangePlan plan = zone.dns.planNames(new NamesRequest(move, List.of(5, 25, 100)));

    assertThat(plan.findings()).isEmpty();
    assertThat(plan.forward())
        .containsExactly(
            "aws route53 change-resource-record-sets --hosted-zone-id "
                + zone.route53.zoneId()
                + " --change-batch '{\"Changes\":["
                + "{\"Action\":\"UPSERT\",\"ResourceRecordSet\":{\"Name\":\"shop.example.test.\",\"Type\":\"A\",\"TTL\":3600,\"ResourceRecords\":[{\"Value\":\"198.51.100.20\"}]}},"
                + "{\"Action\":\"UPSERT\",\"ResourceRecordSet\":{\"Name\":\"shop.example.test.\",\"Type\":\"AAAA\",\"TTL\":1800,\"ResourceRecords\":[{\"Value\":\"2001:db8:2::20\"}]}}]}'");
    ByHandCommand.send(zone.route53, plan.forward().get(0));
    assertThat(zone.served(SHOP))
        .containsExactly("1800 2001:db8:2:0:0:0:0:20", "3600 198.51.100.20");
    ByHandCommand.send(zone.route53, plan.back().get(0));
    assertThat(zone.route53.raw(SHOP)).isEqualTo(asFound);
  }

  @Test
  void whatWasTypedOutBeforeTheTtlWasLoweredIsTakenAfterTheShiftToo() {
    ChangePlan plan = zone.dns.planNames(new NamesRequest(move, List.of(5, 25, 100)));
    DnsSnapshot found = zone.dns.findRecords(move);
    zone.dns.setTtl(lower(move, found));
    zone.dns.shift(share(move, found, 100));

    ByHandCommand.send(zone.route53, plan.back().get(0));

    assertThat(zone.route53.raw(SHOP)).isEqualTo(asFound);
    ChangePlan again = zone.dns.planNames(new NamesRequest(move, List.of()));
    assertThat(again.back()).isEmpty();
    assertThat(again.findings())
        .extracting(each -> each.line())
        .containsExactly(
            "shop.example.test: is being moved by this migration: the card of its first plan holds"
                + " the way back.");
  }

  private static void twice(Runnable step) {
    step.run();
    step.run();
  }
}
