package dev.whimbrel.dns.azure;

import static dev.whimbrel.dns.azure.AzureFixture.helpFrom;
import static dev.whimbrel.dns.azure.AzureFixture.lower;
import static dev.whimbrel.dns.azure.AzureFixture.restore;
import static dev.whimbrel.dns.azure.AzureFixture.share;
import static org.assertj.core.api.Assertions.assertThat;

import dev.whimbrel.activity.DnsMove;
import dev.whimbrel.activity.DnsSnapshot;
import dev.whimbrel.activity.Failures;
import dev.whimbrel.dns.RegistryDns;
import dev.whimbrel.secrets.Secrets;
import dev.whimbrel.servers.ArmFault;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** What Traffic Manager's probes say while a name carries weights. */
class AzureHealthTest {
  private final AzureFixture zone = new AzureFixture();
  private final RegistryDns dns =
      new RegistryDns(
          new Secrets(Map.of()),
          Duration.ofMillis(50),
          () -> zone.account,
          Duration.ofMillis(1500));
  private final DnsMove move = zone.move();
  private DnsSnapshot found;

  @BeforeEach
  void canary() {
    found = dns.findRecords(move);
    dns.setTtl(lower(move, found));
    dns.shift(share(move, found, 25));
  }

  @AfterEach
  void noBystanderWasTouched() {
    try (zone) {
      zone.requireBystandersUntouched();
    }
  }

  @Test
  void isPartOfWhatAShiftSays() {
    assertThat(dns.awaitPropagation(share(move, found, 25)).line())
        .endsWith(
            "; probes of whimbrel-shop-1-a: source-1 Online, source-2 Online, target-1 Online; probes of whimbrel-shop-1-aaaa: source-1 Online, target-1 Online");
  }

  @Test
  void goesOnCostingMoneyAsLongAsThereAreProfiles() {
    assertThat(dns.listZones(move).line())
        .startsWith("Azure DNS: the zone example.test; the profile /subscriptions/")
        .endsWith("/whimbrel-shop-1-aaaa");

    dns.shift(share(move, found, 0));
    dns.awaitPropagation(share(move, found, 0));
    dns.setTtl(restore(move, found));

    assertThat(dns.listZones(move).line()).isEqualTo("Azure DNS: the zone example.test");
  }

  @Test
  void saysThatEverySideIsOutWhereTrafficManagerAnswersWithAllOfThem() {
    for (String address :
        List.of(
            "203.0.113.10", "203.0.113.9", "198.51.100.20", "2001:db8:1::10", "2001:db8:2::20")) {
      zone.azure.traffic().monitor(address, "Degraded");
    }

    Failures.Help help = helpFrom(() -> dns.holdNames(share(move, found, 25)));

    assertThat(help.cause())
        .isEqualTo(
            "For more than 1 s every side is out, so that clients are led to all of them by 25 % to the target: probes of whimbrel-shop-1-a: source-1 Degraded, source-2 Degraded, target-1 Degraded");
  }

  @Test
  void asksForHelpWhenNobodyCanLookDuringTheBake() {
    zone.azure.arm().fault("GET Microsoft.Network/dnsZones/TXT", 0, 1000, ArmFault.broken());

    Failures.Help help = helpFrom(() -> dns.holdNames(share(move, found, 25)));

    assertThat(help.cause())
        .isEqualTo(
            "For more than 1 s nobody can see whether clients get 25 % to the target: Cannot read the TXT record set of _whimbrel.shop.example.test: Azure answers 500 InternalServerError (An error occurred.)");
    assertThat(help.remedy()).endsWith("then retry: the bake begins anew");
  }

  @Test
  void asksForHelpWhenAnEndpointIsTakenOutDuringTheBake() {
    zone.azure.traffic().monitor("198.51.100.20", "Degraded");

    Failures.Help help = helpFrom(() -> dns.holdNames(share(move, found, 25)));

    assertThat(help.cause())
        .isEqualTo(
            "For more than 1 s clients do not get 25 % to the target: probes of whimbrel-shop-1-a: source-1 Online, source-2 Online, target-1 Degraded");
  }
}
