package dev.whimbrel.dns.azure;

import static dev.whimbrel.FaultTable.failure;
import static dev.whimbrel.dns.azure.AzureFixture.SHOP;
import static dev.whimbrel.dns.azure.AzureFixture.lower;
import static dev.whimbrel.dns.azure.AzureFixture.restore;
import static dev.whimbrel.dns.azure.AzureFixture.share;
import static org.assertj.core.api.Assertions.assertThat;

import dev.whimbrel.FaultTable;
import dev.whimbrel.activity.ChangePlan;
import dev.whimbrel.activity.DnsMove;
import dev.whimbrel.activity.DnsSnapshot;
import dev.whimbrel.activity.Failures;
import dev.whimbrel.activity.Finding;
import dev.whimbrel.activity.NamesRequest;
import dev.whimbrel.runbook.DnsSpec;
import dev.whimbrel.servers.ArmCall;
import dev.whimbrel.servers.ArmFault;
import dev.whimbrel.servers.AzureService;
import io.temporal.failure.ApplicationFailure;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.MethodOrderer;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestMethodOrder;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Every fault at every call that the provider makes, in the middle of a step: nothing is done
 * twice, nothing is lost, and the message says what to do. Makes its part of
 * docs/provider-faults.md.
 */
@TestMethodOrder(MethodOrderer.OrderAnnotation.class)
class AzureFaultsTest {
  private static final String ZONE = "Microsoft.Network/dnsZones";
  private static final int EVERY_TIME = 1000;
  private static final String PROFILE = "Microsoft.Network/trafficManagerProfiles";
  private static FaultTable table = new FaultTable("azure", "Azure DNS and Traffic Manager");

  private final AzureFixture zone = new AzureFixture();
  private final DnsMove move = zone.move();
  private final String asFound = zone.azure.recordSets("shop");

  @BeforeAll
  static void newTable() {
    table =
        new FaultTable("azure", "Azure DNS and Traffic Manager")
            .hiding(AzureService.SUBSCRIPTION, "11111111-2222-3333-4444-555555555555")
            .hiding("00000000-0000-0000-0000-0000000000c", "0a1b2c3d-0000-0000-0000-00000000000")
            .hiding("localhost:\\d+", "management.azure.com")
            .hiding("127\\.0\\.0\\.1:\\d+", "ns1-01.azure-dns.com:53");
  }

  @AfterAll
  static void check() {
    table.check();
  }

  @AfterEach
  void noBystanderWasTouched() {
    try (zone) {
      zone.requireBystandersUntouched();
    }
  }

  private static Map<String, ArmFault> faults() {
    Map<String, ArmFault> all = new LinkedHashMap<>();
    all.put("429, try again after 7 s", ArmFault.throttled(7));
    all.put("409, another operation is under way", ArmFault.conflict());
    all.put("500", ArmFault.broken());
    all.put("503", ArmFault.unavailable());
    all.put("no right to it", ArmFault.denied());
    all.put("the token has expired", ArmFault.unauthorized());
    all.put("connection lost before it was done", ArmFault.lostBefore());
    all.put("answer lost after it was done", ArmFault.lostAfter());
    return all;
  }

  static Stream<Arguments> at(String... operations) {
    return Stream.of(operations)
        .flatMap(
            operation ->
                faults().entrySet().stream()
                    .filter(fault -> !operation.startsWith("GET") || !isAfter(fault.getValue()))
                    .map(fault -> Arguments.of(operation, fault.getKey(), fault.getValue())));
  }

  private static boolean isAfter(ArmFault fault) {
    return fault.kind() == ArmFault.Kind.LOST_AFTER;
  }

  static Stream<Arguments> shifts() {
    return at(
        "GET " + ZONE + "/TXT",
        "GET " + ZONE + "/A",
        "GET " + PROFILE,
        "PUT " + ZONE + "/TXT",
        "PUT " + PROFILE,
        "PUT " + ZONE + "/A",
        "PUT " + ZONE + "/AAAA");
  }

  @Order(1)
  @ParameterizedTest(name = "{0}: {1}")
  @MethodSource("shifts")
  void aShiftMeetsAFault(String operation, String words, ArmFault fault) {
    DnsSnapshot found = zone.dns.findRecords(move);
    zone.dns.setTtl(lower(move, found));
    zone.azure.arm().clearJournal();
    plant(zone, operation, fault);

    Optional<ApplicationFailure> failure = failure(() -> zone.dns.shift(share(move, found, 25)));

    zone.azure.arm().clearFaults();
    requireResolves();
    failure.ifPresent(AzureFaultsTest::requireUseful);
    assertThat(failure.isPresent()).as(words).isEqualTo(!isLost(fault) || stops(operation, fault));
    row(operation, words, happened(failure), failure);
    goOnAndBack(found);
  }

  static Stream<Arguments> releases() {
    return at("DELETE " + PROFILE, "DELETE " + ZONE + "/TXT");
  }

  @Order(2)
  @ParameterizedTest(name = "{0}: {1}")
  @MethodSource("releases")
  void theLastStepMeetsAFault(String operation, String words, ArmFault fault) {
    DnsSnapshot found = zone.dns.findRecords(move);
    zone.dns.setTtl(lower(move, found));
    zone.dns.shift(share(move, found, 25));
    zone.dns.shift(share(move, found, 0));
    plant(zone, operation, fault);

    Optional<ApplicationFailure> failure = failure(() -> zone.dns.setTtl(restore(move, found)));

    zone.azure.arm().clearFaults();
    requireResolves();
    failure.ifPresent(AzureFaultsTest::requireUseful);
    assertThat(failure.isPresent()).as(words).isEqualTo(!isLost(fault) || stops(operation, fault));
    row(operation, words, happened(failure), failure);
    goOnAndBack(found);
  }

  static Stream<Arguments> plans() {
    return at("GET " + ZONE);
  }

  @Order(3)
  @ParameterizedTest(name = "{0}: {1}")
  @MethodSource("plans")
  void aLookAtTheZoneMeetsAFault(String operation, String words, ArmFault fault) {
    DnsSpec.Azure spec =
        new DnsSpec.Azure(
            AzureService.SUBSCRIPTION, AzureService.GROUP, AzureFixture.ZONE, List.of(), null);
    DnsMove ofTheZone =
        new DnsMove(
            "shop", AzureFixture.dnsSpec(spec, 60, SHOP), AzureFixture.SOURCE, AzureFixture.TARGET);
    plant(zone, operation, fault);

    Optional<ApplicationFailure> failure = failure(() -> zone.dns.findRecords(ofTheZone));

    assertThat(failure).isPresent();
    requireUseful(failure.get());
    row(operation, words, happened(failure), failure);
    assertThat(zone.azure.recordSets("shop")).isEqualTo(asFound);
  }

  @Test
  @Order(4)
  void aPlanMeetsAFaultAndSaysSo() {
    zone.azure.arm().fault("GET " + PROFILE, ArmFault.denied());

    ChangePlan plan = zone.dns.planNames(new NamesRequest(move, List.of(25)));

    List<Finding> blockers =
        plan.findings().stream().filter(f -> f.level() == Finding.Level.BLOCKER).toList();
    assertThat(blockers)
        .singleElement()
        .satisfies(f -> assertThat(f.message()).contains("403 AuthorizationFailed"));
    table.row(
        "GET " + PROFILE,
        "no right to it, at plan",
        "The plan says that it could not look; plan again.",
        blockers.get(0).line());
  }

  @Test
  @Order(5)
  void somebodyElseChangesARecordMeanwhile() {
    DnsSnapshot found = zone.dns.findRecords(move);
    zone.dns.setTtl(lower(move, found));
    zone.azure
        .arm()
        .fault(
            "PUT " + ZONE + "/A",
            ArmFault.before(() -> zone.azure.record("shop", "A", 300, "192.0.2.99")));

    Optional<ApplicationFailure> failure = failure(() -> zone.dns.shift(share(move, found, 25)));

    assertThat(zone.azure.recordSets("shop")).contains("192.0.2.99");
    assertThat(failure).isPresent();
    requireUseful(failure.get());
    assertThat(failure.get().getOriginalMessage()).contains("was changed by somebody else");
    row(
        "PUT " + ZONE + "/A",
        "somebody else changes the record between look and change",
        "Parked; their change stays.",
        failure);
    zone.azure.record("shop", "A", 60, Map.of("team", "shop"), "203.0.113.10", "203.0.113.9");
    goOnAndBack(found);
  }

  @Test
  @Order(6)
  void aWorkerIsKilledBeforeItsChange() throws Exception {
    DnsSnapshot found = zone.dns.findRecords(move);
    zone.dns.setTtl(lower(move, found));
    CountDownLatch arrived = new CountDownLatch(1);
    CountDownLatch goOn = new CountDownLatch(1);
    zone.azure.arm().fault("PUT " + ZONE + "/A", ArmFault.before(() -> await(arrived, goOn)));
    CompletableFuture<Optional<ApplicationFailure>> killed =
        CompletableFuture.supplyAsync(() -> failure(() -> zone.dns.shift(share(move, found, 25))));
    assertThat(arrived.await(20, TimeUnit.SECONDS)).isTrue();

    zone.dns.shift(share(move, found, 25));
    int calls = zone.azure.arm().journal().size();
    goOn.countDown();
    killed.join();

    ArmCall late = zone.azure.arm().journal().get(calls);
    assertThat(late.operation()).isEqualTo("PUT microsoft.network/dnszones/a");
    assertThat(late.status()).isEqualTo(412);
    table.row(
        "PUT " + ZONE + "/A",
        "the worker is killed before the change; its call arrives when another has made it",
        "The next attempt makes the change; the late call is refused, since the record set has another etag.",
        "");
    goOnAndBack(found);
  }

  @Test
  @Order(7)
  void aWorkerIsKilledBetweenTwoRecordSets() {
    DnsSnapshot found = zone.dns.findRecords(move);
    zone.dns.setTtl(lower(move, found));
    // Everything after A is never done, as if the process had ended there.
    zone.azure.arm().fault("PUT " + ZONE + "/AAAA", ArmFault.lostBefore());
    zone.azure.arm().fault("GET " + ZONE + "/AAAA", 1, EVERY_TIME, ArmFault.lostBefore());
    Optional<ApplicationFailure> failure = failure(() -> zone.dns.shift(share(move, found, 25)));
    zone.azure.arm().clearFaults();
    boolean half =
        zone.azure.recordSets("shop").contains("whimbrel-shop-1-a\"")
            && !zone.azure.recordSets("shop").contains("whimbrel-shop-1-aaaa\"");
    requireResolves();

    zone.dns.shift(share(move, found, 25));

    assertThat(failure).isPresent();
    assertThat(half).isTrue();
    assertThat(zone.azure.recordSets("shop"))
        .contains("whimbrel-shop-1-a\"", "whimbrel-shop-1-aaaa\"");
    table.row(
        "PUT " + ZONE + "/AAAA",
        "the worker is killed between A and AAAA",
        "The name resolves all the time; the next attempt knows the half as its own and completes it.",
        "");
    goOnAndBack(found);
  }

  /** A look that gets no answer is repeated by the JDK's client itself: so it never gets one. */
  static void plant(AzureFixture zone, String operation, ArmFault fault) {
    boolean lostLook = operation.startsWith("GET") && isLost(fault);
    zone.azure.arm().fault(operation, 0, lostLook ? EVERY_TIME : 1, fault);
  }

  /** Each family answers with the source's or the target's, at this moment. */
  private void requireResolves() {
    assertThat(zone.azure.dns().ask(SHOP, "A"))
        .isNotEmpty()
        .allMatch(
            r ->
                List.of("203.0.113.10", "203.0.113.9", "198.51.100.20")
                    .contains(r.rdataToString()));
    assertThat(zone.azure.dns().ask(SHOP, "AAAA"))
        .isNotEmpty()
        .allMatch(r -> r.rdataToString().startsWith("2001:db8:"));
  }

  /** The step comes again without the fault; then the way back is taken. */
  private void goOnAndBack(DnsSnapshot found) {
    zone.dns.shift(share(move, found, 25));
    assertThat(zone.profiles()).containsExactly("whimbrel-shop-1-a", "whimbrel-shop-1-aaaa");
    assertThat(zone.azure.recordSets("shop"))
        .contains("whimbrel-shop-1-a\"", "whimbrel-shop-1-aaaa\"");
    zone.dns.shift(share(move, found, 0));
    zone.dns.setTtl(restore(move, found));
    assertThat(zone.azure.recordSets("shop")).isEqualTo(asFound);
    assertThat(zone.azure.recordSets("_whimbrel.shop")).isEmpty();
    assertThat(zone.profiles()).isEmpty();
  }

  private static boolean isLost(ArmFault fault) {
    return isAfter(fault) || fault.kind() == ArmFault.Kind.LOST_BEFORE;
  }

  /** A lost look, and a lost call to Traffic Manager that was not done, end the attempt. */
  private static boolean stops(String operation, ArmFault fault) {
    return operation.startsWith("GET") || (operation.endsWith(PROFILE) && !isAfter(fault));
  }

  private static void await(CountDownLatch arrived, CountDownLatch goOn) {
    arrived.countDown();
    try {
      assertThat(goOn.await(30, TimeUnit.SECONDS)).isTrue();
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }

  /** It is one of the kinds that may leave an activity, and one that parks says what to do. */
  private static void requireUseful(ApplicationFailure failure) {
    assertThat(failure.getType())
        .as(failure.getMessage())
        .isIn(Failures.TRANSIENT, Failures.NEEDS_HELP);
    if (failure.getType().equals(Failures.NEEDS_HELP)) {
      Failures.Help help = failure.getDetails().get(Failures.Help.class);
      assertThat(help.remedy()).isNotBlank();
      assertThat(help.command()).startsWith("az ");
    }
    if (failure.getOriginalMessage().contains("TooManyRequests")) {
      assertThat(failure.getNextRetryDelay()).hasSeconds(7);
    }
  }

  private static void row(
      String operation, String words, String happened, Optional<ApplicationFailure> failure) {
    table.row(operation, words, happened, failure.map(AzureFaultsTest::printed).orElse(""));
  }

  private static String printed(ApplicationFailure failure) {
    if (failure.getType().equals(Failures.TRANSIENT)) {
      return failure.getOriginalMessage();
    }
    Failures.Help help = failure.getDetails().get(Failures.Help.class);
    return Stream.of(help.cause(), help.remedy(), help.command())
        .filter(each -> each != null)
        .collect(Collectors.joining(". "));
  }

  private static String happened(Optional<ApplicationFailure> failure) {
    if (failure.isEmpty()) {
      return "Looked up, and done once.";
    }
    return failure.get().getType().equals(Failures.TRANSIENT)
        ? failure.get().getNextRetryDelay() == null
            ? "The step comes again by itself and completes what is missing."
            : "The step comes again after the time that Azure asked for."
        : "Parked; retry completes what is missing.";
  }
}
