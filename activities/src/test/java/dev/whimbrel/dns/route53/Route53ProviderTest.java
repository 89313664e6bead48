package dev.whimbrel.dns.route53;

import static dev.whimbrel.dns.route53.Route53Fixture.helpFrom;
import static dev.whimbrel.servers.Route53Service.alias;
import static dev.whimbrel.servers.Route53Service.change;
import static dev.whimbrel.servers.Route53Service.simple;
import static dev.whimbrel.servers.Route53Service.weighted;
import static org.assertj.core.api.Assertions.assertThat;

import dev.whimbrel.activity.DnsSnapshot.RecordSet;
import dev.whimbrel.activity.Failures;
import dev.whimbrel.dns.DnsProvider.Change;
import dev.whimbrel.dns.Mark;
import dev.whimbrel.dns.NameState;
import dev.whimbrel.runbook.DnsSpec;
import dev.whimbrel.servers.Needs;
import dev.whimbrel.servers.Program;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.parallel.ResourceLock;

/** What is read, written and put back, each name in one zone by itself. */
@Needs(Program.MINISTACK)
@ResourceLock(Route53Fixture.LOCK)
class Route53ProviderTest extends OwnNames {
  @Test
  void readsSetsInTheOrderInWhichTheyAreKept() {
    zone.serve(name);
    zone.route53.somebodyElseWrites(name, "MX", 300, "10 mail.example.test");

    NameState state = provider(null).read(name);

    assertThat(state)
        .isEqualTo(
            new NameState(
                name,
                List.of(
                    new RecordSet(name, "A", 3600, List.of("203.0.113.10", "203.0.113.9")),
                    new RecordSet(name, "AAAA", 1800, List.of("2001:db8:1::10"))),
                Optional.empty()));
  }

  @Test
  void putsBackWhatItHasNoWordForLetterByLetter() {
    String check = zone.route53.createHealthCheck();
    zone.route53.somebodyElseChanges(
        change(
            "CREATE",
            simple(name, "A", 300, "203.0.113.10", "203.0.113.9")
                .replace(
                    "</ResourceRecords>",
                    "</ResourceRecords><HealthCheckId>" + check + "</HealthCheckId>")),
        change("CREATE", simple(name, "AAAA", 300, "2001:DB8:1:0:0:0:0:10", "2001:db8:1::9")));
    List<String> asFound = zone.route53.raw(name);
    Route53Provider provider = provider(null);
    NameState found = provider.read(name);

    NameState split = split(found, 25, "198.51.100.20", "2001:db8:2::20");
    assertThat(provider.change(found, split)).isEqualTo(Change.MADE);
    NameState read = provider.read(name);
    assertThat(provider.change(read, found)).isEqualTo(Change.MADE);

    assertThat(found.sets().get(0).extras()).containsEntry("health-check", check);
    assertThat(found.sets().get(1).values()).containsExactly("2001:db8:1::10", "2001:db8:1::9");
    assertThat(read).isEqualTo(split);
    assertThat(zone.route53.raw(name)).isEqualTo(asFound);
  }

  @Test
  void weighsAnAliasOfAwsAgainstAddressesAndPutsItBack() {
    zone.route53.elsewhere("lb.example.net", "203.0.113.80");
    zone.route53.somebodyElseChanges(
        change("CREATE", alias(name, "A", "Z35SXDOTRQ7X7K", "lb.example.net.", true)));
    List<String> asFound = zone.route53.raw(name);
    Route53Provider provider = provider(null);
    NameState found = provider.read(name);

    provider.change(found, split(found, 99, "198.51.100.20"));
    List<String> weighted = zone.route53.raw(name);
    List<String> answers = answers(200);
    provider.change(provider.read(name), found);

    assertThat(found.line()).isEqualTo("A alias of lb.example.net. (TTL 60)");
    assertThat(weighted)
        .hasSize(2)
        .anyMatch(set -> set.contains("<Weight>1</Weight><AliasTarget>") && !set.contains("<TTL>"));
    assertThat(answers).contains("198.51.100.20").isSubsetOf("198.51.100.20", "203.0.113.80");
    assertThat(zone.route53.raw(name)).isEqualTo(asFound);
    assertThat(answers(5)).containsOnly("203.0.113.80");
  }

  @Test
  void weighsHostNamesAgainstEachOther() {
    zone.route53.somebodyElseWrites(name, "CNAME", 60, "LB.Old.example.net");
    List<String> asFound = zone.route53.raw(name);
    Route53Provider provider = provider(null);
    NameState found = provider.read(name);

    provider.change(found, split(found, 50, "lb.new.example.net"));
    NameState read = provider.read(name);
    provider.change(read, found);

    assertThat(found.sets().get(0).values()).containsExactly("lb.old.example.net");
    assertThat(read.line())
        .isEqualTo("50 % CNAME lb.new.example.net beside CNAME lb.old.example.net (TTL 60)");
    assertThat(zone.route53.raw(name)).isEqualTo(asFound);
  }

  @Test
  void changesAddressesIntoAHostNameInOneBatch() {
    zone.serve(name);
    List<String> asFound = zone.route53.raw(name);
    Route53Provider provider = provider(null);
    NameState found = provider.read(name);
    int before = changes();

    provider.change(
        found,
        found.with(
            List.of(new RecordSet(name, "CNAME", 60, List.of("lb.new.example.net"))),
            Optional.of(Mark.next("shop"))));
    int there = changes() - before;
    provider.change(provider.read(name), found);

    assertThat(there).isEqualTo(1);
    assertThat(zone.route53.raw(name)).isEqualTo(asFound);
  }

  @Test
  void movesAWildcardAndFindsItsSetsOnAnyPage() {
    zone.route53.pageSize(1);
    String wildcard = "*." + name;
    zone.serve(wildcard);
    Route53Provider provider = provider("/hostedzone/" + zone.route53.zoneId(), null);

    NameState found = provider.read(wildcard);
    provider.change(found, split(found, 99, "198.51.100.20", "2001:db8:2::20"));

    assertThat(found.sets()).hasSize(2);
    assertThat(provider.read(wildcard).splits()).hasSize(2);
    assertThat(zone.route53.raw(wildcard)).hasSize(4);
  }

  @Test
  void attachesHealthChecksToWeightsOnly() {
    zone.serve(name);
    String source = zone.route53.createHealthCheck();
    String target = zone.route53.createHealthCheck();
    Route53Provider provider = provider(new DnsSpec.HealthChecks(source, target));
    List<String> asFound = zone.route53.raw(name);
    NameState found = provider.read(name);

    NameState split = split(found, 50, "198.51.100.20", "2001:db8:2::20");
    provider.change(found, split);
    List<String> weighted = zone.route53.raw(name);
    zone.route53.health(target, false);
    List<String> answers = answers(50);
    NameState read = provider.read(name);
    provider.change(read, found);

    assertThat(weighted)
        .allMatch(
            set -> set.contains("<HealthCheckId>" + (set.contains("-source<") ? source : target)));
    assertThat(read).isEqualTo(split);
    assertThat(answers).doesNotContain("198.51.100.20");
    assertThat(zone.route53.raw(name)).isEqualTo(asFound);
    assertThat(provider.findings(List.of(name), true).stream().map(finding -> finding.line()))
        .containsExactly(
            "healthcheck/" + source + ": 3 of 3 checkers are content with the source.",
            "healthcheck/"
                + target
                + ": 0 of 3 checkers are content with the target (Failure: Connection timed out."
                + " The endpoint or the internet connection is down, or requests are being blocked"
                + " by your firewall.): Route 53 sends nobody there, whatever the weights say."
                + " Fix: mend the target's stack or the health check before the first weight");
  }

  @Test
  void seesThatSomebodyTookAHealthCheckOff() {
    zone.serve(name);
    String target = zone.route53.createHealthCheck();
    Route53Provider provider = provider(new DnsSpec.HealthChecks(null, target));
    NameState found = provider.read(name);
    NameState split = split(found, 50, "198.51.100.20", "2001:db8:2::20");
    provider.change(found, split);
    zone.route53.somebodyElseChanges(
        change("UPSERT", weighted(name, "A", "whimbrel-shop-target", 50, 3600, "198.51.100.20")));

    NameState read = provider.read(name);

    assertThat(read.split("A").orElseThrow().target().extras())
        .isEqualTo(Map.of("attached-health-check", "none"));
    assertThat(provider.change(read, found)).isEqualTo(Change.MADE);
  }

  @Test
  void refusesTwoHealthChecksForOneRecord() {
    String own = zone.route53.createHealthCheck();
    zone.route53.somebodyElseChanges(
        change(
            "CREATE",
            simple(name, "A", 300, "203.0.113.10")
                .replace("<TTL>", "<HealthCheckId>" + own + "</HealthCheckId><TTL>")));
    Route53Provider provider = provider(new DnsSpec.HealthChecks("hc-source", null));
    NameState found = provider.read(name);

    Failures.Help help = helpFrom(() -> provider.change(found, split(found, 5, "198.51.100.20")));

    assertThat(help.cause())
        .isEqualTo(
            "%s A has the health check %s of its own, and dns.route53.healthChecks.source names hc-source"
                .formatted(name, own));
    assertThat(help.remedy())
        .isEqualTo(
            "leave dns.route53.healthChecks.source out of the runbook: the record's own stays with"
                + " it");
  }

  @Test
  void waitsUntilAChangeIsInSyncButNotForEver() {
    zone.serve(name);
    zone.route53.propagationTakes(Duration.ofHours(1));
    Route53Provider provider =
        new Route53Provider(zone.spec(null), "shop", client, Duration.ofMillis(600));
    NameState found = provider.read(name);
    long begun = System.nanoTime();

    Change first = provider.change(found, split(found, 5, "198.51.100.20", "2001:db8:2::20"));
    Duration waited = Duration.ofNanos(System.nanoTime() - begun);
    Change second = provider.change(provider.read(name), found);

    assertThat(List.of(first, second)).containsOnly(Change.MADE);
    assertThat(waited).isGreaterThan(Duration.ofMillis(600));
    assertThat(zone.route53.front().journal("GetChange").size()).isGreaterThanOrEqualTo(3);
  }
}
