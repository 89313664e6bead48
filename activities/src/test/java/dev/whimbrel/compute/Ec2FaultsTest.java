package dev.whimbrel.compute;

import static org.assertj.core.api.Assertions.assertThat;

import dev.whimbrel.FaultTable;
import dev.whimbrel.activity.Failures;
import dev.whimbrel.servers.Fault;
import dev.whimbrel.servers.Needs;
import dev.whimbrel.servers.Program;
import io.temporal.failure.ApplicationFailure;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.BiConsumer;
import java.util.function.Supplier;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.MethodOrderer;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestMethodOrder;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Every fault at every call, in the middle of a step that needs the call: nothing is done twice,
 * nothing is lost, and the message says what to do. Makes its part of docs/provider-faults.md.
 */
@Needs(Program.MOTO)
@TestMethodOrder(MethodOrderer.OrderAnnotation.class)
class Ec2FaultsTest {
  private static final int EVERY_TIME = 1000;
  private static Ec2World world;
  private static FaultTable table;

  private final String migration = Ec2World.migration();

  /**
   * What goes wrong.
   *
   * @param name as the table calls it
   * @param comes brings it to the next call of an operation
   */
  private record Case(String name, BiConsumer<Ec2Step, String> comes) {
    /** As EC2 refuses, or as the other services do. */
    static Case refused(String name, int times, Fault byEc2, Fault byOthers) {
      return new Case(
          name,
          (step, operation) ->
              world
                  .front()
                  .fail(
                      operation,
                      times,
                      "ec2".equals(Ec2ProductCalls.all().get(operation)) ? byEc2 : byOthers));
    }

    static Case every(String name, int times, Fault fault) {
      return refused(name, times, fault, fault);
    }

    /** The worker dies at the call: no other call of it comes through. */
    static Case killed(String when, Fault fault) {
      return new Case(
          "the worker is killed " + when,
          (step, operation) -> world.front().breakAt(operation, fault));
    }

    boolean kills() {
      return name.contains("killed");
    }

    /** Somebody else does it, between the step's look and its call. */
    static Case somebodyElse(String does) {
      return new Case(
          "somebody else %s at the same moment"
              .formatted(does)
              .replace("somebody else (another attempt)", "another attempt"),
          (step, operation) -> world.front().meanwhile(operation, step.others(does)));
    }

    @Override
    public String toString() {
      return name;
    }
  }

  private static final Fault EC2_RATE = Fault.refused(503, "RequestLimitExceeded");
  private static final Fault RATE = Fault.refused(400, "ThrottlingException");

  private static final List<Case> FAULTS =
      List.of(
          Case.refused("throttled once", 1, EC2_RATE, RATE),
          Case.refused("throttled all the time", EVERY_TIME, EC2_RATE, RATE),
          Case.refused(
              "InternalError 500 all the time",
              EVERY_TIME,
              Fault.refused(500, "InternalError"),
              Fault.refused(500, "InternalFailure")),
          Case.refused(
              "right denied",
              EVERY_TIME,
              Fault.refused(403, "UnauthorizedOperation"),
              Fault.refused(400, "AccessDeniedException")),
          Case.every("request lost all the time", EVERY_TIME, Fault.REQUEST_LOST),
          Case.every("done, answer lost once", 1, Fault.ANSWER_LOST));

  /** Those that every step is to meet at every call of it. */
  private static final List<Case> FREQUENT = List.of(FAULTS.get(1), FAULTS.get(3), FAULTS.get(4));

  private static final List<Case> DEATHS =
      List.of(
          Case.killed("before it", Fault.REQUEST_LOST),
          Case.killed("after it, and hears no answer", Fault.ANSWER_LOST));

  @BeforeAll
  static void start() {
    world = new Ec2World();
    world.front().quota("L-1216C47A", 1000);
    table =
        new FaultTable("ec2", "EC2")
            .hiding("\\b(i|vol|snap|ami|subnet|sg)-[0-9a-f]+", "$1-0abc")
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

  /** What every call of that name must meet. */
  static List<String> faults(String operation) {
    return cases(operation).map(Case::name).toList();
  }

  private static Stream<Case> cases(String operation) {
    return Ec2ProductCalls.changes(operation)
        ? Stream.concat(FAULTS.stream(), DEATHS.stream())
        : FAULTS.stream();
  }

  static Stream<Arguments> cases() {
    List<Arguments> all = new ArrayList<>();
    for (String operation : Ec2ProductCalls.all().keySet()) {
      cases(operation).forEach(each -> all.add(Arguments.of(operation, each)));
    }
    all.add(
        Arguments.of(
            "RunInstances",
            Case.every(
                "no capacity", EVERY_TIME, Fault.refused(500, "InsufficientInstanceCapacity"))));
    all.add(
        Arguments.of(
            "RunInstances",
            Case.every("quota used up", EVERY_TIME, Fault.refused(400, "VcpuLimitExceeded"))));
    all.add(
        Arguments.of(
            "DescribeInstances",
            Case.every("credentials expired", EVERY_TIME, Fault.refused(401, "AuthFailure"))));
    all.add(Arguments.of("StartInstances", Case.somebodyElse("starts the machine")));
    all.add(Arguments.of("StopInstances", Case.somebodyElse("stops the machine")));
    all.add(Arguments.of("TerminateInstances", Case.somebodyElse("ends the machine")));
    all.add(Arguments.of("DeleteSnapshot", Case.somebodyElse("deletes the snapshot")));
    all.add(Arguments.of("RunInstances", Case.somebodyElse("(another attempt) makes it")));
    all.add(Arguments.of("CreateSnapshot", Case.somebodyElse("(another attempt) makes it")));
    all.add(Arguments.of("CopySnapshot", Case.somebodyElse("(another attempt) makes it")));
    all.add(Arguments.of("CopySnapshot", Case.somebodyElse("deletes the original")));
    return all.stream();
  }

  @Order(1)
  @ParameterizedTest(name = "{0}: {1}")
  @MethodSource("cases")
  void aStepMeetsAFault(String operation, Case meets) {
    meets(operation, operation, Ec2Step.of(world, migration, operation), meets);
  }

  /** The steps that make a call as well, and meet its most frequent faults there. */
  private static final List<Map.Entry<String, String>> ELSEWHERE =
      List.of(
          Map.entry("DescribeInstances", "plan"),
          Map.entry("DescribeInstances", "await"),
          Map.entry("DescribeInstances", "start"),
          Map.entry("DescribeInstances", "remove"),
          Map.entry("DescribeInstances", "plan of the retirement"),
          Map.entry("DescribeInstances", "stop"),
          Map.entry("DescribeInstances", "look at the old machines"),
          Map.entry("DescribeInstances", "terminate"),
          Map.entry("DescribeInstances", "costs"),
          Map.entry("DescribeSnapshots", "remove snapshots"),
          Map.entry("DescribeSnapshots", "costs"),
          Map.entry("RunInstances", "plan"),
          Map.entry("StopInstances", "plan of the retirement"),
          Map.entry("TerminateInstances", "plan of the retirement"),
          Map.entry("TerminateInstances", "terminate"));

  static Stream<Arguments> elsewhere() {
    List<Arguments> all = new ArrayList<>();
    for (Map.Entry<String, String> each : ELSEWHERE) {
      FREQUENT.forEach(meets -> all.add(Arguments.of(each.getKey(), each.getValue(), meets)));
      if (each.getValue().equals("terminate") && Ec2ProductCalls.changes(each.getKey())) {
        DEATHS.forEach(meets -> all.add(Arguments.of(each.getKey(), each.getValue(), meets)));
      }
    }
    return all.stream();
  }

  @Order(2)
  @ParameterizedTest(name = "{0} in {1}: {2}")
  @MethodSource("elsewhere")
  void anotherStepMeetsIt(String operation, String name, Case meets) {
    boolean dry = name.startsWith("plan") && Ec2ProductCalls.changes(operation);
    meets(
        operation,
        "%s, %s%s".formatted(operation, name, dry ? " (dry run)" : ""),
        Ec2Step.named(world, migration, name),
        meets);
  }

  /** Then it comes again without the fault, and the way back is taken. */
  private void meets(String operation, String call, Ec2Step step, Case meets) {
    step.before().run();
    world.front().forgetCalls();
    meets.comes().accept(step, operation);

    Ended ended = Ended.of(step.run());
    assertThat(world.front().calls(operation)).isNotEmpty();
    world.front().heal();
    ended.failure().ifPresent(Ec2FaultsTest::requireUseful);
    assertThat(ended.failure().isPresent() || !meets.kills()).isTrue();
    assertThat(step.run().get()).isEmpty();
    step.doneOnce().run();

    step.back().run();
    world.assertNothingLeft(migration);
    table.row(
        call,
        meets.name(),
        meets.kills() ? "the next attempt looks first; done once" : became(meets, ended),
        meets.kills() ? "" : printed(ended));
  }

  @Test
  @Order(3)
  void somebodyElseMakesOneWithItsTags() {
    Ec2Step step = Ec2Step.of(world, migration, "RunInstances");
    world.front().meanwhile("RunInstances", step.others("makes one with its tags"));

    Ended ended = Ended.of(step.run());
    Ended again = Ended.of(step.run());
    world.theyLeave();
    assertThat(step.run().get()).isEmpty();
    step.doneOnce().run();

    step.back().run();
    world.assertNothingLeft(migration);
    assertThat(ended.failure()).isEmpty();
    table.row(
        "RunInstances",
        "somebody else makes one with its tags at the same moment",
        "done once; the next look parks until theirs, which nobody touches, is gone",
        printed(again));
  }

  @Test
  @Order(4)
  void somebodyElseDeletesTheVolume() {
    Ec2Step step = Ec2Step.of(world, migration, "CreateSnapshot");
    world.front().meanwhile("CreateSnapshot", step.others("deletes the volume"));

    Ended ended = Ended.of(step.run());
    ended.failure().ifPresent(Ec2FaultsTest::requireUseful);

    step.back().run();
    world.assertNothingLeft(migration);
    assertThat(ended.failure()).isPresent();
    table.row(
        "CreateSnapshot",
        "somebody else deletes the volume at the same moment",
        "parks; the way back leaves nothing",
        printed(ended));
  }

  /** How a step ended, and what it said is not known or stands in the way. */
  private record Ended(Optional<ApplicationFailure> failure, List<String> said) {
    static Ended of(Supplier<List<String>> step) {
      try {
        return new Ended(Optional.empty(), step.get());
      } catch (ApplicationFailure e) {
        return new Ended(Optional.of(e), List.of());
      }
    }
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

  private static String became(Case meets, Ended ended) {
    if (!ended.said().isEmpty()) {
      return String.join(" ", ended.said()).contains("not known")
          ? "the step goes on without it, and says so"
          : "the plan names it, and nothing is begun";
    }
    return ended
        .failure()
        .map(
            each ->
                each.getType().equals(Failures.TRANSIENT)
                    ? "the step is tried again; done once"
                    : "parks; done once after a retry")
        .orElse(
            meets.name().endsWith("at the same moment")
                ? "done once"
                : "the SDK asked again; done once");
  }

  private static String printed(Ended ended) {
    return ended
        .failure()
        .map(
            each ->
                each.getType().equals(Failures.TRANSIENT)
                    ? each.getOriginalMessage()
                    : each.getOriginalMessage()
                        + ". Fix: "
                        + each.getDetails().get(Failures.Help.class).remedy())
        .orElse(String.join(" ", ended.said()));
  }
}
