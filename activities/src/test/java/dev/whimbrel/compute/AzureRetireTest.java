package dev.whimbrel.compute;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.whimbrel.activity.ChangePlan;
import dev.whimbrel.activity.Failures;
import dev.whimbrel.activity.Finding;
import dev.whimbrel.activity.Finding.Level;
import dev.whimbrel.activity.OldMachines;
import dev.whimbrel.activity.RetireRequest;
import dev.whimbrel.servers.ArmCall;
import dev.whimbrel.servers.ArmFault;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

class AzureRetireTest {
  @RegisterExtension static final AzureWorld world = new AzureWorld();

  private final String migration = AzureRequests.migration();
  private final String old = world.oldMachine(migration);
  private final RetireRequest request = AzureRequests.retire(migration, old.replace("old", "OLD"));

  @Test
  void deallocatesAMachineAlsoWhereItOnlyStands() {
    String running = world.compute.stopMachines(request).line();
    world.machines.power(old, "stopped");
    String costs = world.compute.listCosts(request).line();
    world.compute.stopMachines(request);

    assertThat(running).endsWith(migration + " is stopped");
    assertThat(costs)
        .contains(migration + " is stopped but still allocated, and costs as if it ran: az vm")
        .contains("deallocate --ids");
    assertThat(world.power(old)).isEqualTo("deallocated");
    assertThat(world.arm().journal())
        .filteredOn(ArmCall::changes)
        .extracting(ArmCall::operation)
        .containsOnly("POST microsoft.compute/virtualmachines/deallocate")
        .hasSize(2);
  }

  @Test
  void deletesAMachineNamesWhatStaysAndTakesGoneForDone() {
    String first = world.compute.terminateMachines(request).line();
    String second = world.compute.terminateMachines(request).line();
    String costs = world.compute.listCosts(request).line();

    assertThat(first)
        .contains(migration + " is ended")
        .contains("disk %s of ".formatted(AzureWorld.disk(migration)));
    assertThat(second).endsWith(migration + " was gone already");
    assertThat(world.power(old)).isEqualTo("gone");
    assertThat(costs)
        .contains(
            "disk %s (30 GiB Premium_LRS), which nothing uses"
                .formatted(AzureWorld.disk(migration)));
  }

  @Test
  void plansEveryCallAndNamesAnIdThatIsNoMachine() {
    ChangePlan plan =
        world.compute.planRetirement(AzureRequests.retire(migration, old, old + "-mistyped"));
    ChangePlan none = world.compute.planRetirement(AzureRequests.retire(migration, "shop-1"));

    assertThat(plan.forward())
        .containsExactly(
            "POST %s/deallocate".formatted(old),
            "DELETE %s, 7 d later, with an approval of its own".formatted(old));
    assertThat(lines(plan, Level.BLOCKER))
        .singleElement()
        .asString()
        .startsWith("%1$s-mistyped: expected this machine in Azure subscription ".formatted(old))
        .endsWith("Fix: az vm show --ids %s-mistyped".formatted(old));
    assertThat(lines(plan, Level.NOTE))
        .anyMatch(each -> each.startsWith(old + ": it is running in Azure subscription "))
        .anyMatch(each -> each.contains("the role Whimbrel Machines gives the rights"))
        .contains("%s: disk %s stays when it is ended.".formatted(old, AzureWorld.disk(migration)));
    assertThat(lines(none, Level.BLOCKER))
        .containsExactly(
            "decommission.retire: expected an id,"
                + " /subscriptions/…/resourceGroups/…/providers/…, found shop-1."
                + " Fix: correct it in the runbook");
    assertThat(world.arm().journal()).noneMatch(ArmCall::changes);
  }

  @Test
  void deletesNoMachineThatRunsAgainUnlessThatWasApproved() {
    world.compute.stopMachines(request);
    OldMachines asLeft = world.compute.lookAtOldMachines(request);
    world.machines.power(old, "running");

    OldMachines found = world.compute.lookAtOldMachines(request);
    Failures.Help refused =
        AzureWorld.help(() -> world.compute.terminateMachines(request.running(List.of())));

    assertThat(asLeft.lines()).isEmpty();
    assertThat(found.lines())
        .singleElement()
        .asString()
        .contains(migration + " RUNS AGAIN, since ");
    assertThat(refused.cause()).contains("nobody has approved that it is terminated all the same");
    assertThat(refused.command()).startsWith("az vm deallocate --ids ");
    assertThat(world.power(old)).isEqualTo("running");

    world.compute.terminateMachines(request.running(found.running()));
    assertThat(world.power(old)).isEqualTo("gone");
  }

  private static List<String> lines(ChangePlan plan, Level level) {
    return plan.findings().stream()
        .filter(each -> each.level() == level)
        .map(Finding::line)
        .toList();
  }

  @Test
  void stopsAndDeletesOnceWhereverItIsKilled() {
    int calls = 0;
    boolean reached = true;
    while (reached) {
      for (ArmFault fault : List.of(ArmFault.broken(), ArmFault.lostAfter())) {
        String name = AzureRequests.migration();
        RetireRequest killed = AzureRequests.retire(name, world.oldMachine(name));
        reached = world.killed(calls, fault, () -> world.compute.stopMachines(killed));
        world.compute.stopMachines(killed);
        reached |= world.killed(calls, fault, () -> world.compute.terminateMachines(killed));

        world.compute.terminateMachines(killed);

        assertThat(world.of("virtualmachines", name)).as("%s %d", fault.kind(), calls).isEmpty();
        assertThat(world.of("disks", name)).hasSize(1);
      }
      calls++;
    }
    assertThat(calls).as("calls of a step").isGreaterThan(3);
  }

  @Test
  void refusesAMachineThatAnyMigrationHasTagged() {
    String other =
        world.machines.placeMachine(
            AzureWorld.OLD,
            AzureWorld.SOURCE,
            "other-" + migration,
            Map.of("whimbrel-migration", "another"));
    world.compute.provisionMachines(AzureRequests.request(migration));

    Failures.Help foreign =
        AzureWorld.help(
            () -> world.compute.terminateMachines(AzureRequests.retire(migration, old, other)));
    Failures.Help own =
        AzureWorld.help(
            () ->
                world.compute.stopMachines(
                    AzureRequests.retire(migration, AzureWorld.id(migration))));

    assertThat(foreign.cause()).isEqualTo(other + " carries the tag of another migration, another");
    assertThat(own.cause()).contains("it is the target's, not the source's");
    assertThat(world.power(old)).isEqualTo("running");
    assertThat(world.power(other)).isEqualTo("running");
  }

  @Test
  void respectsALockAndAScaleSet() {
    world.machines.lock(old);
    Failures.Help locked = AzureWorld.help(() -> world.compute.terminateMachines(request));
    world.machines.unlock(old);
    ObjectNode member = (ObjectNode) world.machines.resource(old).orElseThrow();
    member.withObject("/properties/virtualMachineScaleSet").put("id", "/subscriptions/s/set");
    world.machines.place(old, member);

    Failures.Help owned = AzureWorld.help(() -> world.compute.stopMachines(request));

    assertThat(locked.cause()).contains("409 ScopeLocked");
    assertThat(locked.command()).startsWith("az lock list");
    assertThat(owned.cause()).contains("belongs to the scale set /subscriptions/s/set");
    assertThat(world.power(old)).isEqualTo("running");
  }

  @Test
  void listsWhatStillCostsMoney() {
    String address = world.addressOf(migration);
    world.compute.provisionMachines(
        AzureRequests.snapshotOf(migration, AzureWorld.disk(migration)));
    world.compute.stopMachines(request);

    String line = world.compute.listCosts(request).line();

    assertThat(line)
        .startsWith("still costs money: Azure subscription ")
        .contains("disk %s (30 GiB Premium_LRS) of ".formatted(AzureWorld.disk(migration)))
        .contains("address 203.0.113.10 (%s) of ".formatted(address))
        .contains("-copy (of 30 GiB) in swedencentral")
        .contains("-snapshot (of 30 GiB) in westeurope")
        .doesNotContain("bystander");
  }
}
