package dev.whimbrel.compute;

import static org.assertj.core.api.Assertions.assertThat;

import dev.whimbrel.activity.MachinesRequest;
import dev.whimbrel.runbook.ProvisionSpec.AzureSnapshot;
import dev.whimbrel.servers.ArmCall;
import dev.whimbrel.servers.ArmFault;
import dev.whimbrel.servers.AzureService;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * A process that provisions at Azure is killed with SIGKILL at each of its changes and at a look;
 * the step, run again by another process, ends with one machine, one interface, one disk, one
 * snapshot and one copy.
 */
class AzureKillTest {
  private static final String INTERFACE = "PUT Microsoft.Network/networkInterfaces";
  private static final String MACHINE = "PUT Microsoft.Compute/virtualMachines";
  private static final String SNAPSHOT = "PUT Microsoft.Compute/snapshots";

  @RegisterExtension static final AzureWorld world = new AzureWorld();

  private final String migration = AzureRequests.migration();
  private final String old = "disk-of-" + migration;
  private final RegistryCompute compute = world.compute(ProvisioningProcess.PATIENT);
  private final ProvisioningProcess process = new ProvisioningProcess();
  @TempDir private Path directory;

  /**
   * A call of the step.
   *
   * @param earlier how many calls of the same operation come before it
   */
  private record Point(String operation, int earlier) {
    @Override
    public String toString() {
      return operation + (earlier == 0 ? "" : ", after " + earlier);
    }
  }

  private static final List<Point> CHANGES =
      List.of(
          new Point(INTERFACE, 0),
          new Point(MACHINE, 0),
          new Point(SNAPSHOT, 0),
          new Point(SNAPSHOT, 1));

  /** One of the looks, at an interface that is not ready yet: a process costs seconds. */
  private static final Point LOOK = new Point("GET Microsoft.Network/locations/operations", 0);

  @Test
  void makesNoOtherChangesThanThoseItIsKilledAt() {
    MachinesRequest request = request();
    world.arm().clearJournal();

    compute.provisionMachines(request);

    assertThat(world.arm().journal().stream().map(ArmCall::operation))
        .filteredOn(each -> !each.startsWith("GET "))
        .usingElementComparator(String.CASE_INSENSITIVE_ORDER)
        .containsExactly(INTERFACE, MACHINE, SNAPSHOT, SNAPSHOT);
  }

  static Stream<Arguments> points() {
    return Stream.concat(
        Stream.of(Arguments.of("before", LOOK)),
        CHANGES.stream()
            .flatMap(each -> Stream.of("before", "after").map(when -> Arguments.of(when, each))));
  }

  @ParameterizedTest(name = "{0} {1}")
  @MethodSource("points")
  void isKilledAndRunAgain(String when, Point point) throws Exception {
    MachinesRequest request = request();
    Map<String, Integer> before = things();
    ArmFault death =
        when.equals("before") ? ArmFault.lostBefore(process::kill) : ArmFault.after(process::kill);
    world.arm().fault(point.operation(), point.earlier(), 1, death);

    process.runToItsDeath(directory, request, world.environment(), AzureService.jvmOptions());
    compute.provisionMachines(request);

    assertMadeOnce(before, request);
  }

  @Test
  void isKilledWhileItsMachineIsOnTheWayWhichArrivesWhenAnotherHasMadeIt() throws Exception {
    MachinesRequest request = request();
    Map<String, Integer> before = things();
    CompletableFuture<Void> made = new CompletableFuture<>();
    world
        .arm()
        .fault(
            MACHINE,
            ArmFault.before(
                () -> {
                  process.kill();
                  compute.provisionMachines(request);
                  made.complete(null);
                }));

    process.runToItsDeath(directory, request, world.environment(), AzureService.jvmOptions());
    made.get(60, TimeUnit.SECONDS);

    assertMadeOnce(before, request);
  }

  private void assertMadeOnce(Map<String, Integer> before, MachinesRequest request) {
    assertThat(compute.awaitMachines(request).line()).isEqualTo(migration + " is healthy");
    world.assertOne(migration, "made once");
    assertThat(world.of("snapshots", "whimbrel-" + migration + "-")).hasSize(2);
    Map<String, Integer> expected = new TreeMap<>(before);
    for (String each : List.of("virtualmachines", "networkinterfaces", "disks", "snapshots")) {
      expected.merge(each, each.equals("snapshots") ? 2 : 1, Integer::sum);
    }
    assertThat(things()).isEqualTo(expected);
  }

  /** How many there are of each type, under whatever name. */
  private static Map<String, Integer> things() {
    return world.machines.all().keySet().stream()
        .collect(
            Collectors.toMap(
                id -> id.replaceFirst("/[^/]*$", "").replaceFirst(".*/", ""),
                id -> 1,
                Integer::sum,
                TreeMap::new));
  }

  /** A machine, and a snapshot that is copied. */
  private MachinesRequest request() {
    world.oldMachine(old);
    return AzureRequests.request(
        migration,
        List.of(AzureRequests.machine(migration)),
        List.of(new AzureSnapshot(AzureWorld.disk(old))),
        List.of());
  }
}
