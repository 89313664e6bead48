package dev.whimbrel.dns.azure;

import static dev.whimbrel.dns.azure.AzureFixture.SHOP;
import static dev.whimbrel.dns.azure.AzureFixture.SOURCE;
import static dev.whimbrel.dns.azure.AzureFixture.lower;
import static dev.whimbrel.dns.azure.AzureFixture.restore;
import static dev.whimbrel.dns.azure.AzureFixture.share;
import static org.assertj.core.api.Assertions.assertThat;

import dev.whimbrel.FaultTable;
import dev.whimbrel.activity.DnsMove;
import dev.whimbrel.activity.DnsSnapshot;
import dev.whimbrel.activity.Failures;
import dev.whimbrel.activity.ShiftRequest;
import dev.whimbrel.activity.Side;
import dev.whimbrel.servers.ArmFault;
import dev.whimbrel.servers.AzureService;
import io.temporal.failure.ApplicationFailure;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Faults at the calls about records that not every name has: host names, and an address family that
 * only one side has, so that its records go and come back.
 */
class AzureRecordFaultsTest {
  private static final String ZONE = "Microsoft.Network/dnsZones";
  private static final Duration PATIENCE = Duration.ofSeconds(20);

  private static FaultTable table = new FaultTable("azure-records", "Azure DNS");

  private final AzureFixture zone = new AzureFixture();

  @BeforeAll
  static void newTable() {
    table =
        new FaultTable("azure-records", "Azure DNS: host names, and records of one side only")
            .hiding(AzureService.SUBSCRIPTION, "11111111-2222-3333-4444-555555555555")
            .hiding("00000000-0000-0000-0000-0000000000c", "0a1b2c3d-0000-0000-0000-00000000000");
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

  static Stream<Arguments> cases() {
    return AzureFaultsTest.at(
        "GET " + ZONE + "/AAAA",
        "GET " + ZONE + "/CNAME",
        "PUT " + ZONE + "/CNAME",
        "DELETE " + ZONE + "/A",
        "DELETE " + ZONE + "/AAAA");
  }

  @ParameterizedTest(name = "{0}: {1}")
  @MethodSource("cases")
  void aShiftMeetsAFault(String operation, String words, ArmFault fault) {
    DnsMove move = move(operation);
    String name = move.dns().names().get(0).replace(".example.test", "");
    String asFound = zone.azure.recordSets(name);
    DnsSnapshot found = zone.dns.findRecords(move);
    ShiftRequest request = request(operation, move, found);
    zone.dns.setTtl(lower(move, found));
    AzureFaultsTest.plant(zone, operation, fault);

    Optional<ApplicationFailure> failure = FaultTable.failure(() -> zone.dns.shift(request));
    zone.azure.arm().clearFaults();
    zone.dns.shift(request);
    String shifted = zone.azure.recordSets(name);
    zone.dns.shift(new ShiftRequest(move, found, Side.SOURCE));
    awaitSuccess(() -> zone.dns.setTtl(restore(move, found)));

    table.row(operation, words, failure);
    assertThat(shifted).isNotEqualTo(asFound);
    assertThat(zone.azure.recordSets(name)).isEqualTo(asFound);
    assertThat(zone.azure.recordSets("_whimbrel." + name)).isEmpty();
    assertThat(zone.profiles()).isEmpty();
  }

  private DnsMove move(String operation) {
    return switch (operation.substring(0, 3) + operation.substring(operation.lastIndexOf('/'))) {
      case "PUT/CNAME" -> zone.aliases(1);
      case "DEL/A" -> to("2001:db8:2::20");
      case "DEL/AAAA" -> to("198.51.100.20");
      default -> zone.move();
    };
  }

  private DnsMove to(String address) {
    return new DnsMove(
        "shop",
        AzureFixture.dnsSpec(zone.spec(AzureFixture.BY_WEIGHT), 60, SHOP),
        SOURCE,
        List.of(address));
  }

  private static ShiftRequest request(String operation, DnsMove move, DnsSnapshot found) {
    return operation.startsWith("DELETE")
        ? new ShiftRequest(move, found, Side.TARGET)
        : share(move, found, 25);
  }

  /** A profile stays until resolvers have forgotten it; the step says when it comes again. */
  private static void awaitSuccess(Runnable step) {
    long deadline = System.nanoTime() + PATIENCE.toNanos();
    Optional<ApplicationFailure> failure = FaultTable.failure(step);
    while (failure.isPresent() && System.nanoTime() < deadline) {
      assertThat(failure.get().getType()).isEqualTo(Failures.TRANSIENT);
      failure = FaultTable.failure(step);
    }
    assertThat(failure).isEmpty();
  }
}
