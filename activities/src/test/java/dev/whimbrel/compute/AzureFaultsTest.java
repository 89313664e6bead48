package dev.whimbrel.compute;

import static org.assertj.core.api.Assertions.assertThat;

import dev.whimbrel.FaultTable;
import dev.whimbrel.activity.Failures;
import dev.whimbrel.activity.Finding;
import dev.whimbrel.activity.MachinesRequest;
import dev.whimbrel.activity.RetireRequest;
import dev.whimbrel.servers.ArmAnswer;
import dev.whimbrel.servers.ArmFault;
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
class AzureFaultsTest {
  /** The read of one, which comes after that of the list. */
  private static final String ONE = " (one)";

  private static AzureWorld world;
  private static FaultTable table;

  private final String migration = AzureWorld.migration();
  private final MachinesRequest machine = AzureWorld.request(migration);

  /** A fault and its name in the table. */
  private record Case(String fault, ArmFault with) {
    @Override
    public String toString() {
      return fault;
    }
  }

  private static final List<Case> ANYWHERE =
      List.of(
          new Case("throttled (429, Retry-After 7)", ArmFault.throttled(7)),
          new Case("500", ArmFault.broken()),
          new Case("another operation in progress (409)", ArmFault.conflict()),
          new Case("right denied (403)", ArmFault.denied()),
          new Case("token expired (401)", ArmFault.unauthorized()));

  private static final List<Case> CHANGES =
      List.of(
          new Case("request lost", ArmFault.lostBefore()),
          new Case("done, answer lost", ArmFault.lostAfter()));

  @BeforeAll
  static void start() {
    world = new AzureWorld();
    table =
        new FaultTable("azure-vm", "Azure virtual machines")
            .hiding("/subscriptions/[0-9a-f-]+", "/subscriptions/…")
            .hiding("\\bshop-\\d+-[0-9a-f]{12}", "shop-1")
            .hiding("\\bshop-\\d+", "shop-1")
            .hiding("\\b[0-9a-f]{12}\\b", "…");
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
            "GET Microsoft.Compute/virtualMachines",
            "GET Microsoft.Compute/virtualMachines" + ONE,
            "GET Microsoft.Network/networkInterfaces",
            "GET Microsoft.Compute/disks",
            "GET Microsoft.Compute/snapshots",
            "GET Microsoft.Compute/snapshots" + ONE,
            "GET Microsoft.Compute/skus",
            "GET Microsoft.Compute/locations/usages",
            "GET Microsoft.Network/networkSecurityGroups",
            "GET Microsoft.Network/virtualNetworks/subnets")) {
      ANYWHERE.forEach(fault -> all.add(Arguments.of(operation, fault)));
    }
    for (String operation :
        List.of(
            "PUT Microsoft.Network/networkInterfaces",
            "PUT Microsoft.Compute/virtualMachines",
            "POST Microsoft.Compute/virtualMachines/start",
            "POST Microsoft.Compute/virtualMachines/deallocate",
            "DELETE Microsoft.Compute/virtualMachines",
            "DELETE Microsoft.Network/networkInterfaces",
            "PUT Microsoft.Compute/snapshots",
            "DELETE Microsoft.Compute/snapshots")) {
      ANYWHERE.forEach(fault -> all.add(Arguments.of(operation, fault)));
      CHANGES.forEach(fault -> all.add(Arguments.of(operation, fault)));
    }
    all.addAll(special());
    return all.stream();
  }

  private static List<Arguments> special() {
    String make = "PUT Microsoft.Compute/virtualMachines";
    return List.of(
        Arguments.of(
            make,
            new Case(
                "size not available (409)",
                ArmFault.says(
                    ArmAnswer.error(409, "SkuNotAvailable", "The size is not available.")))),
        Arguments.of(
            make,
            new Case(
                "quota used up (409)",
                ArmFault.says(
                    ArmAnswer.error(
                        409, "OperationNotAllowed", "It exceeds the approved Cores quota.")))),
        Arguments.of(
            "PUT Microsoft.Network/networkInterfaces",
            new Case(
                "operation fails",
                ArmFault.operationFails("SubnetIsFull", "The subnet has no address left."))),
        Arguments.of(
            "POST Microsoft.Compute/virtualMachines/deallocate",
            new Case(
                "operation fails for now",
                ArmFault.operationFails("InternalExecutionError", "An error occurred."))),
        Arguments.of(
            "DELETE Microsoft.Compute/virtualMachines",
            new Case(
                "locked (409)",
                ArmFault.says(ArmAnswer.error(409, "ScopeLocked", "The scope is locked.")))));
  }

  @ParameterizedTest(name = "{0}: {1}")
  @MethodSource("cases")
  void aStepMeetsAFault(String operation, Case meets) {
    Step step = step(operation);
    step.before().run();
    world.arm().fault(operation.replace(ONE, ""), operation.endsWith(ONE) ? 1 : 0, 1, meets.with());

    Optional<ApplicationFailure> failure = AzureWorld.failure(step.run());
    world.arm().clearFaults();
    failure.ifPresent(AzureFaultsTest::requireUseful);
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
    Runnable make = () -> world.compute.provisionMachines(machine);
    Runnable remove = () -> world.compute.removeMachines(machine);
    String what = operation.replace(ONE, "").substring(operation.indexOf('/') + 1);
    return switch (operation.charAt(0) + " " + what) {
      case "G virtualMachines", "G networkInterfaces", "P networkInterfaces", "P virtualMachines" ->
          new Step(() -> {}, make, () -> world.assertOne(migration, operation));
      case "P virtualMachines/start" -> new Step(this::makeAndStop, make, this::isStarted);
      case "P virtualMachines/deallocate" -> retire();
      case "D virtualMachines" ->
          new Step(make, remove, () -> world.assertNone(migration, operation));
      case "D networkInterfaces" ->
          new Step(this::makeInterface, remove, () -> world.assertNone(migration, operation));
      case "G skus", "G locations/usages", "G networkSecurityGroups", "G virtualNetworks/subnets" ->
          new Step(() -> {}, this::plan, () -> world.assertNone(migration, operation));
      default -> snapshot(operation);
    };
  }

  private void plan() {
    assertThat(world.compute.planMachines(machine).findings())
        .extracting(Finding::level)
        .containsOnly(Finding.Level.NOTE);
  }

  private void makeAndStop() {
    world.compute.provisionMachines(machine);
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
    AzureWorld.help(() -> world.compute.provisionMachines(machine));
  }

  private Step retire() {
    String old = world.oldMachine(migration);
    RetireRequest request = AzureWorld.retire(migration, old);
    return new Step(
        () -> {},
        () -> world.compute.stopMachines(request),
        () -> assertThat(world.power(old)).isEqualTo("deallocated"));
  }

  private Step snapshot(String operation) {
    String name = "disk-of-" + migration;
    world.oldMachine(name);
    MachinesRequest request = AzureWorld.snapshotOf(migration, AzureWorld.disk(name));
    Runnable make = () -> world.compute.provisionMachines(request);
    return operation.startsWith("DELETE")
        ? new Step(make, () -> world.compute.removeMachines(request), () -> snapshots(0))
        : new Step(() -> {}, make, () -> snapshots(2));
  }

  /** Azure ends the deletion of a snapshot a little later. */
  private void snapshots(int expected) {
    long deadline = System.nanoTime() + 2_000_000_000L;
    while (System.nanoTime() < deadline && found() != expected) {
      Thread.onSpinWait();
    }
    assertThat(found()).isEqualTo(expected);
  }

  private int found() {
    return world.of("snapshots", "whimbrel-" + migration + "-").size();
  }

  /** Only the kinds that Temporal is told about, with words that name the call and the object. */
  private static void requireUseful(ApplicationFailure failure) {
    assertThat(failure.getType()).isIn(Failures.TRANSIENT, Failures.NEEDS_HELP);
    assertThat(failure.getOriginalMessage()).startsWith("Cannot ").contains(": ");
    assertThat(failure.getCause()).isNull();
    if (failure.getOriginalMessage().contains("Azure answers 429")) {
      assertThat(failure.getNextRetryDelay()).hasSeconds(7);
    }
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
        .orElse("the step went on; done once");
  }

  private static String printed(Optional<ApplicationFailure> failure) {
    if (failure.isEmpty()) {
      return "";
    }
    if (failure.get().getType().equals(Failures.TRANSIENT)) {
      return failure.get().getOriginalMessage();
    }
    Failures.Help help = failure.get().getDetails().get(Failures.Help.class);
    return "%s. Fix: %s%s"
        .formatted(
            help.cause(), help.remedy(), help.command() == null ? "" : ": " + help.command());
  }
}
