package dev.whimbrel.servers;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import com.azure.core.credential.AccessToken;
import com.azure.core.http.HttpHeaderName;
import com.azure.core.http.policy.FixedDelayOptions;
import com.azure.core.http.policy.RetryOptions;
import com.azure.core.management.AzureEnvironment;
import com.azure.core.management.SubResource;
import com.azure.core.management.exception.ManagementException;
import com.azure.core.management.profile.AzureProfile;
import com.azure.core.util.Context;
import com.azure.resourcemanager.dns.DnsZoneManager;
import com.azure.resourcemanager.dns.fluent.DnsManagementClient;
import com.azure.resourcemanager.dns.fluent.models.RecordSetInner;
import com.azure.resourcemanager.dns.models.ARecord;
import com.azure.resourcemanager.dns.models.CnameRecord;
import com.azure.resourcemanager.dns.models.RecordType;
import com.azure.resourcemanager.trafficmanager.TrafficManager;
import com.azure.resourcemanager.trafficmanager.fluent.ProfilesClient;
import com.azure.resourcemanager.trafficmanager.fluent.models.EndpointInner;
import com.azure.resourcemanager.trafficmanager.fluent.models.ProfileInner;
import com.azure.resourcemanager.trafficmanager.models.DnsConfig;
import com.azure.resourcemanager.trafficmanager.models.EndpointMonitorStatus;
import com.azure.resourcemanager.trafficmanager.models.EndpointStatus;
import com.azure.resourcemanager.trafficmanager.models.MonitorConfig;
import com.azure.resourcemanager.trafficmanager.models.MonitorProtocol;
import com.azure.resourcemanager.trafficmanager.models.TrafficRoutingMethod;
import java.nio.file.Path;
import java.time.Duration;
import java.time.OffsetDateTime;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.xbill.DNS.DClass;
import org.xbill.DNS.Flags;
import org.xbill.DNS.Message;
import org.xbill.DNS.Name;
import org.xbill.DNS.Rcode;
import org.xbill.DNS.Record;
import org.xbill.DNS.Section;
import org.xbill.DNS.SimpleResolver;
import org.xbill.DNS.Type;
import reactor.core.publisher.Mono;

class AzureServiceTest {
  private static final String ZONE = "example.test";
  private static final String GROUP = AzureService.GROUP;
  private static final String PUT_A = "PUT Microsoft.Network/dnsZones/A";

  private final AzureService azure = AzureService.start(ZONE);
  private final DnsManagementClient dns = dns(azure.identity().token());

  @BeforeAll
  static void trustTheCertificate() {
    LocalCertificate.make().trustHere();
  }

  @AfterEach
  void close() {
    azure.close();
  }

  @Test
  void keepsRecordSetsAndChangesThemOnlyUnderTheirEtag() {
    RecordSetInner made = put("shop", a(60, "192.0.2.1", "192.0.2.2"), null, "*");
    RecordSetInner changed = put("shop", a(30, "198.51.100.1"), made.etag(), null);

    assertThat(made.id()).contains("/dnszones/example.test/A/shop");
    assertThat(made.fqdn()).isEqualTo("shop.example.test.");
    assertThat(changed.etag()).matches("[0-9a-f-]{36}").isNotEqualTo(made.etag());
    assertThat(changed.aRecords()).extracting(ARecord::ipv4Address).containsExactly("198.51.100.1");
    assertRefused(
        () -> put("shop", a(1, "192.0.2.9"), made.etag(), null), 412, "PreconditionFailed");
    assertThatThrownBy(() -> put("shop", a(1, "192.0.2.9"), null, "*"))
        .hasMessageContaining("The Record set shop has been modified (etag mismatch).");
    assertThat(delete("shop", changed.etag())).isEqualTo(200);
    assertThat(delete("shop", null)).isEqualTo(204);
    assertThat(azure.arm().journal())
        .extracting(ArmCall::status)
        .containsExactly(201, 200, 412, 412, 200, 204);
  }

  @Test
  void refusesWhatAzureRefuses() {
    azure.record("shop", "A", 60, "192.0.2.1");
    azure.record("alias", "CNAME", 60, "lb.example.net");
    RecordSetInner name = new RecordSetInner().withTtl(60L);
    name.withCnameRecord(new CnameRecord().withCname("lb.example.net"));

    assertRefused(() -> put("other", a(60, "192.0.2.300"), null, null), 400, "BadRequest");
    assertRefused(() -> put("other", a(0, "192.0.2.3"), null, null), 400, "BadRequest");
    assertRefused(() -> put("alias", a(60, "192.0.2.3"), null, null), 409, "Conflict");
    assertRefused(
        () -> dns.getRecordSets().createOrUpdate(GROUP, ZONE, "shop", RecordType.CNAME, name),
        409,
        "Conflict");
    assertRefused(
        () -> dns.getRecordSets().delete(GROUP, ZONE, "@", RecordType.SOA), 400, "BadRequest");
    assertRefused(
        () -> dns.getRecordSets().get("no-such-group", ZONE, "shop", RecordType.A),
        404,
        "ResourceGroupNotFound");
    assertRefused(
        () -> dns("stolen").getRecordSets().get(GROUP, ZONE, "shop", RecordType.A),
        401,
        "AuthenticationFailed");
    assertRefused(
        () -> profile("p", Map.of("one", endpoint("192.0.2.1", 1001))), 400, "BadRequest");
  }

  @Test
  void answersForTheZoneWithAuthorityOverUdpAndTcp() throws Exception {
    azure.record("shop", "A", 60, "192.0.2.1");
    azure.record("shop", "AAAA", 60, "2001:0db8:0:0:0:0:0:0001");
    azure.record("www", "CNAME", 30, "shop.example.test");
    azure.record(
        "long",
        "TXT",
        60,
        Stream.of("1", "2", "3", "4", "5", "6").map(x -> x.repeat(250)).toArray(String[]::new));

    assertThat(ask("www", Type.A, false).getHeader().getFlag(Flags.AA)).isTrue();
    assertThat(texts(ask("www", Type.AAAA, false)))
        .containsExactly("shop.example.test.", "2001:db8:0:0:0:0:0:1");
    assertThat(azure.recordSets("shop")).contains("\"ipv6Address\" : \"2001:db8::1\"");
    assertThat(ask("long", Type.TXT, false).getHeader().getFlag(Flags.TC)).isTrue();
    assertThat(texts(ask("long", Type.TXT, true))).hasSize(6);
    assertThat(Rcode.string(ask("none", Type.A, false).getRcode())).isEqualTo("NXDOMAIN");
    Message nothing = ask("shop", Type.TXT, false);
    assertThat(Rcode.string(nothing.getRcode())).isEqualTo("NOERROR");
    assertThat(nothing.getSection(Section.AUTHORITY))
        .extracting(Record::getType)
        .containsExactly(Type.SOA);
    assertThat(azure.dns().ask(ZONE, "NS")).hasSize(4);
    assertThat(azure.dns().ask("example.org", "A")).isEmpty();
  }

  @Test
  void answersAnAliasByTheWeightsOfItsProfileAndLeavesOutWhatIsDown() {
    ProfileInner profile =
        profile(
            "whimbrel-shop",
            Map.of("old", endpoint("192.0.2.1", 750), "new", endpoint("198.51.100.1", 250)));
    RecordSetInner alias = new RecordSetInner().withTtl(60L);
    alias.withTargetResource(new SubResource().withId(profile.id()));
    put("shop", alias, null, null);

    Map<String, Integer> split = split("shop.example.test", 2000);
    azure.traffic().monitor("192.0.2.1", "Degraded");
    Map<String, Integer> afterwards = split("shop.example.test", 100);

    assertThat(split.get("192.0.2.1 TTL 10")).isCloseTo(1500, within(90));
    assertThat(split.get("198.51.100.1 TTL 10")).isCloseTo(500, within(90));
    assertThat(afterwards).containsOnlyKeys("198.51.100.1 TTL 10");
    assertThat(profiles().getByResourceGroup(GROUP, "whimbrel-shop").endpoints())
        .extracting(EndpointInner::endpointMonitorStatus)
        .containsExactlyInAnyOrder(EndpointMonitorStatus.ONLINE, EndpointMonitorStatus.DEGRADED);
    assertRefused(
        () -> dns.getRecordSets().createOrUpdate(GROUP, ZONE, "shop", RecordType.AAAA, alias),
        400,
        "BadRequest");
  }

  @Test
  void followsACnameIntoTrafficManagerAndSkipsDisabledEndpoints() {
    profile(
        "whimbrel-www",
        Map.of(
            "old",
            endpoint("lb.old.example.net", 1).withEndpointStatus(EndpointStatus.DISABLED),
            "new",
            endpoint("lb.new.example.net", 1000)));
    azure.record("www", "CNAME", 60, "whimbrel-www.trafficmanager.net");

    List<Record> answers = azure.dns().ask("www.example.test", "CNAME");
    List<Record> followed = azure.dns().ask("www.example.test", "A");

    assertThat(answers)
        .extracting(Record::rdataToString)
        .containsExactly("whimbrel-www.trafficmanager.net.");
    assertThat(followed)
        .extracting(Record::rdataToString)
        .containsExactly("whimbrel-www.trafficmanager.net.", "lb.new.example.net.");
  }

  @Test
  void emptiesAnAliasWhoseProfileIsDeleted() {
    ProfileInner profile = profile("gone", Map.of("one", endpoint("192.0.2.1", 1)));
    RecordSetInner alias = new RecordSetInner().withTtl(60L);
    alias.withTargetResource(new SubResource().withId(profile.id()));
    put("shop", alias, null, null);

    profiles().delete(GROUP, "gone");

    assertThat(azure.dns().ask("shop.example.test", "A")).isEmpty();
    assertThat(azure.recordSets("shop")).doesNotContain("gone");
    assertThat(azure.traffic().all()).isEmpty();
  }

  @Test
  void listsInPagesWithANextLink() {
    IntStream.range(0, 7).forEach(i -> azure.record("host" + i, "A", 60, "192.0.2." + i));

    List<String> names = new ArrayList<>();
    dns.getRecordSets()
        .listByDnsZone(GROUP, ZONE, 3, null, Context.NONE)
        .forEach(each -> names.add(each.name()));

    assertThat(names).hasSize(9).contains("host0", "host6", "@");
    assertThat(azure.arm().journal()).hasSize(3);
  }

  @Test
  void aLongOperationIsAwaitedAndAFailedOneSurfacesWithStatus200() {
    azure.arm().operations().pace(Duration.ofMillis(300), 1);
    String delete = "DELETE Microsoft.Network/dnsZones";
    azure.arm().fault(delete, ArmFault.operationFails("InternalError", "The zone is kept."));

    assertThatThrownBy(() -> dns.getZones().delete(GROUP, ZONE))
        .isInstanceOfSatisfying(
            ManagementException.class,
            e -> {
              assertThat(e.getResponse().getStatusCode()).isEqualTo(200);
              assertThat(e.getValue().getCode()).isEqualTo("InternalError");
            });
    assertThat(dns.getZones().getByResourceGroup(GROUP, ZONE).name()).isEqualTo(ZONE);
    dns.getZones().delete(GROUP, ZONE);
    assertRefused(() -> dns.getZones().getByResourceGroup(GROUP, ZONE), 404, "ResourceNotFound");
  }

  @Test
  void plantedFaultsComeOnceAndSayWhatAzureSays() {
    azure.arm().fault(PUT_A, ArmFault.throttled(7));
    azure.arm().fault(PUT_A, ArmFault.denied());
    azure.arm().fault(PUT_A, ArmFault.unavailable());
    azure.arm().fault(PUT_A, ArmFault.lostBefore());
    azure.arm().fault(PUT_A, ArmFault.lostAfter());

    assertThatThrownBy(() -> put("shop", a(60, "192.0.2.1"), null, null))
        .isInstanceOfSatisfying(
            ManagementException.class,
            e -> {
              assertThat(e.getResponse().getStatusCode()).isEqualTo(429);
              assertThat(e.getResponse().getHeaders().getValue(HttpHeaderName.RETRY_AFTER))
                  .isEqualTo("7");
            });
    assertThatThrownBy(() -> put("shop", a(60, "192.0.2.1"), null, null))
        .hasMessageContaining("AuthorizationFailed")
        .hasMessageContaining("microsoft.network/dnszones/a/write");
    assertRefused(() -> put("shop", a(60, "192.0.2.1"), null, null), 503, "ServiceUnavailable");
    assertThatThrownBy(() -> put("shop", a(60, "192.0.2.1"), null, null))
        .isNotInstanceOf(ManagementException.class);
    assertThat(azure.recordSets("shop")).isEmpty();
    assertThatThrownBy(() -> put("shop", a(60, "192.0.2.1"), null, null))
        .isNotInstanceOf(ManagementException.class);
    assertThat(azure.recordSets("shop")).contains("192.0.2.1");
  }

  @Test
  void anotherProgramGetsInByItsEnvironmentAlone(@TempDir Path directory) {
    azure.record("shop", "A", 60, "192.0.2.1");
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(AzureService.jvmOptions());
    command.addAll(
        List.of(
            "-cp",
            System.getProperty("java.class.path"),
            ReadsWithDefaultCredential.class.getName(),
            azure.arm().address(),
            ZONE));

    ChildProcess child =
        ChildProcess.start(
            "reader", command, azure.environment(), directory, directory.resolve("log"));
    child.awaitExit(Duration.ofSeconds(60));

    assertThat(child.logTail(50)).contains("shop.example.test. 192.0.2.1");
    assertThat(azure.identity().handedOut()).isEqualTo(1);
  }

  private ProfileInner profile(String name, Map<String, EndpointInner> endpoints) {
    endpoints.forEach(
        (endpoint, inner) ->
            inner
                .withName(endpoint)
                .withType("Microsoft.Network/trafficManagerProfiles/externalEndpoints"));
    ProfileInner profile =
        new ProfileInner().withTrafficRoutingMethod(TrafficRoutingMethod.WEIGHTED);
    profile.withLocation("global").withTags(Map.of("team", "shop"));
    profile
        .withDnsConfig(new DnsConfig().withRelativeName(name).withTtl(10L))
        .withMonitorConfig(new MonitorConfig().withProtocol(MonitorProtocol.TCP).withPort(443L))
        .withEndpoints(List.copyOf(endpoints.values()));
    return profiles().createOrUpdate(GROUP, name, profile);
  }

  private static EndpointInner endpoint(String target, long weight) {
    return new EndpointInner().withTarget(target).withWeight(weight);
  }

  private Map<String, Integer> split(String name, int questions) {
    Map<String, Integer> split = new HashMap<>();
    for (int i = 0; i < questions; i++) {
      for (Record record : azure.dns().ask(name, "A")) {
        split.merge(record.rdataToString() + " TTL " + record.getTTL(), 1, Integer::sum);
      }
    }
    return split;
  }

  private Message ask(String name, int type, boolean tcp) throws Exception {
    SimpleResolver resolver = new SimpleResolver(Relay.localhost());
    resolver.setPort(azure.dns().port());
    resolver.setTCP(tcp);
    resolver.setIgnoreTruncation(true);
    Name absolute = Name.fromString(name + "." + ZONE + ".");
    return resolver.send(Message.newQuery(Record.newRecord(absolute, type, DClass.IN)));
  }

  private static List<String> texts(Message answer) {
    return answer.getSection(Section.ANSWER).stream().map(Record::rdataToString).toList();
  }

  private RecordSetInner put(
      String name, RecordSetInner set, @Nullable String ifMatch, @Nullable String ifNoneMatch) {
    return dns.getRecordSets()
        .createOrUpdateWithResponse(
            GROUP, ZONE, name, RecordType.A, set, ifMatch, ifNoneMatch, Context.NONE)
        .getValue();
  }

  private int delete(String name, @Nullable String ifMatch) {
    return dns.getRecordSets()
        .deleteWithResponse(GROUP, ZONE, name, RecordType.A, ifMatch, Context.NONE)
        .getStatusCode();
  }

  private static RecordSetInner a(long ttl, String... addresses) {
    return new RecordSetInner()
        .withTtl(ttl)
        .withARecords(
            List.of(addresses).stream().map(x -> new ARecord().withIpv4Address(x)).toList());
  }

  private static void assertRefused(Runnable call, int status, String code) {
    assertThatThrownBy(call::run)
        .isInstanceOfSatisfying(
            ManagementException.class,
            e -> {
              assertThat(e.getResponse().getStatusCode()).isEqualTo(status);
              assertThat(e.getValue().getCode()).isEqualTo(code);
            });
  }

  private ProfilesClient profiles() {
    return TrafficManager.configure()
        .withRetryOptions(new RetryOptions(new FixedDelayOptions(0, Duration.ofMillis(1))))
        .authenticate(
            request ->
                Mono.just(
                    new AccessToken(
                        azure.identity().token(), OffsetDateTime.now(ZoneOffset.UTC).plusDays(1))),
            azureProfile(azure.arm().address()))
        .serviceClient()
        .getProfiles();
  }

  private DnsManagementClient dns(String token) {
    return DnsZoneManager.configure()
        .withRetryOptions(new RetryOptions(new FixedDelayOptions(0, Duration.ofMillis(1))))
        .authenticate(
            request ->
                Mono.just(new AccessToken(token, OffsetDateTime.now(ZoneOffset.UTC).plusDays(1))),
            azureProfile(azure.arm().address()))
        .serviceClient();
  }

  static AzureProfile azureProfile(String address) {
    Map<String, String> endpoints = new HashMap<>(AzureEnvironment.AZURE.getEndpoints());
    endpoints.put("resourceManagerEndpointUrl", address);
    endpoints.put("managementEndpointUrl", address);
    return new AzureProfile(null, AzureService.SUBSCRIPTION, new AzureEnvironment(endpoints));
  }
}
