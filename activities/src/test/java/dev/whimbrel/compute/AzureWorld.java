package dev.whimbrel.compute;

import static org.assertj.core.api.Assertions.assertThat;

import com.azure.core.credential.AccessToken;
import com.azure.core.management.AzureEnvironment;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.whimbrel.FaultTable;
import dev.whimbrel.activity.Failures;
import dev.whimbrel.azure.AzureAccount;
import dev.whimbrel.compute.azure.AzureClients;
import dev.whimbrel.compute.ec2.AwsClients;
import dev.whimbrel.servers.ArmFault;
import dev.whimbrel.servers.ArmServer;
import dev.whimbrel.servers.AzureMachines;
import dev.whimbrel.servers.AzureService;
import dev.whimbrel.servers.LocalCertificate;
import io.temporal.failure.ApplicationFailure;
import java.time.Duration;
import java.time.OffsetDateTime;
import java.time.ZoneOffset;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.concurrent.CompletableFuture;
import java.util.stream.Stream;
import org.junit.jupiter.api.extension.AfterAllCallback;
import org.junit.jupiter.api.extension.AfterEachCallback;
import org.junit.jupiter.api.extension.ExtensionContext;
import reactor.core.publisher.Mono;

/**
 * Azure's stand-in with two resource groups: machines are made in one and retired in the other. In
 * each stands a machine of somebody else with its disk and its network interface, and a security
 * group; they must be the same after every test.
 */
final class AzureWorld implements AfterEachCallback, AfterAllCallback {
  static final String GROUP = "shop-rg";
  static final String OLD = "old-rg";
  static final String TARGET = "swedencentral";
  static final String SOURCE = "westeurope";
  static final String IMAGE = "Debian:debian-12:12-gen2:0.20251101.1";
  static final String SUBNET =
      AzureMachines.id(GROUP, "Microsoft.Network/virtualNetworks", "net") + "/subnets/apps";
  static final String NSG =
      AzureMachines.id(GROUP, "Microsoft.Network/networkSecurityGroups", "apps");

  /** Enough vCPUs for a machine of every test. */
  static final int QUOTA = 1000;

  static final Pace QUICK =
      new Pace(Duration.ofMillis(20), Duration.ofSeconds(5), Duration.ofMillis(100));

  private static final ObjectMapper JSON = new ObjectMapper();

  final AzureMachines machines = new AzureMachines();
  private final AzureService service;
  final RegistryCompute compute;
  private final Map<String, JsonNode> before;

  AzureWorld() {
    this(QUICK);
  }

  /** With another patience than {@link #QUICK}. */
  AzureWorld(Pace pace) {
    LocalCertificate.make().trustHere();
    service = AzureService.start("example.test", machines);
    arm().resourceGroup(AzureService.SUBSCRIPTION, GROUP);
    arm().resourceGroup(AzureService.SUBSCRIPTION, OLD);
    arm().operations().pace(Duration.ofMillis(30), 1);
    machines.copiesTake(Duration.ofMillis(60));
    machines.place(SUBNET, located(TARGET));
    machines.place(NSG, located(TARGET));
    machines.placeMachine(GROUP, TARGET, "bystander", Map.of("whimbrel-migration", "another"));
    machines.placeMachine(OLD, SOURCE, "bystander", Map.of("team", "billing"));
    machines.catalogue().quota(TARGET, "standardBSFamily", QUOTA);
    machines.catalogue().quota(TARGET, "cores", QUOTA);
    before = machines.all();
    compute = compute(pace);
  }

  ArmServer arm() {
    return service.arm();
  }

  /** What a worker's process needs in its environment to come here by the SDK's default chains. */
  Map<String, String> environment() {
    return service.environment();
  }

  RegistryCompute compute(Pace pace) {
    return new RegistryCompute(new AwsClients(), clients(), pace);
  }

  private AzureClients clients() {
    Map<String, String> endpoints = new HashMap<>(AzureEnvironment.AZURE.getEndpoints());
    endpoints.put("resourceManagerEndpointUrl", arm().address());
    endpoints.put("managementEndpointUrl", arm().address());
    AzureAccount account =
        new AzureAccount(
            request ->
                Mono.just(
                    new AccessToken(
                        service.identity().token(),
                        OffsetDateTime.now(ZoneOffset.UTC).plusDays(1))),
            new AzureEnvironment(endpoints));
    return new AzureClients(() -> account);
  }

  static ObjectNode located(String location) {
    ObjectNode resource = JSON.createObjectNode();
    resource.put("location", location).putObject("tags");
    return resource;
  }

  /** A machine on the source's side that a test may do with as it likes. */
  String oldMachine(String name) {
    return machines.placeMachine(OLD, SOURCE, name, Map.of());
  }

  static String old(String name) {
    return AzureMachines.id(OLD, "Microsoft.Compute/virtualMachines", name);
  }

  /** Gives the machine of that name on the source's side a public address, and returns its id. */
  String addressOf(String machine) {
    String address = AzureMachines.id(OLD, "Microsoft.Network/publicIPAddresses", machine);
    ObjectNode shown = located(SOURCE);
    shown.withObject("/properties").put("ipAddress", "203.0.113.10");
    machines.place(address, shown);
    String nic = AzureMachines.id(OLD, "Microsoft.Network/networkInterfaces", machine + "-nic");
    ObjectNode withAddress = (ObjectNode) machines.resource(nic).orElseThrow();
    withAddress
        .withObject("/properties")
        .putArray("ipConfigurations")
        .addObject()
        .put("name", "primary")
        .putObject("properties")
        .putObject("publicIPAddress")
        .put("id", address);
    machines.place(nic, withAddress);
    return address;
  }

  static String disk(String machine) {
    return AzureMachines.id(OLD, "Microsoft.Compute/disks", machine + "-disk");
  }

  static String id(String name) {
    return AzureMachines.id(GROUP, "Microsoft.Compute/virtualMachines", name);
  }

  /** What there is of a type whose name begins with this, in any group, by name. */
  Map<String, JsonNode> of(String type, String prefix) {
    Map<String, JsonNode> found = new TreeMap<>();
    machines
        .all()
        .forEach(
            (id, resource) -> {
              if (id.contains("/" + type + "/" + prefix)) {
                found.put(id.substring(id.lastIndexOf('/') + 1), resource);
              }
            });
    return found;
  }

  /** That there is one machine of that name, with one interface and one disk. */
  void assertOne(String name, String description) {
    for (String type : List.of("virtualmachines", "networkinterfaces", "disks")) {
      assertThat(of(type, name)).as("%s: %s", description, type).hasSize(1);
    }
  }

  /** That nothing of that name is left. */
  void assertNone(String name, String description) {
    assertThat(machines.all().keySet().stream().filter(each -> each.contains("/" + name)))
        .as(description)
        .isEmpty();
  }

  String power(String id) {
    return machines.resource(id).map(each -> each.at("/properties/power").asText()).orElse("gone");
  }

  static boolean fails(Runnable step) {
    Optional<ApplicationFailure> failure = FaultTable.failure(step);
    failure.ifPresent(
        e -> assertThat(e.getType()).as(e.getMessage()).isEqualTo(Failures.TRANSIENT));
    return failure.isPresent();
  }

  /** Three attempts at a step at the same time; whether each has failed. */
  static List<Boolean> atOnce(Runnable step) {
    List<CompletableFuture<Boolean>> attempts =
        Stream.of(1, 2, 3).map(each -> CompletableFuture.supplyAsync(() -> fails(step))).toList();
    return attempts.stream().map(CompletableFuture::join).toList();
  }

  /**
   * Runs a step that ends at a call, before it was carried out or after.
   *
   * @return whether it came to that call
   */
  boolean killed(int calls, ArmFault fault, Runnable step) {
    arm().clearJournal();
    arm().fault("*", calls, 1, fault);
    fails(step);
    arm().clearFaults();
    return arm().journal().size() > calls;
  }

  static Failures.Help help(Runnable step) {
    ApplicationFailure failure = FaultTable.failure(step).orElseThrow();
    assertThat(failure.getType()).as(failure.getMessage()).isEqualTo(Failures.NEEDS_HELP);
    return failure.getDetails().get(Failures.Help.class);
  }

  /** Heals the stand-in, and makes sure that what belongs to somebody else is as it was. */
  @Override
  public void afterEach(ExtensionContext test) {
    arm().clearFaults();
    arm().operations().release();
    arm().operations().pace(Duration.ofMillis(30), 1);
    arm().clearJournal();
    Map<String, JsonNode> now = machines.all();
    before.forEach((id, resource) -> assertThat(now.get(id)).as(id).isEqualTo(resource));
    assertThat(
            Stream.of("virtualmachines", "networkinterfaces", "disks")
                .map(type -> of(type, "bystander").size()))
        .containsOnly(1);
  }

  /** Every call that was made has rows in the table of faults. */
  @Override
  public void afterAll(ExtensionContext tests) {
    try (service) {
      FaultTable.requireRows(service.arm().called(), "azure-vm");
    }
  }
}
