package dev.whimbrel.compute;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import dev.whimbrel.activity.Failures;
import dev.whimbrel.activity.MachinesRequest;
import dev.whimbrel.runbook.ProvisionSpec.AzureMachine;
import dev.whimbrel.servers.ArmCall;
import dev.whimbrel.servers.ArmFault;
import dev.whimbrel.servers.AzureMachines;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;

class AzureProvisioningTest {
  private static final String PUT = "PUT Microsoft.Compute/virtualMachines";
  @RegisterExtension static final AzureWorld world = new AzureWorld();

  private final String migration = AzureRequests.migration();
  private final MachinesRequest request = AzureRequests.request(migration);

  @Test
  void makesAMachineOnceWithItsTagsAndNothingThatStaysWithoutIt(@TempDir Path directory)
      throws Exception {
    Path file = Files.writeString(directory.resolve("app.sh"), "#!/bin/sh\necho up\n");
    MachinesRequest wanted =
        AzureRequests.request(
            migration, AzureRequests.machine(migration, "Standard_B2s", file.toString()));

    String first = world.compute.provisionMachines(wanted).line();
    String healthy = world.compute.awaitMachines(wanted).line();
    String second = world.compute.provisionMachines(wanted).line();

    String id = AzureWorld.id(migration);
    assertThat(first)
        .isEqualTo("%s is %s, made in Azure shop-rg in swedencentral".formatted(migration, id));
    assertThat(healthy).isEqualTo(migration + " is healthy");
    assertThat(second).isEqualTo("%s is %s, was there already".formatted(migration, id));
    world.assertOne(migration, "twice");
    JsonNode machine = world.machines.resource(id).orElseThrow();
    assertThat(machine.path("tags").toString())
        .isEqualTo(
            "{\"team\":\"shop\",\"whimbrel-machine\":\"%1$s\",\"whimbrel-migration\":\"%1$s\"}"
                .formatted(migration));
    assertThat(machine.findValuesAsText("deleteOption")).containsExactly("Delete", "Delete");
    assertThat(
            machine.at("/properties/osProfile/linuxConfiguration/ssh/publicKeys/0/path").asText())
        .isEqualTo("/home/ops/.ssh/authorized_keys");
    assertThat(
            new String(
                Base64.getDecoder().decode(machine.at("/properties/userData").asText()),
                StandardCharsets.UTF_8))
        .isEqualTo("#!/bin/sh\necho up\n");
    assertThat(world.arm().journal())
        .filteredOn(each -> each.operation().equals("PUT microsoft.compute/virtualmachines"))
        .singleElement()
        .extracting(ArmCall::ifNoneMatch)
        .isEqualTo("*");
  }

  @Test
  void makesOneMachineWhereverAnAttemptIsKilled() {
    int calls = 0;
    boolean reached = true;
    while (reached) {
      for (ArmFault fault : List.of(ArmFault.broken(), ArmFault.lostAfter())) {
        String name = AzureRequests.migration();
        MachinesRequest killed = AzureRequests.request(name);
        reached = world.killed(calls, fault, () -> world.compute.provisionMachines(killed));

        world.compute.provisionMachines(killed);

        world.assertOne(name, "%s after %d calls".formatted(fault.kind(), calls));
      }
      calls++;
    }
    assertThat(calls).as("calls of a step").isGreaterThan(5);
  }

  @Test
  void makesOneMachineWithSeveralAttemptsAtOnce() {
    AzureWorld.atOnce(() -> world.compute.provisionMachines(request));

    world.compute.provisionMachines(request);

    world.assertOne(migration, "at once");
  }

  @Test
  void takesTheMachineThatAnotherAttemptHasMadeMeanwhile() {
    world.arm().fault(PUT, ArmFault.before(() -> world.compute.provisionMachines(request)));

    String line = world.compute.provisionMachines(request).line();

    assertThat(line).contains(migration + " is ");
    assertThat(world.arm().journal()).extracting(ArmCall::status).contains(412);
    world.assertOne(migration, "overtaken");
  }

  @Test
  void makesANewMachineAfterARollback() {
    world.compute.provisionMachines(request);
    String earlier = vmId();

    world.compute.removeMachines(request);
    world.compute.provisionMachines(request);
    world.compute.awaitMachines(request);

    world.assertOne(migration, "again");
    assertThat(vmId()).isNotEqualTo(earlier);
  }

  @Test
  void neverTouchesAMachineOfThatNameThatIsSomebodyElses() {
    String id =
        world.machines.placeMachine(AzureWorld.GROUP, AzureWorld.TARGET, migration, Map.of());
    JsonNode before = world.machines.resource(id).orElseThrow();

    Failures.Help help = AzureWorld.help(() -> world.compute.provisionMachines(request));
    String removed = world.compute.removeMachines(request).line();

    assertThat(help.cause())
        .isEqualTo(
            "%s: a machine of this name is there, %s, and was not made by this migration: it is not touched"
                .formatted(migration, id));
    assertThat(removed).isEqualTo("nothing to do");
    assertThat(world.machines.resource(id)).contains(before);
    assertThat(world.arm().journal()).noneMatch(ArmCall::changes);
  }

  @Test
  void doesNotTakeAMachineForItsOwnBecauseOfItsTags() {
    String copy =
        world.machines.placeMachine(
            AzureWorld.GROUP,
            AzureWorld.TARGET,
            "copy-of-" + migration,
            Map.of("whimbrel-migration", migration, "whimbrel-machine", migration));

    Failures.Help help = AzureWorld.help(() -> world.compute.provisionMachines(request));
    String removed = world.compute.removeMachines(request).line();

    assertThat(help.cause()).contains(copy + " in Azure shop-rg").contains("was not made by it");
    assertThat(help.command())
        .isEqualTo(
            "az vm update --ids %s --remove tags.whimbrel-migration --remove tags.whimbrel-machine"
                .formatted(copy));
    assertThat(removed).contains("was not made by it and was left as it is");
    assertThat(world.power(copy)).isEqualTo("running");
  }

  @Test
  void doesNotTakeANetworkInterfaceThatIsSomebodyElses() {
    world.compute.provisionMachines(request);
    String name = world.of("networkinterfaces", migration).keySet().iterator().next();
    world.compute.removeMachines(request);
    String id = AzureMachines.id(AzureWorld.GROUP, "Microsoft.Network/networkInterfaces", name);
    world.machines.place(id, AzureWorld.located(AzureWorld.TARGET));

    Failures.Help help = AzureWorld.help(() -> world.compute.provisionMachines(request));
    world.compute.removeMachines(request);

    assertThat(help.cause()).contains(id).contains("does not carry this migration's tag");
    assertThat(world.machines.resource(id)).isPresent();
  }

  @Test
  void asksThatNoInterfaceIsChangedAndReadsBackWhoseItIs() {
    world.machines.heedIfNoneMatch(false);
    String put = "PUT Microsoft.Network/networkInterfaces";
    Runnable theirs =
        () ->
            world
                .of("networkinterfaces", migration)
                .keySet()
                .forEach(
                    name ->
                        world.machines.place(
                            AzureMachines.id(
                                AzureWorld.GROUP, "Microsoft.Network/networkInterfaces", name),
                            AzureWorld.located(AzureWorld.TARGET)));
    world.arm().fault(put, ArmFault.after(theirs));
    world.arm().clearJournal();

    Failures.Help help = AzureWorld.help(() -> world.compute.provisionMachines(request));
    world.compute.removeMachines(request);
    world.machines.heedIfNoneMatch(true);

    assertThat(help.cause()).contains("does not carry this migration's tag: it is not touched");
    assertThat(world.of("networkinterfaces", migration)).hasSize(1);
    assertThat(world.of("virtualmachines", migration)).isEmpty();
    assertThat(
            world.arm().journal().stream().filter(each -> each.operation().equalsIgnoreCase(put)))
        .extracting(ArmCall::ifNoneMatch)
        .containsExactly("*");
  }

  @Test
  void startsItsOwnMachineThatStands() {
    world.compute.provisionMachines(request);
    world.compute.awaitMachines(request);
    world.machines.power(AzureWorld.id(migration), "deallocated");

    assertThat(AzureWorld.help(() -> world.compute.awaitMachines(request)).command())
        .isEqualTo("az vm start --ids " + AzureWorld.id(migration));
    world.compute.provisionMachines(request);
    world.compute.awaitMachines(request);

    assertThat(world.power(AzureWorld.id(migration))).isEqualTo("running");
  }

  @Test
  void asksForHelpWhereItsMachineIsNotAsTheRunbookSays() {
    world.compute.provisionMachines(request);
    AzureMachine larger = AzureRequests.machine(migration, "Standard_D4s_v5", null);

    Failures.Help help =
        AzureWorld.help(
            () -> world.compute.provisionMachines(AzureRequests.request(migration, larger)));

    assertThat(help.cause())
        .contains("is not as the runbook says: size: expected standard_d4s_v5, found standard_b2s");
    assertThat(help.command()).isEqualTo("az vm delete --yes --ids " + AzureWorld.id(migration));
  }

  @Test
  void asksForHelpWhereThereIsNoUserData() {
    AzureMachine machine = AzureRequests.machine(migration, "Standard_B2s", "/nowhere/app.sh");

    assertThatThrownBy(
            () -> world.compute.provisionMachines(AzureRequests.request(migration, machine)))
        .hasMessageContaining(
            "expected user data in /nowhere/app.sh on this worker, found no file");
    world.assertNone(migration, "no user data");
  }

  @Test
  void saysWhyAMachineCouldNotBeMadeAndStartsItWhenAskedAgain() {
    world
        .arm()
        .fault(PUT, ArmFault.operationFails("AllocationFailed", "No capacity for the size."));
    world.compute.provisionMachines(request);

    Failures.Help help = AzureWorld.help(() -> world.compute.awaitMachines(request));
    world.compute.provisionMachines(request);
    world.compute.awaitMachines(request);

    assertThat(help.cause())
        .endsWith(
            "to run, found it stopped: AllocationFailed (No capacity for the size.): retry later, or write another size or location into the runbook");
    world.assertOne(migration, "failed");
  }

  @Test
  void waitsWithADeadlineForAMachineThatDoesNotComeUp() {
    world.arm().fault(PUT, ArmFault.operationHangs());
    world.compute.provisionMachines(request);

    Failures.Help help = AzureWorld.help(() -> world.compute.awaitMachines(request));
    world.arm().operations().release();

    assertThat(help.cause()).matches("After 5 s: .* is starting");
    assertThat(world.compute.awaitMachines(request).line()).isEqualTo(migration + " is healthy");
  }

  @Test
  void adoptsAMachineThatStandsAndLeavesItAtTheEnd() {
    String id =
        world.machines.placeMachine(AzureWorld.GROUP, AzureWorld.TARGET, migration, Map.of());
    world.machines.power(id, "stopped");
    JsonNode before = world.machines.resource(id).orElseThrow();
    MachinesRequest adopting =
        AzureRequests.request(
            migration, AzureRequests.adopting(migration, id.replace("shop", "SHOP")));

    String adopted = world.compute.provisionMachines(adopting).line();
    world.compute.awaitMachines(adopting);
    String removed = world.compute.removeMachines(adopting).line();

    assertThat(adopted).endsWith(", adopted");
    assertThat(removed).endsWith("was adopted and was left as it is");
    assertThat(world.power(id)).isEqualTo("running");
    assertThat(world.machines.resource(id).orElseThrow().path("tags"))
        .isEqualTo(before.path("tags"));
    world.machines.erase(id);
    assertThat(AzureWorld.help(() -> world.compute.provisionMachines(adopting)).cause())
        .contains("to adopt, found none");
  }

  private String vmId() {
    return world
        .machines
        .resource(AzureWorld.id(migration))
        .orElseThrow()
        .at("/properties/vmId")
        .asText();
  }
}
