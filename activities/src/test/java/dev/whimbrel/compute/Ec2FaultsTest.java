package dev.whimbrel.compute;

import static org.assertj.core.api.Assertions.assertThat;

import dev.whimbrel.FaultTable;
import dev.whimbrel.activity.Failures;
import dev.whimbrel.activity.MachinesRequest;
import dev.whimbrel.runbook.ProvisionSpec;
import dev.whimbrel.runbook.ProvisionSpec.Ec2Snapshot;
import dev.whimbrel.servers.Fault;
import dev.whimbrel.servers.Needs;
import dev.whimbrel.servers.Program;
import io.temporal.failure.ApplicationFailure;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Every fault at every call, in the middle of a step that needs the call: nothing is done twice,
 * nothing is lost, and the message says what to do. Makes its part of docs/provider-faults.md.
 */
@Needs(Program.MOTO)
class Ec2FaultsTest {
  private static final int EVERY_TIME = 1000;
  private static Ec2World world;
  private static FaultTable table;

  private final String migration = Ec2World.migration();

  /** A fault, its name in the table, and how often it comes. */
  private record Case(String fault, Fault with, int times) {
    @Override
    public String toString() {
      return fault;
    }
  }

  private static final List<Case> FAULTS =
      List.of(
          new Case("throttled once", Fault.refused(503, "RequestLimitExceeded"), 1),
          new Case(
              "throttled all the time", Fault.refused(503, "RequestLimitExceeded"), EVERY_TIME),
          new Case(
              "InternalError 500 all the time", Fault.refused(500, "InternalError"), EVERY_TIME),
          new Case("right denied", Fault.refused(403, "UnauthorizedOperation"), EVERY_TIME),
          new Case("request lost all the time", Fault.REQUEST_LOST, EVERY_TIME),
          new Case("done, answer lost once", Fault.ANSWER_LOST, 1));

  @BeforeAll
  static void start() {
    world = new Ec2World();
    table =
        new FaultTable("ec2", "EC2")
            .hiding("\\b(i|vol|snap)-[0-9a-f]+", "$1-0abc")
            .hiding("\\bshop-\\d+", "shop");
  }

  @AfterAll
  static void end() {
    world.close();
    table.check();
  }

  @AfterEach
  void touchesNothingForeign() {
    world.assertBystandersUntouched();
  }

  static Stream<Arguments> cases() {
    List<Arguments> all = new ArrayList<>();
    for (String operation :
        List.of(
            "DescribeInstances",
            "RunInstances",
            "DescribeInstanceStatus",
            "DescribeSnapshots",
            "CreateSnapshot",
            "CopySnapshot",
            "DeleteSnapshot",
            "TerminateInstances",
            "StopInstances")) {
      FAULTS.forEach(fault -> all.add(Arguments.of(operation, fault)));
    }
    all.add(
        Arguments.of(
            "RunInstances",
            new Case(
                "no capacity", Fault.refused(500, "InsufficientInstanceCapacity"), EVERY_TIME)));
    all.add(
        Arguments.of(
            "RunInstances",
            new Case("quota used up", Fault.refused(400, "VcpuLimitExceeded"), EVERY_TIME)));
    all.add(
        Arguments.of(
            "DescribeInstances",
            new Case("credentials expired", Fault.refused(401, "AuthFailure"), EVERY_TIME)));
    return all.stream();
  }

  @ParameterizedTest(name = "{0}: {1}")
  @MethodSource("cases")
  void aStepMeetsAFault(String operation, Case meets) {
    Step step = step(operation);
    step.before().run();
    world.front().fail(operation, meets.times(), meets.with());

    Optional<ApplicationFailure> failure = failure(step.run());
    world.front().heal();
    failure.ifPresent(Ec2FaultsTest::requireUseful);
    step.run().run();

    step.doneOnce().run();
    table.row(operation, meets.fault(), became(failure), printed(failure));
  }

  /**
   * A step that makes the call.
   *
   * @param doneOnce asserts that what it is for was done, and not twice
   */
  private record Step(Runnable before, Runnable run, Runnable doneOnce) {}

  private Step step(String operation) {
    MachinesRequest machine = Ec2World.request(migration, world.machine("app-1"));
    return switch (operation) {
      case "DescribeInstances", "RunInstances" ->
          new Step(
              () -> {},
              () -> world.compute.provisionMachines(machine),
              () -> assertThat(world.alive(migration)).hasSize(1));
      case "DescribeInstanceStatus" ->
          new Step(
              () -> world.compute.provisionMachines(machine),
              () -> world.compute.awaitMachines(machine),
              () -> assertThat(world.alive(migration)).hasSize(1));
      case "TerminateInstances" ->
          new Step(
              () -> world.compute.provisionMachines(machine),
              () -> world.compute.removeMachines(machine),
              () -> assertThat(world.alive(migration)).isEmpty());
      case "StopInstances" -> stop();
      default -> snapshot(operation);
    };
  }

  private Step stop() {
    String old = world.instance(world.source);
    return new Step(
        () -> {},
        () -> world.compute.stopMachines(Ec2World.retire(migration, old)),
        () -> assertThat(Ec2World.state(world.source, old)).isEqualTo("stopped"));
  }

  private Step snapshot(String operation) {
    MachinesRequest snapshot =
        Ec2World.request(
            migration,
            new ProvisionSpec.Ec2(
                Ec2World.TARGET,
                List.of(),
                List.of(new Ec2Snapshot(world.volume(world.source), Ec2World.SOURCE)),
                List.of()));
    return operation.equals("DeleteSnapshot")
        ? new Step(
            () -> world.compute.provisionMachines(snapshot),
            () -> world.compute.removeMachines(snapshot),
            () -> {
              assertThat(Ec2World.snapshots(world.source, migration)).isEmpty();
              assertThat(Ec2World.snapshots(world.target, migration)).isEmpty();
            })
        : new Step(
            () -> {},
            () -> world.compute.provisionMachines(snapshot),
            () -> {
              assertThat(Ec2World.snapshots(world.source, migration)).hasSize(1);
              assertThat(Ec2World.snapshots(world.target, migration)).hasSize(1);
            });
  }

  /** Only the kinds that Temporal is told about, with words that name the call and the place. */
  private static void requireUseful(ApplicationFailure failure) {
    assertThat(failure.getType()).isIn(Failures.TRANSIENT, Failures.NEEDS_HELP);
    assertThat(failure.getOriginalMessage()).containsPattern("in eu-(north|west)-1: ");
    assertThat(failure.getCause()).isNull();
    if (failure.getType().equals(Failures.NEEDS_HELP)) {
      assertThat(failure.getDetails().get(Failures.Help.class).remedy()).isNotBlank();
    }
  }

  private static String became(Optional<ApplicationFailure> failure) {
    return failure
        .map(
            each ->
                each.getType().equals(Failures.TRANSIENT)
                    ? "the step is tried again; done once"
                    : "parks; done once after a retry")
        .orElse("the SDK asked again; done once");
  }

  private static String printed(Optional<ApplicationFailure> failure) {
    return failure
        .map(
            each ->
                each.getType().equals(Failures.TRANSIENT)
                    ? each.getOriginalMessage()
                    : each.getOriginalMessage()
                        + ". Fix: "
                        + each.getDetails().get(Failures.Help.class).remedy())
        .orElse("");
  }

  private static Optional<ApplicationFailure> failure(Runnable step) {
    try {
      step.run();
      return Optional.empty();
    } catch (ApplicationFailure e) {
      return Optional.of(e);
    }
  }
}
