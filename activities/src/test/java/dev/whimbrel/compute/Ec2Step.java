package dev.whimbrel.compute;

import static org.assertj.core.api.Assertions.assertThat;

import dev.whimbrel.activity.ChangePlan;
import dev.whimbrel.activity.Finding;
import dev.whimbrel.activity.MachinesRequest;
import dev.whimbrel.activity.RetireRequest;
import dev.whimbrel.runbook.ProvisionSpec;
import dev.whimbrel.runbook.ProvisionSpec.Ec2Machine;
import dev.whimbrel.runbook.ProvisionSpec.Ec2Snapshot;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.function.Supplier;

/**
 * A step that makes one call in the middle of its work.
 *
 * @param before what has to be there
 * @param run the step; gives what it says is not known
 * @param doneOnce asserts that what it is for was done, and not twice
 * @param somebodyElse what others may do at the same moment, by its verb
 */
record Ec2Step(
    Runnable before,
    Supplier<List<String>> run,
    Runnable doneOnce,
    Map<String, Runnable> somebodyElse) {

  /** What others do, by its verb. */
  Runnable others(String verb) {
    return Objects.requireNonNull(somebodyElse.get(verb), verb);
  }

  private static void nothing() {}

  static Ec2Step of(Ec2World world, String migration, String operation) {
    return switch (operation) {
      case "DescribeInstances", "RunInstances" -> provision(world, migration);
      case "DescribeInstanceStatus" -> await(world, migration);
      case "StartInstances" -> start(world, migration);
      case "TerminateInstances" -> remove(world, migration);
      case "StopInstances" -> stop(world, migration);
      case "DescribeVolumes", "DescribeAddresses" -> costs(world, migration);
      case "DescribeSnapshots", "CreateSnapshot", "CopySnapshot" -> snapshot(world, migration);
      case "DeleteSnapshot" -> deleteSnapshot(world, migration);
      default -> plan(world, migration);
    };
  }

  private static Ec2Step provision(Ec2World world, String migration) {
    MachinesRequest machine = Ec2World.request(migration, world.machine("app-1"));
    return new Ec2Step(
        Ec2Step::nothing,
        quiet(() -> world.compute.provisionMachines(machine)),
        () -> assertThat(world.alive(migration)).hasSize(1),
        Map.of());
  }

  private static Ec2Step await(Ec2World world, String migration) {
    MachinesRequest machine = Ec2World.request(migration, world.machine("app-1"));
    return new Ec2Step(
        () -> world.compute.provisionMachines(machine),
        quiet(() -> world.compute.awaitMachines(machine)),
        () -> assertThat(world.alive(migration)).hasSize(1),
        Map.of());
  }

  private static Ec2Step start(Ec2World world, String migration) {
    String standing = world.instance(world.target);
    MachinesRequest adopting = Ec2World.request(migration, Ec2World.adopting("app-1", standing));
    return new Ec2Step(
        () -> world.target.stopInstances(ask -> ask.instanceIds(standing)),
        quiet(() -> world.compute.provisionMachines(adopting)),
        () -> assertThat(Ec2World.state(world.target, standing)).isEqualTo("running"),
        Map.of("starts", () -> world.target.startInstances(ask -> ask.instanceIds(standing))));
  }

  private static Ec2Step remove(Ec2World world, String migration) {
    MachinesRequest machine = Ec2World.request(migration, world.machine("app-1"));
    return new Ec2Step(
        () -> world.compute.provisionMachines(machine),
        quiet(() -> world.compute.removeMachines(machine)),
        () -> assertThat(world.alive(migration)).isEmpty(),
        Map.of(
            "ends",
            () ->
                world.target.terminateInstances(
                    ask -> ask.instanceIds(world.alive(migration).get(0).instanceId()))));
  }

  private static Ec2Step stop(Ec2World world, String migration) {
    String old = world.instance(world.source);
    return new Ec2Step(
        Ec2Step::nothing,
        quiet(() -> world.compute.stopMachines(Ec2World.retire(migration, old))),
        () -> assertThat(Ec2World.state(world.source, old)).isEqualTo("stopped"),
        Map.of("stops", () -> world.source.stopInstances(ask -> ask.instanceIds(old))));
  }

  private static Ec2Step costs(Ec2World world, String migration) {
    String old = world.instance(world.source);
    RetireRequest retire = Ec2World.retire(migration, old);
    return new Ec2Step(
        Ec2Step::nothing,
        quiet(() -> world.compute.listCosts(retire)),
        () -> assertThat(world.compute.listCosts(retire).line()).contains("(8 GiB gp2) of " + old),
        Map.of());
  }

  private static MachinesRequest snapshotOfAVolume(Ec2World world, String migration) {
    return Ec2World.request(
        migration,
        new ProvisionSpec.Ec2(
            Ec2World.TARGET,
            List.of(),
            List.of(new Ec2Snapshot(world.volume(world.source), Ec2World.SOURCE)),
            List.of()));
  }

  private static Ec2Step snapshot(Ec2World world, String migration) {
    MachinesRequest snapshot = snapshotOfAVolume(world, migration);
    return new Ec2Step(
        Ec2Step::nothing,
        quiet(() -> world.compute.provisionMachines(snapshot)),
        () -> {
          assertThat(Ec2World.snapshots(world.source, migration)).hasSize(1);
          assertThat(Ec2World.snapshots(world.target, migration)).hasSize(1);
        },
        Map.of());
  }

  private static Ec2Step deleteSnapshot(Ec2World world, String migration) {
    MachinesRequest snapshot = snapshotOfAVolume(world, migration);
    return new Ec2Step(
        () -> world.compute.provisionMachines(snapshot),
        quiet(() -> world.compute.removeMachines(snapshot)),
        () -> {
          assertThat(Ec2World.snapshots(world.source, migration)).isEmpty();
          assertThat(Ec2World.snapshots(world.target, migration)).isEmpty();
        },
        Map.of(
            "deletes",
            () ->
                Ec2World.snapshots(world.target, migration)
                    .forEach(
                        each ->
                            world.target.deleteSnapshot(
                                ask -> ask.snapshotId(each.snapshotId())))));
  }

  private static Ec2Step plan(Ec2World world, String migration) {
    Ec2Machine machine =
        new Ec2Machine(
            "app-1",
            null,
            world.image,
            "t3.medium",
            world.subnet,
            List.of(world.group),
            migration,
            null,
            Map.of());
    MachinesRequest request = Ec2World.request(migration, machine);
    return new Ec2Step(
        () -> world.target.createKeyPair(ask -> ask.keyName(migration)),
        () -> notKnown(world.compute.planMachines(request)),
        () -> {
          ChangePlan plan = world.compute.planMachines(request);
          assertThat(plan.findings())
              .extracting(Finding::level)
              .doesNotContain(Finding.Level.BLOCKER);
          assertThat(notKnown(plan)).isEmpty();
          assertThat(world.alive(migration)).isEmpty();
        },
        Map.of());
  }

  private static List<String> notKnown(ChangePlan plan) {
    return plan.findings().stream()
        .map(Finding::line)
        .filter(each -> each.contains("not known"))
        .toList();
  }

  private static Supplier<List<String>> quiet(Runnable step) {
    return () -> {
      step.run();
      return List.of();
    };
  }
}
