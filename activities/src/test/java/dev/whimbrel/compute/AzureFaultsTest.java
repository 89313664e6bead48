package dev.whimbrel.compute;

import static org.assertj.core.api.Assertions.assertThat;

import dev.whimbrel.FaultTable;
import dev.whimbrel.activity.Failures;
import dev.whimbrel.compute.AzureSteps.Step;
import dev.whimbrel.servers.ArmAnswer;
import dev.whimbrel.servers.ArmFault;
import io.temporal.failure.ApplicationFailure;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.MethodOrderer;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.TestMethodOrder;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Every fault at every call, in the middle of a step that needs the call: nothing is done twice,
 * nothing is lost, and the message says what to do. Makes its part of docs/provider-faults.md.
 */
@TestMethodOrder(MethodOrderer.OrderAnnotation.class)
class AzureFaultsTest {
  private static final int EVERY_TIME = 1000;

  @RegisterExtension static final AzureWorld world = new AzureWorld();

  private static FaultTable table;

  private final AzureSteps steps = new AzureSteps(world);

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

  private static final Case LOST = new Case("connection lost", ArmFault.lostBefore());

  @BeforeAll
  static void start() {
    table =
        new FaultTable("azure-vm", "Azure virtual machines")
            .hiding("/operations/[0-9a-f-]+", "/operations/…")
            .hiding("/subscriptions/[0-9a-f-]+", "/subscriptions/…")
            .hiding("\\bshop-\\d+-[0-9a-f]{12}", "shop-1")
            .hiding("\\bshop-\\d+", "shop-1")
            .hiding("\\b[0-9a-f]{12}\\b", "…");
  }

  @AfterAll
  static void end() {
    table.check();
  }

  static Stream<Arguments> cases() {
    List<Arguments> all = new ArrayList<>();
    for (String operation : AzureSteps.READS) {
      ANYWHERE.forEach(fault -> all.add(Arguments.of(operation, fault)));
      all.add(Arguments.of(operation, LOST));
    }
    for (String operation : AzureSteps.CHANGES) {
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

  @Order(1)
  @ParameterizedTest(name = "{0}: {1}")
  @MethodSource("cases")
  void aStepMeetsAFault(String operation, Case meets) {
    Step step = steps.making(operation);
    step.before().run();
    // A look that gets no answer is repeated by the JDK's client itself: so it never gets one.
    world.arm().fault(operation, 0, meets.equals(LOST) ? EVERY_TIME : 1, meets.with());

    Optional<ApplicationFailure> failure = FaultTable.failure(step.run());
    world.arm().clearFaults();
    failure.ifPresent(AzureFaultsTest::requireUseful);
    List<String> notKnown = steps.notKnown();
    step.run().run();
    assertThat(steps.notKnown()).isEmpty();
    step.doneOnce().run();

    step.back().run();
    steps.assertNothingLeft();
    table.row(
        operation,
        meets.fault(),
        notKnown.isEmpty() ? became(failure) : "the step goes on without it, and says so",
        notKnown.isEmpty() ? printed(failure) : String.join(" ", notKnown));
  }

  static Stream<Arguments> kills() {
    return AzureSteps.CHANGES.stream()
        .flatMap(change -> Stream.of(Arguments.of(change, false), Arguments.of(change, true)));
  }

  @Order(2)
  @ParameterizedTest(name = "{0}: done before {1}")
  @MethodSource("kills")
  void aWorkerIsKilled(String operation, boolean done) throws Exception {
    Step step = steps.making(operation);
    step.before().run();
    CountDownLatch arrived = new CountDownLatch(1);
    CountDownLatch goOn = new CountDownLatch(1);
    Runnable hang = () -> await(arrived, goOn);
    world.arm().fault(operation, done ? ArmFault.after(hang) : ArmFault.before(hang));
    CompletableFuture<Void> killed = CompletableFuture.runAsync(step.run());
    assertThat(arrived.await(20, TimeUnit.SECONDS)).isTrue();

    step.run().run();
    step.doneOnce().run();
    goOn.countDown();
    killed.get(20, TimeUnit.SECONDS);
    step.doneOnce().run();

    step.back().run();
    steps.assertNothingLeft();
    table.row(
        operation,
        done
            ? "worker killed after it was done, before it could report it"
            : "worker killed; the call arrives when another worker has made it",
        done ? "another worker goes on; done once" : "another worker makes it; done once",
        "");
  }

  @Order(3)
  @ParameterizedTest(name = "{0}")
  @MethodSource("changes")
  void somebodyElseDoesTheSame(String operation) {
    Step step = steps.making(operation);
    step.before().run();
    world.arm().fault(operation, ArmFault.before(steps.somebodyElse(operation)));

    Optional<ApplicationFailure> failure = FaultTable.failure(step.run());
    failure.ifPresent(AzureFaultsTest::requireKind);
    steps.leave();
    step.run().run();
    step.doneOnce().run();

    step.back().run();
    steps.assertNothingLeft();
    table.row(
        operation,
        AzureSteps.words(operation),
        failure.isEmpty() ? "the step went on" : "parks, and theirs is as it was; done once after",
        printed(failure));
  }

  static Stream<Arguments> takenAway() {
    return Stream.of(
        Arguments.of(
            "PUT Microsoft.Compute/virtualMachines", 0, "deletes the machine's network interface"),
        Arguments.of("PUT Microsoft.Compute/snapshots", 0, "deletes the disk"),
        Arguments.of("PUT Microsoft.Compute/snapshots", 1, "deletes the original"));
  }

  @Order(4)
  @ParameterizedTest(name = "{0}: somebody else {2}")
  @MethodSource("takenAway")
  void somebodyElseTakesAwayWhatItNeeds(String operation, int skip, String what) {
    Step step = steps.making(operation);
    world.arm().fault(operation, skip, 1, ArmFault.before(steps.takenAway(what)));

    Optional<ApplicationFailure> failure = FaultTable.failure(step.run());
    world.arm().clearFaults();
    failure.ifPresent(AzureFaultsTest::requireKind);
    boolean forGood = what.equals("deletes the disk");
    if (!forGood) {
      step.run().run();
      step.doneOnce().run();
    }

    step.back().run();
    steps.assertNothingLeft();
    assertThat(failure).isPresent();
    table.row(
        operation,
        "somebody else %s between look and change".formatted(what),
        forGood ? "parks; the way back leaves nothing" : became(failure),
        printed(failure));
  }

  static Stream<String> changes() {
    return AzureSteps.CHANGES.stream();
  }

  private static void await(CountDownLatch arrived, CountDownLatch goOn) {
    arrived.countDown();
    try {
      assertThat(goOn.await(30, TimeUnit.SECONDS)).isTrue();
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }

  /** Only the kinds that Temporal is told about, with words that name the call and the object. */
  private static void requireUseful(ApplicationFailure failure) {
    requireKind(failure);
    assertThat(failure.getOriginalMessage()).startsWith("Cannot ").contains(": ");
    if (failure.getOriginalMessage().contains("Azure answers 429")) {
      assertThat(failure.getNextRetryDelay()).hasSeconds(7);
    }
  }

  private static void requireKind(ApplicationFailure failure) {
    assertThat(failure.getType()).isIn(Failures.TRANSIENT, Failures.NEEDS_HELP);
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
