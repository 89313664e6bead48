package dev.whimbrel.compute;

import static org.assertj.core.api.Assertions.assertThat;

import dev.whimbrel.FaultTable;
import dev.whimbrel.activity.Finding;
import dev.whimbrel.activity.MachinesRequest;
import dev.whimbrel.attempt.LateAttempt;
import dev.whimbrel.runbook.ProvisionSpec;
import dev.whimbrel.runbook.ProvisionSpec.Ec2Snapshot;
import dev.whimbrel.servers.Fault;
import dev.whimbrel.servers.Needs;
import dev.whimbrel.servers.Program;
import dev.whimbrel.servers.ServiceFront.Call;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import software.amazon.awssdk.services.ec2.model.Snapshot;

/**
 * Attempts at EC2 that Temporal has given up, or that cannot ask it: they ask right before each of
 * their changes, and make none from then on. And calls to make a snapshot that were on their way
 * when their attempt died, and arrive when others have ended: AWS takes no client token with them,
 * so that a second one is made.
 */
@Needs(Program.MOTO)
class Ec2LateTest {
  private static Ec2World world;
  private static LateAttempt attempt;

  private final String migration = Ec2World.migration();
  private final AtomicReference<String> ended = new AtomicReference<>("");
  private String volume = "";

  @BeforeAll
  static void start() {
    world = new Ec2World(ProvisioningProcess.PATIENT);
    attempt = new LateAttempt();
  }

  @AfterAll
  static void end() {
    attempt.close();
    world.close();
  }

  @BeforeEach
  void makeADisk() {
    volume = world.volume(world.source);
  }

  @AfterEach
  void touchesNothingForeign() {
    world.assertBystandersUntouched();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "provision",
        "start",
        "remove",
        "stop",
        "terminate",
        "snapshot",
        "remove snapshots"
      })
  void changesNothingMoreFromTheFirstQuestionOnThatIsNotAnsweredWithYes(String name) {
    int yes = 0;
    while (stopsAfter(yes, name)) {
      yes++;
    }
    assertThat(yes).as("changes that were asked about").isPositive();
  }

  /** Whether the step came to one question more. */
  private static boolean stopsAfter(int yes, String name) {
    for (LateAttempt.Says no : List.of(LateAttempt.Says.GIVEN_UP, LateAttempt.Says.NOTHING)) {
      Tried tried = tried(yes, name, no);
      if (tried.end().isStalled()) {
        assertThat(tried.step().run().get()).isEmpty();
        tried.step().back().run();
        tried = tried(yes, name, no);
      }

      Ec2Step step = tried.step();
      LateAttempt.End end = tried.end();
      List<Call> calls = world.front().calls();
      boolean stopped = !end.end().isEmpty();
      assertThat(end.end()).as("%s, %d times yes", name, yes).isIn("", no.end());
      assertThat(changes(calls)).as("%s: %s", name, calls).isEqualTo(end.asked().subList(0, yes));
      assertThat(end.asked()).as("questions of %s", name).hasSize(stopped ? yes + 1 : yes);
      assertThat(step.run().get()).isEmpty();
      step.doneOnce().run();
      step.back().run();
      if (!stopped) {
        return false;
      }
    }
    return true;
  }

  private record Tried(Ec2Step step, LateAttempt.End end) {}

  private static Tried tried(int yes, String name, LateAttempt.Says no) {
    Ec2Step step = Ec2Step.named(world, Ec2World.migration(), name);
    step.before().run();
    world.front().forgetCalls();
    return new Tried(
        step,
        attempt.run(
            () -> assertThat(step.run().get()).isEmpty(),
            () -> world.front().calls().size(),
            yes,
            no));
  }

  /** Which of the calls change something. */
  private static List<Integer> changes(List<Call> calls) {
    return IntStream.range(0, calls.size())
        .filter(each -> Ec2ProductCalls.changes(calls.get(each).operation()))
        .boxed()
        .toList();
  }

  @ParameterizedTest
  @CsvSource({"CreateSnapshot, eu-west-1, snapshot", "CopySnapshot, eu-north-1, copy"})
  void theOlderOneCountsAndTheOtherIsDeletedAtTheNextLook(
      String operation, String region, String word) {
    diesAt(operation, () -> ended.set(world.compute.provisionMachines(request()).line()));
    List<String> twice = ids(region);

    String line = world.compute.awaitMachines(request()).line();

    assertThat(twice).hasSize(2);
    assertThat(ids(region)).hasSize(1);
    twice.removeAll(ids(region));
    assertThat(line)
        .isEqualTo(
            "%s in %s, a second %s of %s, was deleted"
                .formatted(twice.get(0), region, word, volume));
    assertThat(ended.get()).doesNotContain(twice.get(0));
    assertThat(world.compute.provisionMachines(request()).line()).isEqualTo(ended.get());
    world.compute.removeMachines(request());
    world.assertNothingLeft(migration);
  }

  @Test
  void bothAreNamedInWhatStillCostsMoneyAndGoWithTheWayBack() {
    diesAt(
        "CreateSnapshot",
        () -> {
          world.compute.provisionMachines(request());
          world.compute.awaitMachines(request());
        });
    List<String> twice = ids(Ec2World.SOURCE);

    String costs = costs();
    String back = world.compute.removeMachines(request()).line();

    assertThat(twice).hasSize(2);
    assertThat(twice)
        .allSatisfy(
            id -> {
              assertThat(costs).contains("%s (11 GiB), a snapshot of %s".formatted(id, volume));
              assertThat(back).contains(id + " was deleted");
            });
    world.assertNothingLeft(migration);
  }

  @Test
  void oneThatArrivesBehindTheWayBackIsNamedInTheListOfCostsAndInTheNextPlan() {
    diesAt(
        "CreateSnapshot",
        () -> {
          world.compute.provisionMachines(request());
          world.compute.removeMachines(request());
        });
    List<String> left = ids(Ec2World.SOURCE);

    List<Finding> findings = world.compute.planMachines(request()).findings();

    assertThat(left).hasSize(1);
    assertThat(costs()).contains("%s (11 GiB), a snapshot of %s".formatted(left.get(0), volume));
    assertThat(findings)
        .filteredOn(each -> each.subject().equals(volume))
        .singleElement()
        .satisfies(
            finding -> {
              assertThat(finding.level()).isEqualTo(Finding.Level.WARNING);
              assertThat(finding.message())
                  .startsWith(
                      "expected none, found %s in eu-west-1, begun 2".formatted(left.get(0)))
                  .endsWith(
                      "If it is of an earlier round, and no migration of this name is running, delete it.");
              assertThat(finding.fix())
                  .isEqualTo(
                      "aws ec2 delete-snapshot --snapshot-id %s --region eu-west-1"
                          .formatted(left.get(0)));
            });
    world.compute.removeMachines(request());
    world.assertNothingLeft(migration);
  }

  /** An attempt dies while this call of it is on its way, which arrives after all of that. */
  private void diesAt(String operation, Runnable meanwhile) {
    world
        .front()
        .meanwhile(
            operation,
            () -> {
              meanwhile.run();
              awaitTheNextSecond();
              world.front().fail(operation, 1, Fault.ANSWER_LOST);
            });

    assertThat(FaultTable.failure(() -> world.compute.provisionMachines(request()))).isPresent();
  }

  /** The stand-in says in whole seconds when a snapshot was begun. */
  private static void awaitTheNextSecond() {
    long second = Instant.now().getEpochSecond();
    while (Instant.now().getEpochSecond() == second) {
      LockSupport.parkNanos(Duration.ofMillis(5).toNanos());
    }
  }

  private String costs() {
    return world.compute.listCosts(Ec2World.retire(migration, world.instance(world.source))).line();
  }

  private List<String> ids(String region) {
    return new ArrayList<>(
        Ec2World.snapshots(region.equals(Ec2World.SOURCE) ? world.source : world.target, migration)
            .stream()
            .map(Snapshot::snapshotId)
            .toList());
  }

  private MachinesRequest request() {
    return Ec2World.request(
        migration,
        new ProvisionSpec.Ec2(
            Ec2World.TARGET,
            List.of(),
            List.of(new Ec2Snapshot(volume, Ec2World.SOURCE)),
            List.of()));
  }
}
