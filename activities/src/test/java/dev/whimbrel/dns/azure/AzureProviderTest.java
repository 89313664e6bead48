package dev.whimbrel.dns.azure;

import static dev.whimbrel.dns.azure.AzureFixture.SHOP;
import static dev.whimbrel.dns.azure.AzureFixture.WWW;
import static dev.whimbrel.dns.azure.AzureFixture.helpFrom;
import static dev.whimbrel.dns.azure.AzureFixture.lower;
import static dev.whimbrel.dns.azure.AzureFixture.restore;
import static dev.whimbrel.dns.azure.AzureFixture.share;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.whimbrel.activity.ChangePlan;
import dev.whimbrel.activity.DnsMove;
import dev.whimbrel.activity.DnsSnapshot;
import dev.whimbrel.activity.DnsSnapshot.RecordSet;
import dev.whimbrel.activity.Failures;
import dev.whimbrel.activity.Finding;
import dev.whimbrel.activity.NamesRequest;
import dev.whimbrel.activity.Outcome;
import dev.whimbrel.activity.ShiftRequest;
import dev.whimbrel.activity.Side;
import dev.whimbrel.runbook.DnsSpec;
import dev.whimbrel.servers.ArmFault;
import dev.whimbrel.servers.AzureService;
import io.temporal.failure.ApplicationFailure;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** The whole way of names at Azure DNS, and back from each point of it. */
class AzureProviderTest {
  private final AzureFixture zone = new AzureFixture();
  private final DnsMove move = zone.move();
  private final String asFound = zone.azure.recordSets("shop");

  @AfterEach
  void noBystanderWasTouched() {
    try (zone) {
      zone.requireBystandersUntouched();
    }
  }

  @Test
  void goesThroughEveryWeightAndBackFromEachThoughEveryStepRunsTwice() {
    DnsSnapshot found = zone.dns.findRecords(move);
    assertThat(found.records())
        .containsExactly(
            new RecordSet(
                SHOP,
                "A",
                3600,
                List.of("203.0.113.10", "203.0.113.9"),
                Map.of("metadata.team", "shop")),
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

      assertThat(zone.azure.recordSets("shop")).as("back from %d %%", backFrom).isEqualTo(asFound);
      assertThat(zone.azure.recordSets("_whimbrel.shop")).isEmpty();
      assertThat(zone.profiles()).isEmpty();
    }
  }

  @Test
  void clientsSeeTheSplitThatWasAskedFor() {
    DnsSnapshot found = zone.dns.findRecords(move);
    zone.dns.setTtl(lower(move, found));

    Outcome shifted = zone.dns.shift(share(move, found, 25));
    Outcome served = zone.dns.awaitPropagation(share(move, found, 25));
    Map<String, Integer> split = zone.split(SHOP, "A", 2000);

    assertThat(shifted.line())
        .contains("25 % A 198.51.100.20 beside A 203.0.113.10 203.0.113.9 (TTL 60)");
    assertThat(served.line())
        .containsPattern("shop.example.test A: [123]\\d\\.\\d % of 400 answers of 1 server");
    assertThat(split)
        .containsOnlyKeys("198.51.100.20", "203.0.113.10", "203.0.113.9")
        .hasEntrySatisfying("198.51.100.20", n -> assertThat(n).isCloseTo(500, within(90)));
    assertThat(zone.profiles()).containsExactly("whimbrel-shop-1-a", "whimbrel-shop-1-aaaa");
    assertThat(zone.azure.recordSets("shop"))
        .contains("trafficManagerProfiles/whimbrel-shop-1-a\"")
        .contains("\"team\" : \"shop\"");
  }

  @Test
  void probesAsTheRunbookSaysAndShowsWhatTheyFind() {
    DnsSpec.TrafficManager probed =
        new DnsSpec.TrafficManager(null, new DnsSpec.Probe("HTTPS", 8443, "/healthz"));
    DnsMove move =
        new DnsMove(
            "shop",
            AzureFixture.dnsSpec(zone.spec(probed), 60, SHOP),
            AzureFixture.SOURCE,
            AzureFixture.TARGET);
    DnsSnapshot found = zone.dns.findRecords(move);
    zone.dns.shift(share(move, found, 25));
    zone.azure.traffic().monitor("198.51.100.20", "Degraded");

    ChangePlan plan = zone.dns.planNames(new NamesRequest(move, List.of(25)));

    assertThat(zone.client().getByResourceGroup(AzureService.GROUP, "whimbrel-shop-1-a"))
        .satisfies(
            profile -> {
              assertThat(profile.monitorConfig().path()).isEqualTo("/healthz");
              assertThat(profile.monitorConfig().port()).isEqualTo(8443);
              assertThat(profile.tags()).containsEntry("whimbrel-migration", "shop");
              assertThat(profile.dnsConfig().fqdn())
                  .matches("whimbrel-shop-1-a-[0-9a-f]{10}\\.trafficmanager\\.net");
            });
    assertThat(plan.findings())
        .extracting(Finding::message)
        .contains("probes: source-1 Online, source-2 Online, target-1 Degraded.");
  }

  @Test
  void keepsMetadataWithTheTargetsRecords() {
    DnsSnapshot found = zone.dns.findRecords(move);

    zone.dns.shift(new ShiftRequest(move, found, Side.TARGET));
    zone.dns.setTtl(restore(move, found));

    assertThat(zone.azure.recordSets("shop"))
        .contains("\"team\" : \"shop\"")
        .contains("198.51.100.20")
        .doesNotContain("203.0.113");
  }

  @Test
  void aNameThatIsAnAliasKeepsItsProfileUntilResolversHaveForgottenIt() {
    DnsMove aliases = zone.aliases(10);
    String www = zone.azure.recordSets("www");
    DnsSnapshot found = zone.dns.findRecords(aliases);
    zone.dns.setTtl(lower(aliases, found));
    zone.dns.shift(share(aliases, found, 25));
    Outcome measured = zone.dns.awaitPropagation(share(aliases, found, 25));
    Map<String, Integer> split = zone.split(WWW, "A", 1000);
    zone.dns.shift(share(aliases, found, 0));

    assertThatThrownBy(() -> zone.dns.setTtl(restore(aliases, found)))
        .isInstanceOfSatisfying(
            ApplicationFailure.class,
            e -> {
              assertThat(e.getType()).isEqualTo(Failures.TRANSIENT);
              assertThat(e.getNextRetryDelay()).isBetween(Duration.ZERO, Duration.ofSeconds(12));
            })
        .hasMessageContaining("lead clients of www.example.test to the profile");
    assertThat(zone.profiles()).containsExactly("whimbrel-shop-1-cname");
    awaitSuccess(() -> zone.dns.setTtl(restore(aliases, found)));

    assertThat(measured.line()).containsPattern("CNAME: [123]\\d\\.\\d % of 400 answers");
    assertThat(split.values()).hasSize(2).allMatch(n -> n > 150);
    assertThat(zone.azure.recordSets("www")).isEqualTo(www).contains("LB.old.example.net.");
    assertThat(zone.profiles()).isEmpty();
  }

  @Test
  void noticesWeightsThatSomebodyElseHasChangedAndNamesTheController() {
    DnsSnapshot found = zone.dns.findRecords(move);
    zone.dns.setTtl(lower(move, found));
    zone.dns.shift(share(move, found, 25));
    zone.azure.record(
        "a-shop",
        "TXT",
        300,
        "heritage=external-dns,external-dns/owner=prod,external-dns/resource=ingress/shop/web");
    var profile = zone.client().getByResourceGroup(AzureService.GROUP, "whimbrel-shop-1-a");
    profile.endpoints().forEach(each -> each.withWeight(1L));
    zone.client().createOrUpdate(AzureService.GROUP, "whimbrel-shop-1-a", profile);

    Failures.Help help = helpFrom(() -> zone.dns.holdNames(share(move, found, 25)));

    assertThat(help.cause())
        .contains("was changed by somebody else: expected 25 % A 198.51.100.20 beside")
        .contains("found 33 % A 198.51.100.20 beside A 203.0.113.10 203.0.113.9 (TTL 60)")
        .endsWith("external-dns (owner=prod, resource=ingress/shop/web) claims this name");
    assertThat(help.command()).contains("az rest --method put").contains("203.0.113.10");
  }

  @Test
  void leavesARecordThatSomebodyElsePutInPlaceOfTheWeights() {
    DnsSnapshot found = zone.dns.findRecords(move);
    zone.dns.shift(share(move, found, 25));
    zone.azure.record("shop", "A", 300, "192.0.2.99");
    String drifted = zone.azure.recordSets("shop");

    Failures.Help help = helpFrom(() -> zone.dns.shift(share(move, found, 100)));

    assertThat(help.cause()).contains("found A 192.0.2.99 (TTL 300), 25 % AAAA 2001:db8:2::20");
    assertThat(zone.azure.recordSets("shop")).isEqualTo(drifted);
  }

  @Test
  void anAttemptThatStoodStillDoesNotUndoTheUndo() throws Exception {
    DnsSnapshot found = zone.dns.findRecords(move);
    zone.dns.setTtl(lower(move, found));
    CountDownLatch arrived = new CountDownLatch(1);
    CountDownLatch goOn = new CountDownLatch(1);
    zone.azure
        .arm()
        .fault("PUT Microsoft.Network/dnsZones/A", ArmFault.before(() -> await(arrived, goOn)));
    CompletableFuture<Outcome> late =
        CompletableFuture.supplyAsync(() -> zone.dns.shift(share(move, found, 100)));
    assertThat(arrived.await(20, TimeUnit.SECONDS)).isTrue();

    zone.dns.shift(share(move, found, 0));
    int before = zone.azure.arm().journal().size();
    goOn.countDown();
    late.join();

    // The call that stood still is refused; the attempt then begins anew, as a retry does.
    assertThat(zone.azure.arm().journal().get(before).operation())
        .isEqualTo("PUT microsoft.network/dnszones/a");
    assertThat(zone.azure.arm().journal().get(before).status()).isEqualTo(412);
  }

  @Test
  void refusesAtPlanWhatAzureCannotDo() {
    DnsMove toHostName =
        new DnsMove("shop", move.dns(), AzureFixture.SOURCE, List.of(), null, "lb.new.example.net");
    DnsMove withoutProfiles =
        new DnsMove(
            "shop",
            AzureFixture.dnsSpec(zone.spec(null), 60, SHOP),
            AzureFixture.SOURCE,
            AzureFixture.TARGET);

    assertThat(blockers(toHostName, List.of()))
        .containsExactly(
            "shop.example.test: is addresses on the source and a CNAME on the target: Azure DNS"
                + " cannot change one into the other without a moment in which the name does not"
                + " resolve. Fix: write source.cname and target.cname, or addresses on both sides");
    assertThat(blockers(withoutProfiles, List.of(25)).get(0))
        .startsWith("dns.azure: a canary by weight was asked for")
        .contains("trafficManager: {}");
    assertThat(blockers(withoutProfiles, List.of())).isEmpty();
  }

  @Test
  void leavesAProfileOfSomebodyElsesUnderItsNameAlone() {
    DnsSnapshot found = zone.dns.findRecords(move);
    zone.profile("whimbrel-shop-1-a", Map.of("team", "other"), "192.0.2.50");
    String theirs = zone.azure.traffic().all().toString();

    Failures.Help help = helpFrom(() -> zone.dns.shift(share(move, found, 25)));

    assertThat(help.cause()).contains("is there already, without the tag whimbrel-migration=shop");
    assertThat(blockers(move, List.of(25)).get(0)).contains("was not made for this migration");
    assertThat(zone.azure.traffic().all().toString()).isEqualTo(theirs);
    assertThat(zone.azure.recordSets("shop")).isEqualTo(asFound);
  }

  @Test
  void typesOutTheWayThereAndBackForAzuresCommandLine() {
    ChangePlan plan = zone.dns.planNames(new NamesRequest(move, List.of()));

    String where =
        " --subscription %s -g dns-rg -z example.test -n shop "
            .formatted(AzureService.SUBSCRIPTION);
    assertThat(plan.forward())
        .containsExactly(
            """
            az network dns record-set a add-record%1$s-a 198.51.100.20
            az network dns record-set a remove-record%1$s-a 203.0.113.10 --keep-empty-record-set
            az network dns record-set a remove-record%1$s-a 203.0.113.9 --keep-empty-record-set
            az network dns record-set aaaa add-record%1$s-a 2001:db8:2::20
            az network dns record-set aaaa remove-record%1$s-a 2001:db8:1::10 --keep-empty-record-set"""
                .formatted(where));
    assertThat(plan.back().get(0)).startsWith("az network dns record-set a add-record" + where);
  }

  private List<String> blockers(DnsMove of, List<Integer> weights) {
    return zone.dns.planNames(new NamesRequest(of, weights)).findings().stream()
        .filter(each -> each.level() == Finding.Level.BLOCKER)
        .map(Finding::line)
        .toList();
  }

  private static void await(CountDownLatch arrived, CountDownLatch goOn) {
    arrived.countDown();
    try {
      assertThat(goOn.await(30, TimeUnit.SECONDS)).isTrue();
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }

  /** As Temporal does: again, as long as it is said to be worth it. */
  private static void awaitSuccess(Runnable step) {
    long deadline = System.nanoTime() + Duration.ofSeconds(60).toNanos();
    while (true) {
      try {
        step.run();
        return;
      } catch (ApplicationFailure e) {
        assertThat(e.getType()).isEqualTo(Failures.TRANSIENT);
        assertThat(System.nanoTime()).isLessThan(deadline);
      }
    }
  }

  private static void twice(Runnable step) {
    step.run();
    step.run();
  }
}
