package dev.whimbrel.compute;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import dev.whimbrel.activity.Finding;
import dev.whimbrel.activity.MachinesRequest;
import dev.whimbrel.activity.RetireRequest;
import dev.whimbrel.runbook.ProvisionSpec.AzureMachine;
import dev.whimbrel.servers.ArmAnswer;
import dev.whimbrel.servers.ArmFault;
import dev.whimbrel.servers.AzureMachines;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** For each call that is made for virtual machines at Azure, a step that makes it. */
final class AzureSteps {
  private static final String VERSIONS =
      "GET Microsoft.Compute/locations/publishers/artifactTypes/offers/skus/versions";
  private static final String LIST = " (list)";
  private static final String WHOLE_LIST = " (list of the subscription)";

  /** Every look. */
  static final List<String> READS =
      List.of(
          "GET Microsoft.Compute/virtualMachines" + LIST,
          "GET Microsoft.Compute/virtualMachines",
          "GET Microsoft.Network/networkInterfaces" + LIST,
          "GET Microsoft.Network/networkInterfaces",
          "GET Microsoft.Compute/disks" + LIST,
          "GET Microsoft.Compute/disks",
          "GET Microsoft.Compute/snapshots" + WHOLE_LIST,
          "GET Microsoft.Compute/snapshots" + LIST,
          "GET Microsoft.Compute/snapshots",
          "GET Microsoft.Network/publicIPAddresses" + LIST,
          "GET Microsoft.Network/publicIPAddresses",
          "GET Microsoft.Resources/subscriptions",
          "GET Microsoft.Resources/resourceGroups",
          "GET Microsoft.Compute/skus" + WHOLE_LIST,
          "GET Microsoft.Compute/locations/usages" + WHOLE_LIST,
          "GET Microsoft.Compute/images",
          VERSIONS + WHOLE_LIST,
          VERSIONS,
          "GET Microsoft.Network/networkSecurityGroups",
          "GET Microsoft.Network/virtualNetworks/subnets",
          "GET Microsoft.Network/locations/operations",
          "GET Microsoft.Compute/locations/operations");

  /** Every change. */
  static final List<String> CHANGES =
      List.of(
          "PUT Microsoft.Network/networkInterfaces",
          "PUT Microsoft.Compute/virtualMachines",
          "POST Microsoft.Compute/virtualMachines/start",
          "POST Microsoft.Compute/virtualMachines/deallocate",
          "DELETE Microsoft.Compute/virtualMachines",
          "DELETE Microsoft.Network/networkInterfaces",
          "PUT Microsoft.Compute/snapshots",
          "DELETE Microsoft.Compute/snapshots");

  private final AzureWorld world;
  private final String migration = AzureRequests.migration();
  private final MachinesRequest machine = AzureRequests.request(migration);
  private final Runnable make;
  private final Runnable remove;
  private final List<String> notKnown = new ArrayList<>();
  private String theirs = "";
  private Optional<JsonNode> placed = Optional.empty();

  AzureSteps(AzureWorld world) {
    this.world = world;
    this.make = () -> world.compute.provisionMachines(machine);
    this.remove = () -> world.compute.removeMachines(machine);
  }

  /**
   * A step.
   *
   * @param doneOnce asserts that what it is for was done, and not twice
   * @param back takes the way back, where there is one
   */
  record Step(Runnable before, Runnable run, Runnable doneOnce, Runnable back) {
    /** One that has no way back, or is it. */
    Step(Runnable before, Runnable run, Runnable doneOnce) {
      this(before, run, doneOnce, () -> {});
    }
  }

  /** What the step has said to be not known since this was last asked. */
  List<String> notKnown() {
    List<String> said = List.copyOf(notKnown);
    notKnown.clear();
    return said;
  }

  /** That nothing of the migration is there any more. */
  void assertNothingLeft() {
    assertThat(
            world.machines.all().values().stream()
                .filter(each -> migration.equals(each.at("/tags/whimbrel-migration").asText())))
        .isEmpty();
  }

  /** A step that makes this call. */
  Step making(String operation) {
    String type = operation.substring(operation.indexOf('/') + 1);
    return switch (operation.charAt(0) + " " + type) {
      case "G virtualMachines (list)",
          "G virtualMachines",
          "G networkInterfaces",
          "P networkInterfaces",
          "P virtualMachines" ->
          new Step(() -> {}, make, () -> world.assertOne(migration, operation), remove);
      case "P virtualMachines/start" -> new Step(this::makeAndStop, make, this::isStarted, remove);
      case "P virtualMachines/deallocate" -> retire();
      case "D virtualMachines", "G networkInterfaces (list)" ->
          new Step(make, remove, () -> world.assertNone(migration, operation));
      case "D networkInterfaces" ->
          new Step(this::makeInterface, remove, () -> world.assertNone(migration, operation));
      case "G locations/operations" ->
          operation.contains("Network")
              ? new Step(() -> {}, make, () -> world.assertOne(migration, operation), remove)
              : retire();
      case "G disks (list)", "G publicIPAddresses (list)" -> costs(true);
      case "G snapshots (list of the subscription)", "G publicIPAddresses" -> costs(false);
      case "G disks", "G snapshots", "G snapshots (list)", "P snapshots", "D snapshots" ->
          snapshot(operation);
      default -> plan(operation);
    };
  }

  private Step plan(String operation) {
    String image = AzureMachines.id(AzureWorld.GROUP, "Microsoft.Compute/images", migration);
    String named =
        switch (operation) {
          case "GET Microsoft.Compute/images" -> image;
          case VERSIONS + WHOLE_LIST -> AzureWorld.IMAGE.replaceFirst("[^:]*$", "latest");
          default -> AzureWorld.IMAGE;
        };
    AzureMachine wanted = AzureRequests.machineOf(migration, named);
    return new Step(
        () -> world.machines.place(image, AzureWorld.located(AzureWorld.TARGET)),
        () ->
            assertThat(
                    world.compute.planMachines(AzureRequests.request(migration, wanted)).findings())
                .extracting(Finding::level)
                .containsOnly(Finding.Level.NOTE),
        () -> {
          world.machines.erase(image);
          world.assertNone(migration, operation);
        });
  }

  private void makeAndStop() {
    make.run();
    world.compute.awaitMachines(machine);
    world.machines.power(AzureWorld.id(migration), "deallocated");
  }

  private void isStarted() {
    world.compute.awaitMachines(machine);
    world.assertOne(migration, "started");
  }

  private void makeInterface() {
    world
        .arm()
        .fault(
            "PUT Microsoft.Compute/virtualMachines",
            ArmFault.says(ArmAnswer.error(409, "SkuNotAvailable", "Not now.")));
    AzureWorld.help(make);
  }

  private Step retire() {
    String old = world.oldMachine(migration);
    RetireRequest request = AzureRequests.retire(migration, old);
    return new Step(
        () -> {},
        () -> world.compute.stopMachines(request),
        () -> assertThat(world.power(old)).isEqualTo("deallocated"));
  }

  /** What a machine that is there, or was, still costs. */
  private Step costs(boolean gone) {
    RetireRequest request = AzureRequests.retire(migration, world.oldMachine(migration));
    String address = world.addressOf(migration);
    String of = gone ? ", which nothing uses" : " of " + migration;
    return new Step(
        () -> {
          if (gone) {
            world.compute.terminateMachines(request);
          }
        },
        () -> {
          String line = world.compute.listCosts(request).line();
          if (line.contains("not known")) {
            notKnown.add(line);
            return;
          }
          assertThat(line)
              .contains(AzureWorld.disk(migration) + " (30 GiB Premium_LRS)" + of)
              .contains("address 203.0.113.10 (%s)%s".formatted(address, of));
        },
        () -> assertThat(world.of("virtualmachines", migration)).hasSize(gone ? 0 : 1));
  }

  private Step snapshot(String operation) {
    String name = "disk-of-" + migration;
    String made = "whimbrel-" + migration + "-";
    world.oldMachine(name);
    MachinesRequest request = AzureRequests.snapshotOf(migration, AzureWorld.disk(name));
    Runnable begin = () -> world.compute.provisionMachines(request);
    Runnable undo = () -> world.compute.removeMachines(request);
    return operation.startsWith("DELETE")
        ? new Step(begin, undo, () -> assertThat(world.of("snapshots", made)).isEmpty())
        : new Step(() -> {}, begin, () -> assertThat(world.of("snapshots", made)).hasSize(2), undo);
  }

  /** What somebody else takes away that the call needs, right before it is carried out. */
  Runnable takenAway(String what) {
    return switch (what) {
      case "deletes the machine's network interface" -> () -> erase("networkinterfaces", migration);
      case "deletes the disk" ->
          () -> world.machines.erase(AzureWorld.disk("disk-of-" + migration));
      default -> () -> erase("snapshots", "whimbrel-" + migration);
    };
  }

  /** What somebody else does right before this call is carried out. */
  Runnable somebodyElse(String operation) {
    return switch (operation) {
      case "PUT Microsoft.Network/networkInterfaces" -> {
        String name = rehearsed("networkinterfaces", migration, make, remove);
        yield () ->
            place(AzureMachines.id(AzureWorld.GROUP, "Microsoft.Network/networkInterfaces", name));
      }
      case "PUT Microsoft.Compute/virtualMachines" ->
          () ->
              place(
                  world.machines.placeMachine(
                      AzureWorld.GROUP, AzureWorld.TARGET, migration, Map.of()));
      case "PUT Microsoft.Compute/snapshots" -> {
        MachinesRequest request =
            AzureRequests.snapshotOf(migration, AzureWorld.disk("disk-of-" + migration));
        String name =
            rehearsed(
                "snapshots",
                "whimbrel-" + migration + "-",
                () -> world.compute.provisionMachines(request),
                () -> world.compute.removeMachines(request));
        yield () -> place(AzureMachines.id(AzureWorld.GROUP, "Microsoft.Compute/snapshots", name));
      }
      case "POST Microsoft.Compute/virtualMachines/start" ->
          () -> world.machines.power(AzureWorld.id(migration), "running");
      case "POST Microsoft.Compute/virtualMachines/deallocate" ->
          () -> world.machines.power(AzureWorld.old(migration), "deallocated");
      case "DELETE Microsoft.Compute/snapshots" ->
          () -> erase("snapshots", "whimbrel-" + migration);
      default ->
          () ->
              List.of("virtualmachines", "networkinterfaces", "disks")
                  .forEach(type -> erase(type, migration));
    };
  }

  /** The same in words. */
  static String words(String operation) {
    return switch (operation) {
      case "PUT Microsoft.Network/networkInterfaces",
          "PUT Microsoft.Compute/virtualMachines",
          "PUT Microsoft.Compute/snapshots" ->
          "somebody else makes one of that name between look and change";
      default -> "somebody else does the same between look and change";
    };
  }

  /** Somebody else takes what they made away again; until then nobody has touched it. */
  void leave() {
    world.arm().clearFaults();
    if (!theirs.isEmpty()) {
      assertThat(world.machines.resource(theirs)).isEqualTo(placed);
      String name = theirs.substring(theirs.lastIndexOf('/') + 1);
      List.of("virtualmachines", "networkinterfaces", "disks", "snapshots")
          .forEach(type -> erase(type, name));
    }
  }

  /** The name, the same at every attempt, of what a step makes. */
  private String rehearsed(String type, String prefix, Runnable make, Runnable remove) {
    make.run();
    String name =
        world.of(type, prefix).keySet().stream().max(Comparator.naturalOrder()).orElseThrow();
    remove.run();
    assertThat(world.of(type, prefix)).isEmpty();
    return name;
  }

  private void place(String id) {
    if (world.machines.resource(id).isEmpty()) {
      world.machines.place(id, AzureWorld.located(AzureWorld.TARGET));
    }
    theirs = id;
    placed = world.machines.resource(id);
  }

  private void erase(String type, String prefix) {
    world.machines.all().keySet().stream()
        .filter(id -> id.contains("/" + type + "/" + prefix))
        .forEach(world.machines::erase);
  }
}
