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
import java.util.stream.Stream;

/**
 * A step that makes one call in the middle of its work.
 *
 * @param before what has to be there
 * @param run the step; gives what it says is not known, or stands in the way
 * @param doneOnce asserts that what it is for was done, and not twice
 * @param back takes the way back, where there is one
 * @param somebodyElse what others may do at the same moment
 */
record Ec2Step(
    Runnable before,
    Supplier<List<String>> run,
    Runnable doneOnce,
    Runnable back,
    Map<String, Runnable> somebodyElse) {

  /** What others do, in these words. */
  Runnable others(String does) {
    return Objects.requireNonNull(somebodyElse.get(does), does);
  }

  private static void nothing() {}

  /** The step in which every fault comes to that call. */
  static Ec2Step of(Ec2World world, String migration, String operation) {
    return named(
        world,
        migration,
        switch (operation) {
          case "DescribeInstances", "RunInstances" -> "provision";
          case "DescribeInstanceStatus" -> "await";
          case "StartInstances" -> "start";
          case "TerminateInstances" -> "remove";
          case "StopInstances" -> "stop";
          case "DescribeVolumes", "DescribeAddresses" -> "costs";
          case "DescribeSnapshots", "CreateSnapshot", "CopySnapshot" -> "snapshot";
          case "DeleteSnapshot" -> "remove snapshots";
          default -> "plan";
        });
  }

  static Ec2Step named(Ec2World world, String migration, String name) {
    return switch (name) {
      case "provision" -> provision(world, migration);
      case "await" -> await(world, migration);
      case "start" -> start(world, migration);
      case "remove" -> remove(world, migration);
      case "stop" -> stop(world, migration);
      case "look at the old machines" -> look(world, migration);
      case "terminate" -> terminate(world, migration);
      case "costs" -> costs(world, migration);
      case "snapshot" -> snapshot(world, migration);
      case "remove snapshots" -> removeSnapshots(world, migration);
      case "plan" -> plan(world, migration);
      case "plan of the retirement" -> planRetirement(world, migration);
      default -> throw new IllegalArgumentException(name);
    };
  }

  private static Ec2Step provision(Ec2World world, String migration) {
    MachinesRequest machine = Ec2World.request(migration, world.machine("app-1"));
    return new Ec2Step(
        Ec2Step::nothing,
        quiet(() -> world.compute.provisionMachines(machine)),
        () -> assertThat(world.alive(migration)).hasSize(1),
        () -> world.compute.removeMachines(machine),
        Map.of(
            "makes one with its tags", () -> world.tagged(migration, "app-1"),
            "(another attempt) makes it", () -> world.compute.provisionMachines(machine)));
  }

  private static Ec2Step await(Ec2World world, String migration) {
    MachinesRequest machine = Ec2World.request(migration, world.machine("app-1"));
    return new Ec2Step(
        () -> world.compute.provisionMachines(machine),
        quiet(() -> world.compute.awaitMachines(machine)),
        () -> assertThat(world.alive(migration)).hasSize(1),
        () -> world.compute.removeMachines(machine),
        Map.of());
  }

  /** What was adopted is left as it is at the end. */
  private static Ec2Step start(Ec2World world, String migration) {
    String standing = world.instance(world.target);
    MachinesRequest adopting = Ec2World.request(migration, Ec2World.adopting("app-1", standing));
    Runnable runs = () -> assertThat(Ec2World.state(world.target, standing)).isEqualTo("running");
    return new Ec2Step(
        () -> world.target.stopInstances(ask -> ask.instanceIds(standing)),
        quiet(() -> world.compute.provisionMachines(adopting)),
        runs,
        () -> {
          world.compute.removeMachines(adopting);
          runs.run();
        },
        Map.of(
            "starts the machine",
            () -> world.target.startInstances(ask -> ask.instanceIds(standing))));
  }

  private static Ec2Step remove(Ec2World world, String migration) {
    MachinesRequest machine = Ec2World.request(migration, world.machine("app-1"));
    return new Ec2Step(
        () -> world.compute.provisionMachines(machine),
        quiet(() -> world.compute.removeMachines(machine)),
        () -> assertThat(world.alive(migration)).isEmpty(),
        Ec2Step::nothing,
        Map.of(
            "ends the machine",
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
        Ec2Step::nothing,
        Map.of("stops the machine", () -> world.source.stopInstances(ask -> ask.instanceIds(old))));
  }

  private static Ec2Step look(Ec2World world, String migration) {
    String old = world.instance(world.source);
    return onOldMachine(
        world, old, () -> world.compute.lookAtOldMachines(Ec2World.retire(migration, old)));
  }

  private static Ec2Step onOldMachine(Ec2World world, String old, Runnable run) {
    return new Ec2Step(
        Ec2Step::nothing,
        quiet(run),
        () -> assertThat(Ec2World.state(world.source, old)).isEqualTo("running"),
        Ec2Step::nothing,
        Map.of());
  }

  private static Ec2Step terminate(Ec2World world, String migration) {
    String old = world.instance(world.source);
    return new Ec2Step(
        Ec2Step::nothing,
        quiet(() -> world.compute.terminateMachines(Ec2World.retire(migration, old))),
        () -> assertThat(Ec2World.state(world.source, old)).isEqualTo("terminated"),
        Ec2Step::nothing,
        Map.of());
  }

  private static Ec2Step costs(Ec2World world, String migration) {
    String old = world.instance(world.source);
    RetireRequest retire = Ec2World.retire(migration, old);
    return new Ec2Step(
        Ec2Step::nothing,
        () ->
            Stream.of(world.compute.listCosts(retire).line())
                .filter(each -> each.contains("not known"))
                .toList(),
        () -> assertThat(world.compute.listCosts(retire).line()).contains("(8 GiB gp2) of " + old),
        Ec2Step::nothing,
        Map.of());
  }

  private static MachinesRequest snapshotOf(String migration, String volume) {
    return Ec2World.request(
        migration,
        new ProvisionSpec.Ec2(
            Ec2World.TARGET,
            List.of(),
            List.of(new Ec2Snapshot(volume, Ec2World.SOURCE)),
            List.of()));
  }

  private static Ec2Step snapshot(Ec2World world, String migration) {
    String volume = world.volume(world.source);
    MachinesRequest snapshot = snapshotOf(migration, volume);
    Runnable make = () -> world.compute.provisionMachines(snapshot);
    return new Ec2Step(
        Ec2Step::nothing,
        quiet(make),
        () -> {
          assertThat(Ec2World.snapshots(world.source, migration)).hasSize(1);
          assertThat(Ec2World.snapshots(world.target, migration)).hasSize(1);
        },
        () -> world.compute.removeMachines(snapshot),
        Map.of(
            "(another attempt) makes it",
            make,
            "deletes the volume",
            () -> world.source.deleteVolume(ask -> ask.volumeId(volume)),
            "deletes the original",
            () -> world.deleteSnapshots(world.source, migration)));
  }

  private static Ec2Step removeSnapshots(Ec2World world, String migration) {
    MachinesRequest snapshot = snapshotOf(migration, world.volume(world.source));
    return new Ec2Step(
        () -> world.compute.provisionMachines(snapshot),
        quiet(() -> world.compute.removeMachines(snapshot)),
        () -> {
          assertThat(Ec2World.snapshots(world.source, migration)).isEmpty();
          assertThat(Ec2World.snapshots(world.target, migration)).isEmpty();
        },
        Ec2Step::nothing,
        Map.of("deletes the snapshot", () -> world.deleteSnapshots(world.target, migration)));
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
        () -> said(world.compute.planMachines(request)),
        () -> {
          assertThat(said(world.compute.planMachines(request))).isEmpty();
          assertThat(world.alive(migration)).isEmpty();
        },
        Ec2Step::nothing,
        Map.of());
  }

  /** Asks without doing it whether the machine could be stopped, and ended. */
  private static Ec2Step planRetirement(Ec2World world, String migration) {
    String old = world.instance(world.source);
    RetireRequest retire = Ec2World.retire(migration, old);
    Supplier<List<String>> plan = () -> said(world.compute.planRetirement(retire));
    return new Ec2Step(
        Ec2Step::nothing,
        plan,
        () -> {
          assertThat(plan.get()).isEmpty();
          assertThat(Ec2World.state(world.source, old)).isEqualTo("running");
        },
        Ec2Step::nothing,
        Map.of());
  }

  private static List<String> said(ChangePlan plan) {
    return plan.findings().stream()
        .filter(
            each -> each.level() == Finding.Level.BLOCKER || each.message().contains("not known"))
        .map(Finding::line)
        .toList();
  }

  private static Supplier<List<String>> quiet(Runnable step) {
    return () -> {
      step.run();
      return List.of();
    };
  }
}
