package dev.whimbrel.compute;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.tuple;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.whimbrel.activity.Failures;
import dev.whimbrel.activity.MachinesRequest;
import dev.whimbrel.servers.ArmCall;
import dev.whimbrel.servers.ArmFault;
import dev.whimbrel.servers.AzureMachines;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

class AzureSnapshotsTest {
  @RegisterExtension static final AzureWorld world = new AzureWorld();

  private static final String disk = AzureWorld.disk("db");

  private final String migration = AzureRequests.migration();
  private final MachinesRequest request = AzureRequests.snapshotOf(migration, disk);

  @BeforeAll
  static void start() {
    world.oldMachine("db");
  }

  private Map<String, JsonNode> made(String name) {
    return world.of("snapshots", "whimbrel-" + name + "-");
  }

  @Test
  void copiesAnIncrementalSnapshotToTheTargetsLocationOnce() {
    String first = world.compute.provisionMachines(request).line();
    String second = world.compute.provisionMachines(request).line();

    assertThat(first).startsWith(disk + " is snapshot as ").endsWith("-copy in swedencentral");
    assertThat(second).isEqualTo(first);
    assertThat(made(migration).values())
        .extracting(
            each -> each.path("location").asText(),
            each -> each.at("/properties/creationData/createOption").asText(),
            each -> each.at("/properties/incremental").asBoolean(),
            each -> each.path("tags").toString())
        .containsExactlyInAnyOrder(
            tuple("westeurope", "Copy", true, "{\"whimbrel-migration\":\"" + migration + "\"}"),
            tuple(
                "swedencentral",
                "CopyStart",
                true,
                "{\"whimbrel-migration\":\"" + migration + "\"}"));
  }

  @Test
  void makesOneOfEachWhereverAnAttemptIsKilled() {
    int calls = 0;
    boolean reached = true;
    while (reached) {
      for (ArmFault fault : List.of(ArmFault.broken(), ArmFault.lostAfter())) {
        String name = AzureRequests.migration();
        MachinesRequest killed = AzureRequests.snapshotOf(name, disk);
        reached = world.killed(calls, fault, () -> world.compute.provisionMachines(killed));

        world.compute.provisionMachines(killed);

        assertThat(made(name)).as("%s after %d calls", fault.kind(), calls).hasSize(2);
      }
      calls++;
    }
    assertThat(calls).as("calls of a step").isGreaterThan(8);
  }

  @Test
  void makesOneOfEachWithSeveralAttemptsAtOnce() {
    List<Boolean> failed = AzureWorld.atOnce(() -> world.compute.provisionMachines(request));

    assertThat(failed).containsOnly(false);
    assertThat(made(migration)).hasSize(2);
  }

  @Test
  void asksForHelpWhereACopyFails() {
    world.machines.nextCopyFails("The source is gone.");

    Failures.Help help = AzureWorld.help(() -> world.compute.provisionMachines(request));
    world.compute.removeMachines(request);
    world.compute.provisionMachines(request);

    assertThat(help.cause()).endsWith("has failed: CopySourceNotFound (The source is gone.)");
    assertThat(help.command()).startsWith("az snapshot delete --ids /subscriptions/");
    assertThat(made(migration)).hasSize(2);
  }

  @Test
  void saysThatTheyWereDeletedOnlyWhenTheyAreGone() {
    world.compute.provisionMachines(request);
    world.arm().operations().pace(Duration.ofMillis(400), 1);

    String line = world.compute.removeMachines(request).line();

    assertThat(made(migration)).isEmpty();
    assertThat(line).contains("-copy was deleted").contains("-snapshot was deleted");
  }

  @Test
  void makesAnewWhatAnEarlierAttemptIsStillDeleting() {
    world.compute.provisionMachines(request);
    Map<String, JsonNode> before = made(migration);
    world.arm().operations().pace(Duration.ofSeconds(1), 1);
    world.arm().fault("DELETE Microsoft.Compute/snapshots", ArmFault.lostAfter());
    assertThat(AzureWorld.fails(() -> world.compute.removeMachines(request))).isTrue();

    world.compute.provisionMachines(request);

    Map<String, JsonNode> now = made(migration);
    assertThat(now).hasSize(2);
    assertThat(
            now.keySet().stream().filter(each -> !Objects.equals(now.get(each), before.get(each))))
        .as("made anew")
        .hasSize(1);
  }

  @Test
  void asksForHelpWhereOneCannotBeDeleted() {
    world.compute.provisionMachines(request);
    world
        .arm()
        .fault(
            "DELETE Microsoft.Compute/snapshots",
            ArmFault.operationFails("ResourceInUse", "A restore point uses it."));

    Failures.Help help = AzureWorld.help(() -> world.compute.removeMachines(request));
    world.compute.removeMachines(request);

    assertThat(help.cause())
        .startsWith("Cannot delete the snapshot /subscriptions/")
        .contains("ResourceInUse (A restore point uses it.)");
    assertThat(made(migration)).isEmpty();
  }

  @Test
  void asksThatNothingIsChangedAndReadsBackWhoseItIs() {
    world.machines.heedIfNoneMatch(false);
    String put = "PUT Microsoft.Compute/snapshots";
    Runnable theirs =
        () ->
            made(migration)
                .keySet()
                .forEach(
                    name ->
                        world.machines.place(
                            AzureMachines.id(AzureWorld.GROUP, "Microsoft.Compute/snapshots", name),
                            AzureWorld.located(AzureWorld.SOURCE)));
    world.arm().fault(put, ArmFault.after(theirs));
    world.arm().clearJournal();

    Failures.Help help = AzureWorld.help(() -> world.compute.provisionMachines(request));
    String line = world.compute.removeMachines(request).line();
    made(migration).keySet().forEach(this::erase);
    world.machines.heedIfNoneMatch(true);

    assertThat(help.cause())
        .endsWith(
            "a snapshot of this name is there, and does not carry this migration's tag: it is not touched");
    assertThat(line).isEqualTo("nothing to do");
    assertThat(
            world.arm().journal().stream().filter(each -> each.operation().equalsIgnoreCase(put)))
        .extracting(ArmCall::ifNoneMatch)
        .containsExactly("*");
  }

  private void erase(String name) {
    world.machines.erase(AzureMachines.id(AzureWorld.GROUP, "Microsoft.Compute/snapshots", name));
  }

  @Test
  void deletesItsOwnAlsoWhenTheDiskIsGoneAndNothingElse() {
    String machine = "gone-" + migration;
    world.oldMachine(machine);
    String gone = AzureWorld.disk(machine);
    MachinesRequest wanted = AzureRequests.snapshotOf(migration, gone);
    world.compute.provisionMachines(wanted);
    world.machines.erase(gone);
    String nightly =
        AzureMachines.id(AzureWorld.GROUP, "Microsoft.Compute/snapshots", "nightly-" + migration);
    ObjectNode snapshot = AzureWorld.located(AzureWorld.TARGET);
    snapshot.withObject("/tags").put("whimbrel-migration", migration);
    world.machines.place(nightly, snapshot);

    String line = world.compute.removeMachines(wanted).line();
    Failures.Help help = AzureWorld.help(() -> world.compute.provisionMachines(wanted));

    assertThat(line).contains("-copy was deleted").contains("-snapshot was deleted");
    assertThat(world.machines.resource(nightly)).isPresent();
    assertThat(help.cause()).isEqualTo("expected the disk %s, found none".formatted(gone));
  }
}
