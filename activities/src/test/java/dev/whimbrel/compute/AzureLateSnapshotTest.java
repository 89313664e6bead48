package dev.whimbrel.compute;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import dev.whimbrel.FaultTable;
import dev.whimbrel.activity.Finding;
import dev.whimbrel.activity.MachinesRequest;
import dev.whimbrel.servers.ArmCall;
import dev.whimbrel.servers.ArmFault;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * A call to make a snapshot at Azure that was on its way when its attempt died, and arrives when
 * others have ended. Its name is the same at every attempt: there is never a second one.
 */
class AzureLateSnapshotTest {
  @RegisterExtension static final AzureWorld world = new AzureWorld(ProvisioningProcess.PATIENT);

  private static final String DISK = AzureWorld.disk("db");
  private static final String PUT = "PUT Microsoft.Compute/snapshots";
  private static final int EVERY_TIME = 1000;

  private final String migration = AzureRequests.migration();
  private final MachinesRequest request = AzureRequests.snapshotOf(migration, DISK);

  @BeforeAll
  static void start() {
    world.oldMachine("db");
  }

  @ParameterizedTest(name = "call {0}, the condition is heeded: {1}")
  @CsvSource({"0, true, 412", "1, true, 412", "0, false, 200", "1, false, 200"})
  void makesNoSecondOneWhereTheNextAttemptHasEnded(int call, boolean heeds, int status) {
    world.machines.heedIfNoneMatch(heeds);
    AtomicReference<String> ended = new AtomicReference<>("");
    AtomicReference<Map<String, JsonNode>> before = new AtomicReference<>(Map.of());

    ArmCall late =
        diesAt(
            call,
            () -> {
              ended.set(world.compute.provisionMachines(request).line());
              before.set(made());
            });
    world.machines.heedIfNoneMatch(true);

    assertThat(late.status()).isEqualTo(status);
    assertThat(made()).hasSize(2).isEqualTo(before.get());
    assertThat(world.compute.awaitMachines(request).line()).isEqualTo("nothing to do");
    assertThat(world.compute.provisionMachines(request).line()).isEqualTo(ended.get());
    world.compute.removeMachines(request);
    assertThat(made()).isEmpty();
  }

  @Test
  void isNamedInTheListOfCostsAndInTheNextPlanWhereTheWayBackWasTaken() {
    ArmCall late =
        diesAt(
            0,
            () -> {
              world.compute.provisionMachines(request);
              world.compute.removeMachines(request);
            });
    String left = made().keySet().stream().findFirst().orElse("none");

    List<Finding> findings = world.compute.planMachines(request).findings();

    assertThat(late.status()).isEqualTo(202);
    assertThat(made()).hasSize(1);
    assertThat(world.compute.listCosts(AzureRequests.retire(migration, old())).line())
        .contains(left);
    assertThat(findings)
        .filteredOn(each -> each.level() == Finding.Level.WARNING)
        .singleElement()
        .satisfies(
            finding -> {
              assertThat(finding.subject()).isEqualTo(DISK);
              assertThat(finding.message())
                  .startsWith("expected none, found /subscriptions/")
                  .contains(left + " in westeurope, begun 2")
                  .endsWith(
                      "If it is of an earlier round, and no migration of this name is running, delete it.");
              assertThat(finding.fix())
                  .startsWith("az snapshot delete --ids /subscriptions/")
                  .endsWith(left);
            });
    world.compute.removeMachines(request);
    assertThat(made()).isEmpty();
  }

  /** An attempt dies while that call of it is on its way, which arrives after all of that. */
  private ArmCall diesAt(int call, Runnable meanwhile) {
    Runnable dying =
        () -> {
          meanwhile.run();
          world.arm().fault("*", 0, EVERY_TIME, ArmFault.lostBefore());
          world.arm().clearJournal();
        };
    world.arm().fault(PUT, call, 1, ArmFault.before(dying));
    assertThat(FaultTable.failure(() -> world.compute.provisionMachines(request))).isPresent();
    world.arm().clearFaults();
    return world.arm().journal().get(0);
  }

  private Map<String, JsonNode> made() {
    return world.of("snapshots", "whimbrel-" + migration + "-");
  }

  private String old() {
    return world.oldMachine(migration);
  }
}
