package dev.whimbrel.compute;

import static org.assertj.core.api.Assertions.assertThat;

import dev.whimbrel.activity.RetireRequest;
import dev.whimbrel.attempt.LateAttempt;
import dev.whimbrel.servers.ArmCall;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * An attempt that Temporal has given up, or that cannot ask it, asks right before each of its
 * changes at Azure, and makes none from then on.
 */
class AzureLateAttemptTest {
  private static final String TERMINATE = "terminate an old machine";

  @RegisterExtension static final AzureWorld world = new AzureWorld(ProvisioningProcess.PATIENT);

  private static LateAttempt attempt;

  @BeforeAll
  static void start() {
    attempt = new LateAttempt();
  }

  @AfterAll
  static void end() {
    attempt.close();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "PUT Microsoft.Compute/virtualMachines",
        "POST Microsoft.Compute/virtualMachines/start",
        "POST Microsoft.Compute/virtualMachines/deallocate",
        "DELETE Microsoft.Compute/virtualMachines",
        TERMINATE,
        "DELETE Microsoft.Network/networkInterfaces",
        "PUT Microsoft.Compute/snapshots",
        "DELETE Microsoft.Compute/snapshots"
      })
  void changesNothingMoreFromTheFirstQuestionOnThatIsNotAnsweredWithYes(String making) {
    int yes = 0;
    while (stopsAfter(yes, making)) {
      yes++;
    }
    assertThat(yes).as("changes that were asked about").isPositive();
  }

  /** Whether the step came to one question more. */
  private static boolean stopsAfter(int yes, String making) {
    for (LateAttempt.Says no : List.of(LateAttempt.Says.GIVEN_UP, LateAttempt.Says.NOTHING)) {
      Tried tried = tried(yes, making, no);
      if (tried.end().isStalled()) {
        tried.step().run().run();
        tried.step().back().run();
        tried = tried(yes, making, no);
      }

      AzureSteps.Step step = tried.step();
      LateAttempt.End end = tried.end();
      List<ArmCall> calls = world.arm().journal();
      boolean stopped = !end.end().isEmpty();
      assertThat(end.end()).as("%s, %d times yes", making, yes).isIn("", no.end());
      assertThat(changes(calls)).as("%s: %s", making, calls).isEqualTo(end.asked().subList(0, yes));
      assertThat(end.asked()).as("questions of %s", making).hasSize(stopped ? yes + 1 : yes);
      step.run().run();
      step.doneOnce().run();
      step.back().run();
      if (!stopped) {
        return false;
      }
    }
    return true;
  }

  private record Tried(AzureSteps.Step step, LateAttempt.End end) {}

  private static Tried tried(int yes, String making, LateAttempt.Says no) {
    AzureSteps.Step step =
        making.equals(TERMINATE) ? terminate() : new AzureSteps(world).making(making);
    step.before().run();
    world.arm().clearJournal();
    return new Tried(step, attempt.run(step.run(), () -> world.arm().journal().size(), yes, no));
  }

  /** Which of the calls change something. */
  private static List<Integer> changes(List<ArmCall> calls) {
    return IntStream.range(0, calls.size())
        .filter(each -> calls.get(each).changes())
        .boxed()
        .toList();
  }

  private static AzureSteps.Step terminate() {
    String name = AzureRequests.migration();
    String old = world.oldMachine(name);
    RetireRequest request = AzureRequests.retire(name, old);
    return new AzureSteps.Step(
        () -> {},
        () -> world.compute.terminateMachines(request),
        () -> assertThat(world.power(old)).isEqualTo("gone"));
  }
}
