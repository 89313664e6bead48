package dev.whimbrel.dns.azure;

import static org.assertj.core.api.Assertions.assertThat;

import com.azure.core.credential.AccessToken;
import com.azure.core.management.AzureEnvironment;
import com.azure.resourcemanager.trafficmanager.TrafficManager;
import com.azure.resourcemanager.trafficmanager.fluent.ProfilesClient;
import com.azure.resourcemanager.trafficmanager.fluent.models.EndpointInner;
import com.azure.resourcemanager.trafficmanager.fluent.models.ProfileInner;
import com.azure.resourcemanager.trafficmanager.models.DnsConfig;
import com.azure.resourcemanager.trafficmanager.models.MonitorConfig;
import com.azure.resourcemanager.trafficmanager.models.MonitorProtocol;
import com.azure.resourcemanager.trafficmanager.models.TrafficRoutingMethod;
import dev.whimbrel.FaultTable;
import dev.whimbrel.activity.DnsMove;
import dev.whimbrel.activity.DnsSnapshot;
import dev.whimbrel.activity.Failures;
import dev.whimbrel.activity.ShiftRequest;
import dev.whimbrel.activity.TtlRequest;
import dev.whimbrel.azure.AzureAccount;
import dev.whimbrel.dns.RegistryDns;
import dev.whimbrel.runbook.DnsSpec;
import dev.whimbrel.secrets.Secrets;
import dev.whimbrel.servers.AzureService;
import dev.whimbrel.servers.LocalCertificate;
import io.temporal.failure.ApplicationFailure;
import java.time.Duration;
import java.time.OffsetDateTime;
import java.time.ZoneOffset;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import org.assertj.core.api.Assertions;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.jspecify.annotations.Nullable;
import org.xbill.DNS.Record;
import reactor.core.publisher.Mono;

/** A zone at the Azure stand-in: a service with both families, a host name, and bystanders. */
final class AzureFixture implements AutoCloseable {
  static final String ZONE = "example.test";
  static final String SHOP = "shop.example.test";
  static final String WWW = "www.example.test";
  static final List<String> SOURCE = List.of("203.0.113.10", "203.0.113.9", "2001:db8:1::10");
  static final List<String> TARGET = List.of("198.51.100.20", "2001:db8:2::20");
  static final DnsSpec.TrafficManager BY_WEIGHT = new DnsSpec.TrafficManager(null, null);

  final AzureService azure = AzureService.start(ZONE);
  final AzureAccount account;
  final RegistryDns dns;
  private final String bystanders;

  AzureFixture() {
    LocalCertificate.make().trustHere();
    Map<String, String> endpoints = new HashMap<>(AzureEnvironment.AZURE.getEndpoints());
    endpoints.put("resourceManagerEndpointUrl", azure.arm().address());
    endpoints.put("managementEndpointUrl", azure.arm().address());
    this.account =
        new AzureAccount(
            request ->
                Mono.just(
                    new AccessToken(
                        azure.identity().token(), OffsetDateTime.now(ZoneOffset.UTC).plusDays(1))),
            new AzureEnvironment(endpoints));
    this.dns = new RegistryDns(new Secrets(Map.of()), Duration.ofMillis(50), () -> account);
    azure.record("shop", "A", 3600, Map.of("team", "shop"), "203.0.113.10", "203.0.113.9");
    azure.record("shop", "AAAA", 1800, "2001:db8:1::10");
    azure.record("www", "CNAME", 600, "LB.old.example.net.");
    azure.record("other", "A", 300, Map.of("owner", "luis"), "192.0.2.7");
    azure.record("x.shop", "CNAME", 300, "other.example.test");
    profile("whimbrel-other-1-a", Map.of(Profiles.TAG, "other"), "192.0.2.7");
    this.bystanders = bystanders();
    azure.arm().clearJournal();
  }

  /** Everything that no migration of these tests may touch, exactly. */
  String bystanders() {
    return azure.everythingBut("shop", "_whimbrel.shop", "www", "_whimbrel.www", "a-shop")
        + azure.traffic().all().stream()
            .filter(each -> !each.path("name").asText().startsWith("whimbrel-shop-"))
            .map(Object::toString)
            .collect(Collectors.joining("\n"));
  }

  void requireBystandersUntouched() {
    assertThat(bystanders()).isEqualTo(bystanders);
  }

  /** The profiles of the migration. */
  List<String> profiles() {
    return azure.traffic().all().stream()
        .map(each -> each.path("name").asText())
        .filter(each -> each.startsWith("whimbrel-shop-"))
        .toList();
  }

  /** Somebody makes a profile. */
  ProfileInner profile(String name, Map<String, String> tags, String address) {
    ProfileInner profile =
        new ProfileInner()
            .withTrafficRoutingMethod(TrafficRoutingMethod.WEIGHTED)
            .withDnsConfig(new DnsConfig().withRelativeName(name).withTtl(60L))
            .withMonitorConfig(new MonitorConfig().withProtocol(MonitorProtocol.TCP).withPort(443L))
            .withEndpoints(
                List.of(
                    new EndpointInner()
                        .withName("one")
                        .withType("Microsoft.Network/trafficManagerProfiles/externalEndpoints")
                        .withTarget(address)
                        .withWeight(1L)));
    profile.withLocation("global").withTags(tags);
    return client().createOrUpdate(AzureService.GROUP, name, profile);
  }

  ProfilesClient client() {
    return TrafficManager.authenticate(
            account.credential(), account.profile(AzureService.SUBSCRIPTION))
        .serviceClient()
        .getProfiles();
  }

  DnsSpec.Azure spec(DnsSpec.@Nullable TrafficManager trafficManager) {
    return new DnsSpec.Azure(
        AzureService.SUBSCRIPTION,
        AzureService.GROUP,
        ZONE,
        List.of(azure.dns().address()),
        trafficManager);
  }

  DnsMove move() {
    return new DnsMove("shop", dnsSpec(spec(BY_WEIGHT), 60, SHOP), SOURCE, TARGET);
  }

  DnsMove aliases(int ttl) {
    return new DnsMove(
        "shop",
        dnsSpec(spec(BY_WEIGHT), ttl, WWW),
        List.of(),
        List.of(),
        "lb.old.example.net",
        "lb.new.example.net");
  }

  static DnsSpec dnsSpec(DnsSpec.Azure azure, int ttl, String... names) {
    return new DnsSpec(
        null, azure, null, List.of(names), new DnsSpec.Ttl(List.of(ttl), null), List.of());
  }

  static ShiftRequest share(DnsMove move, DnsSnapshot found, int percent) {
    return ShiftRequest.of(move, found, percent);
  }

  static TtlRequest lower(DnsMove move, DnsSnapshot found) {
    return new TtlRequest(move, found, move.dns().ttlInForce(), false);
  }

  static TtlRequest restore(DnsMove move, DnsSnapshot found) {
    return new TtlRequest(move, found, 0, true);
  }

  /** How often each answer came in so many questions. */
  Map<String, Integer> split(String name, String type, int questions) {
    Map<String, Integer> split = new HashMap<>();
    for (int i = 0; i < questions; i++) {
      String answer =
          azure.dns().ask(name, type).stream()
              .map(Record::rdataToString)
              .collect(Collectors.joining(" "));
      split.merge(answer, 1, Integer::sum);
    }
    return split;
  }

  /** What a failed call tells a person. */
  static Failures.Help helpFrom(ThrowingCallable call) {
    ApplicationFailure failure = Assertions.catchThrowableOfType(ApplicationFailure.class, call);
    assertThat(failure).as("no failure").isNotNull();
    assertThat(failure.getType()).as(failure.getMessage()).isEqualTo("NeedsHelp");
    return failure.getDetails().get(Failures.Help.class);
  }

  /** Every call that was made has rows in the table of faults. */
  @Override
  public void close() {
    try (azure) {
      FaultTable.requireRows(azure.arm().called(), "azure", "azure-records", "azure-races");
    }
  }
}
