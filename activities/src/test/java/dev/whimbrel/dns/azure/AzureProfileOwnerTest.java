package dev.whimbrel.dns.azure;

import static dev.whimbrel.dns.azure.AzureFixture.helpFrom;
import static dev.whimbrel.dns.azure.AzureFixture.lower;
import static dev.whimbrel.dns.azure.AzureFixture.restore;
import static dev.whimbrel.dns.azure.AzureFixture.share;
import static org.assertj.core.api.Assertions.assertThat;

import com.azure.resourcemanager.trafficmanager.fluent.models.ProfileInner;
import com.azure.resourcemanager.trafficmanager.models.MonitorConfig;
import com.azure.resourcemanager.trafficmanager.models.MonitorProtocol;
import dev.whimbrel.FaultTable;
import dev.whimbrel.activity.DnsMove;
import dev.whimbrel.activity.DnsSnapshot;
import dev.whimbrel.activity.Failures;
import dev.whimbrel.servers.ArmCall;
import dev.whimbrel.servers.ArmFault;
import dev.whimbrel.servers.AzureService;
import io.temporal.failure.ApplicationFailure;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** A profile of the migration's name that somebody else makes, or changes, while it is made. */
class AzureProfileOwnerTest {
  private static final String PROFILE = "Microsoft.Network/trafficManagerProfiles";
  private static final String NAME = "whimbrel-shop-1-a";

  private final AzureFixture zone = new AzureFixture();
  private final DnsMove move = zone.move();
  private final String asFound = zone.azure.recordSets("shop");
  private final DnsSnapshot found = zone.dns.findRecords(move);
  private String lowered = "";

  @BeforeEach
  void lowerTheTtl() {
    zone.dns.setTtl(lower(move, found));
    lowered = zone.azure.recordSets("shop");
    zone.azure.arm().clearJournal();
  }

  @AfterEach
  void noBystanderWasTouched() {
    try (zone) {
      zone.requireBystandersUntouched();
    }
  }

  @Test
  void isLeftAsItIsWhereItWasMadeBetweenLookAndRequest() {
    zone.azure.arm().fault("PUT " + PROFILE, ArmFault.before(this::theyMakeIt));

    Failures.Help help = helpFrom(() -> zone.dns.shift(share(move, found, 25)));

    assertThat(help.cause())
        .isEqualTo(
            "the Traffic Manager profile whimbrel-shop-1-a in dns-rg is there already, without the tag whimbrel-migration=shop: somebody else made it");
    assertThat(help.command())
        .startsWith("az network traffic-manager profile show --ids /subscriptions/")
        .endsWith("/trafficManagerProfiles/" + NAME);
    assertThat(profile().tags()).containsExactly(Map.entry("team", "billing"));
    assertThat(profile().endpoints()).singleElement().matches(e -> e.target().equals("192.0.2.50"));
    assertThat(zone.azure.recordSets("shop")).isEqualTo(lowered);
    goOnAndBack();
  }

  @Test
  void isReadBackWhereAzureDoesNotHeedTheCondition() {
    zone.azure.traffic().heedIfNoneMatch(false);
    zone.azure.arm().fault("PUT " + PROFILE, ArmFault.after(this::theyMakeIt));

    Failures.Help help = helpFrom(() -> zone.dns.shift(share(move, found, 25)));

    assertThat(help.cause()).endsWith("somebody else made it");
    assertThat(conditions()).as("theirs and ours").containsExactlyInAnyOrder("none", "*");
    assertThat(profile().tags()).containsExactly(Map.entry("team", "billing"));
    assertThat(zone.azure.recordSets("shop")).isEqualTo(lowered);
    goOnAndBack();
  }

  @Test
  void isComparedWithWhatWasAskedFor() {
    Runnable otherProbes =
        () ->
            zone.client()
                .createOrUpdate(
                    AzureService.GROUP,
                    NAME,
                    profile()
                        .withMonitorConfig(
                            new MonitorConfig()
                                .withProtocol(MonitorProtocol.HTTP)
                                .withPort(80L)
                                .withPath("/theirs")));
    zone.azure.arm().fault("PUT " + PROFILE, ArmFault.after(otherProbes));

    Failures.Help help = helpFrom(() -> zone.dns.shift(share(move, found, 25)));

    assertThat(help.cause())
        .isEqualTo(
            "the Traffic Manager profile whimbrel-shop-1-a in dns-rg is not as it was just asked for: probes: expected TCP 443, found HTTP 80 /theirs");
    assertThat(zone.azure.recordSets("shop")).isEqualTo(lowered);
    goOnAndBack();
  }

  @Test
  void isNotWrittenOverWhereAnotherAttemptHasJustMadeItWithOtherWeights() {
    Runnable otherWeights =
        () -> {
          ProfileInner now = profile();
          now.endpoints().forEach(each -> each.withWeight(7L));
          zone.client().createOrUpdate(AzureService.GROUP, NAME, now);
        };
    zone.azure.arm().fault("PUT " + PROFILE, ArmFault.after(otherWeights));

    ApplicationFailure failure =
        FaultTable.failure(() -> zone.dns.shift(share(move, found, 25))).orElseThrow();

    assertThat(failure.getType()).isEqualTo(Failures.TRANSIENT);
    assertThat(failure.getOriginalMessage())
        .isEqualTo(
            "the Traffic Manager profile whimbrel-shop-1-a in dns-rg answers otherwise than was just asked for");
    goOnAndBack();
  }

  @Test
  void isGivenOtherWeightsWithoutTheCondition() {
    zone.dns.shift(share(move, found, 25));

    zone.dns.shift(share(move, found, 50));

    // One for each family, made and then changed.
    assertThat(conditions()).containsExactly("*", "*", "none", "none");
    goOnAndBack();
  }

  private void theyMakeIt() {
    zone.profile(NAME, Map.of("team", "billing"), "192.0.2.50");
  }

  private ProfileInner profile() {
    return zone.client().getByResourceGroup(AzureService.GROUP, NAME);
  }

  /** The conditions under which profiles were written by the product, which sends some. */
  private List<String> conditions() {
    return zone.azure.arm().journal().stream()
        .filter(each -> each.operation().equalsIgnoreCase("PUT " + PROFILE))
        .map(ArmCall::ifNoneMatch)
        .map(each -> each == null ? "none" : each)
        .toList();
  }

  /** Whoever made it takes it away again; the step goes on, and the way back is taken. */
  private void goOnAndBack() {
    if (!profileTags().containsKey(Profiles.TAG)) {
      zone.client().delete(AzureService.GROUP, NAME);
    }
    zone.dns.shift(share(move, found, 25));
    assertThat(zone.profiles()).containsExactly(NAME, "whimbrel-shop-1-aaaa");
    zone.dns.shift(share(move, found, 0));
    zone.dns.setTtl(restore(move, found));
    assertThat(zone.azure.recordSets("shop")).isEqualTo(asFound);
    assertThat(zone.profiles()).isEmpty();
  }

  private Map<String, String> profileTags() {
    return profile().tags();
  }
}
