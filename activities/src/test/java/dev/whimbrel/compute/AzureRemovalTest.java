package dev.whimbrel.compute;

import static org.assertj.core.api.Assertions.assertThat;

import dev.whimbrel.activity.Failures;
import dev.whimbrel.activity.MachinesRequest;
import dev.whimbrel.servers.ArmCall;
import dev.whimbrel.servers.ArmFault;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

class AzureRemovalTest {
  private static final String DELETE = "DELETE Microsoft.Compute/virtualMachines";
  @RegisterExtension static final AzureWorld world = new AzureWorld();

  private final String migration = AzureRequests.migration();
  private final MachinesRequest request = AzureRequests.request(migration);

  @Test
  void removesTheMachineWithItsDiskAndInterfaceAndIsHarmlessAgain() {
    world.compute.provisionMachines(request);

    String first = world.compute.removeMachines(request).line();
    world.arm().clearJournal();
    String second = world.compute.removeMachines(request).line();

    assertThat(first).isEqualTo(AzureWorld.id(migration) + " was ended");
    assertThat(second).isEqualTo("nothing to do");
    world.assertNone(migration, "removed");
    assertThat(world.arm().journal()).noneMatch(ArmCall::changes);
  }

  @Test
  void leavesNothingWhereverItIsKilled() {
    int calls = 0;
    boolean reached = true;
    while (reached) {
      for (ArmFault fault : List.of(ArmFault.broken(), ArmFault.lostAfter())) {
        String name = AzureRequests.migration();
        MachinesRequest killed = AzureRequests.request(name);
        world.compute.provisionMachines(killed);
        reached = world.killed(calls, fault, () -> world.compute.removeMachines(killed));

        world.compute.removeMachines(killed);

        world.assertNone(name, "%s after %d calls".formatted(fault.kind(), calls));
      }
      calls++;
    }
    assertThat(calls).as("calls of a step").isGreaterThan(4);
  }

  @Test
  void removesTheNetworkInterfaceOfAMachineThatWasNeverMade() {
    world.machines.catalogue().withhold("Standard_D4s_v5", AzureWorld.TARGET);
    MachinesRequest refused =
        AzureRequests.request(migration, AzureRequests.machine(migration, "Standard_D4s_v5", null));
    AzureWorld.help(() -> world.compute.provisionMachines(refused));
    assertThat(world.of("networkinterfaces", migration)).hasSize(1);

    String line = world.compute.removeMachines(refused).line();

    assertThat(line).contains("networkInterfaces/" + migration).endsWith("-nic was deleted");
    world.assertNone(migration, "interface");
  }

  @Test
  void respectsALockAndSaysWhereItIs() {
    world.compute.provisionMachines(request);
    world.machines.lock(AzureWorld.id(migration));

    Failures.Help help = AzureWorld.help(() -> world.compute.removeMachines(request));
    boolean kept = world.machines.resource(AzureWorld.id(migration)).isPresent();
    world.machines.unlock(AzureWorld.id(migration));
    world.compute.removeMachines(request);

    assertThat(help.cause()).contains("Azure answers 409 ScopeLocked");
    assertThat(help.remedy()).isEqualTo("if it is really to go, delete the lock, then retry");
    assertThat(help.command()).startsWith("az lock list --subscription ").contains("shop-rg");
    assertThat(kept).isTrue();
    world.assertNone(migration, "unlocked");
  }

  @Test
  void judgesAFailedOperationByItsCode() {
    world.compute.provisionMachines(request);
    world.compute.awaitMachines(request);
    world.arm().fault(DELETE, ArmFault.operationFails("InternalExecutionError", "Try later."));
    boolean passing = AzureWorld.fails(() -> world.compute.removeMachines(request));
    world.arm().fault(DELETE, ArmFault.operationFails("DiskIsBusy", "It is busy."));

    Failures.Help help = AzureWorld.help(() -> world.compute.removeMachines(request));
    world.compute.removeMachines(request);

    assertThat(passing).isTrue();
    assertThat(help.cause())
        .isEqualTo(
            "Cannot delete the machine %s: Azure answers 200 DiskIsBusy (It is busy.)"
                .formatted(AzureWorld.id(migration)));
    world.assertNone(migration, "failed");
  }
}
