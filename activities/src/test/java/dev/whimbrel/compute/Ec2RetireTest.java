package dev.whimbrel.compute;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.whimbrel.activity.Failures;
import dev.whimbrel.activity.OldMachines;
import dev.whimbrel.activity.RetireRequest;
import dev.whimbrel.servers.Fault;
import dev.whimbrel.servers.Needs;
import dev.whimbrel.servers.Program;
import io.temporal.failure.ApplicationFailure;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

@Needs(Program.MOTO)
class Ec2RetireTest {
  private static Ec2World world;

  private final String migration = Ec2World.migration();

  @BeforeAll
  static void start() {
    world = new Ec2World();
  }

  @AfterAll
  static void end() {
    world.close();
  }

  @AfterEach
  void touchesNothingForeign() {
    world.assertBystandersUntouched();
  }

  @Test
  void stopsWhatTheRunbookNamesAndAgainIsHarmless() {
    String old = world.instance(world.source);

    String first = world.compute.stopMachines(Ec2World.retire(migration, old)).line();
    String second = world.compute.stopMachines(Ec2World.retire(migration, old)).line();

    assertThat(List.of(first, second)).containsOnly(old + " is stopped");
    assertThat(Ec2World.state(world.source, old)).isEqualTo("stopped");
  }

  @Test
  void endsWhatTheRunbookNamesAndCountsWhatIsGoneAsDone() {
    String old = world.instance(world.source);
    world.compute.stopMachines(Ec2World.retire(migration, old));

    String first = world.compute.terminateMachines(Ec2World.retire(migration, old)).line();
    String second =
        world.compute.terminateMachines(Ec2World.retire(migration, old, "i-0abc")).line();

    assertThat(first).isEqualTo(old + " is ended");
    assertThat(second).isEqualTo(old + " was gone already, i-0abc was gone already");
    assertThat(Ec2World.state(world.source, old)).isEqualTo("terminated");
  }

  @Test
  void asksForHelpWhereAMachineIsNotThereAndNeverWas() {
    String old = world.instance(world.source);
    RetireRequest request = Ec2World.retire(migration, old, "i-0abc").seen(List.of(old));

    assertThatThrownBy(() -> world.compute.stopMachines(request))
        .isInstanceOfSatisfying(
            ApplicationFailure.class,
            failure ->
                assertThat(failure.getDetails().get(Failures.Help.class).command())
                    .isEqualTo(
                        "aws ec2 describe-instances --instance-ids i-0abc --region eu-west-1"))
        .hasMessageContaining(
            "i-0abc: expected this machine in EC2 eu-west-1, found none; it was never seen there");

    assertThat(Ec2World.state(world.source, old)).isEqualTo("running");
  }

  @Test
  void endsNoMachineThatRunsAgainUnlessThatWasApproved() {
    String again = world.instance(world.source);
    String standing = world.instance(world.source);
    RetireRequest request = Ec2World.retire(migration, again, standing);
    world.compute.stopMachines(request);
    OldMachines asLeft = world.compute.lookAtOldMachines(request);
    world.source.startInstances(ask -> ask.instanceIds(again));

    OldMachines found = world.compute.lookAtOldMachines(request);

    assertThat(asLeft).isEqualTo(new OldMachines(List.of(), List.of()));
    assertThat(found.running()).containsExactly(again);
    assertThat(found.lines())
        .singleElement()
        .asString()
        .matches(again + " RUNS AGAIN, since 20[0-9T:.-]+Z: it is terminated all the same\\.");
    assertThatThrownBy(() -> world.compute.terminateMachines(request.running(List.of())))
        .hasMessageContaining(again + " RUNS AGAIN, since 20")
        .hasMessageContaining("nobody has approved that it is terminated all the same");
    assertThat(Ec2World.state(world.source, again)).isEqualTo("running");
    assertThat(Ec2World.state(world.source, standing)).isEqualTo("stopped");

    world.compute.terminateMachines(request.running(found.running()));

    assertThat(Ec2World.state(world.source, again)).isEqualTo("terminated");
    assertThat(world.compute.lookAtOldMachines(request).lines())
        .containsExactly(again + " is gone already.", standing + " is gone already.");
  }

  @Test
  void stopsAndEndsWhereverAnAttemptIsKilled() {
    int calls = 0;
    boolean reached = true;
    while (reached) {
      reached = false;
      for (Fault fault : List.of(Fault.REQUEST_LOST, Fault.ANSWER_LOST)) {
        String old = world.instance(world.source);
        world.front().breakAfter(calls, fault);
        reached |= fails(() -> world.compute.stopMachines(Ec2World.retire(migration, old)));
        world.front().heal();
        world.compute.stopMachines(Ec2World.retire(migration, old));
        world.front().breakAfter(calls, fault);
        reached |= fails(() -> world.compute.terminateMachines(Ec2World.retire(migration, old)));
        world.front().heal();

        world.compute.terminateMachines(Ec2World.retire(migration, old));

        assertThat(Ec2World.state(world.source, old))
            .as("%s after %d calls", fault, calls)
            .isEqualTo("terminated");
      }
      calls++;
    }
    assertThat(calls).as("calls of a step").isGreaterThan(2);
  }

  @Test
  void refusesTheTargetsOwnMachineBeforeItTouchesAny() {
    String old = world.instance(world.source);
    String own = world.instance(world.source, "whimbrel:migration", migration);

    assertThatThrownBy(() -> world.compute.stopMachines(Ec2World.retire(migration, old, own)))
        .hasMessageContaining(own + " was made by this migration: it is the target's");

    assertThat(Ec2World.state(world.source, old)).isEqualTo("running");
    assertThat(Ec2World.state(world.source, own)).isEqualTo("running");
  }

  @Test
  void refusesAnotherMigrationsMachine() {
    String others = world.instance(world.source, "whimbrel:migration", "other");

    assertThatThrownBy(() -> world.compute.terminateMachines(Ec2World.retire(migration, others)))
        .hasMessageContaining(others + " carries the tag of another migration, other");

    assertThat(Ec2World.state(world.source, others)).isEqualTo("running");
  }

  @Test
  void refusesWhatAnAutoScalingGroupWouldReplace() {
    String member = world.instance(world.source, "aws:autoscaling:groupName", "web");

    assertThatThrownBy(() -> world.compute.stopMachines(Ec2World.retire(migration, member)))
        .hasMessageContaining(
            member + " belongs to the Auto Scaling group web, which would replace it");

    assertThat(Ec2World.state(world.source, member)).isEqualTo("running");
  }

  @Test
  void asksForHelpWhereAMachineIsProtected() {
    String old = world.instance(world.source);
    world.source.modifyInstanceAttribute(
        ask -> ask.instanceId(old).disableApiTermination(value -> value.value(true)));

    assertThatThrownBy(() -> world.compute.terminateMachines(Ec2World.retire(migration, old)))
        .isInstanceOfSatisfying(
            ApplicationFailure.class,
            failure ->
                assertThat(failure.getDetails().get(Failures.Help.class).command())
                    .isEqualTo(
                        "aws ec2 modify-instance-attribute --region eu-west-1 --instance-id "
                            + old
                            + " --no-disable-api-termination"))
        .hasMessageContaining(old + " in eu-west-1 is protected against termination");

    assertThat(Ec2World.state(world.source, old)).isEqualTo("running");
  }

  @Test
  void listsWhatStillCostsMoney() {
    String old = world.instance(world.source);
    String bound = world.source.allocateAddress(ask -> ask.domain("vpc")).allocationId();
    world.source.associateAddress(ask -> ask.allocationId(bound).instanceId(old));
    String free = world.source.allocateAddress(ask -> ask.domain("vpc")).allocationId();
    world.compute.stopMachines(Ec2World.retire(migration, old));

    String line = world.compute.listCosts(Ec2World.retire(migration, old)).line();

    assertThat(line)
        .startsWith("still costs money: EC2 eu-west-1: vol-")
        .contains("(8 GiB gp2) of " + old)
        .containsPattern("Elastic IP [0-9.]+ \\(" + bound + "\\) of " + old)
        .containsPattern("Elastic IP [0-9.]+ \\(" + free + "\\), which nothing uses");
    world.source.releaseAddress(ask -> ask.allocationId(free));
  }

  @Test
  void namesTheDisksThatStayWhenAMachineIsEnded() {
    String old = world.instance(world.source);
    String disk = world.volume(world.source);
    world.source.attachVolume(ask -> ask.instanceId(old).volumeId(disk).device("/dev/sdf"));

    String line = world.compute.terminateMachines(Ec2World.retire(migration, old)).line();

    assertThat(line).isEqualTo(old + " is ended, " + disk + " of " + old + " stays");
    assertThat(
            world
                .source
                .describeVolumes(ask -> ask.volumeIds(disk))
                .volumes()
                .get(0)
                .stateAsString())
        .isEqualTo("available");
  }

  private static boolean fails(Runnable step) {
    try {
      step.run();
      return false;
    } catch (ApplicationFailure e) {
      return true;
    }
  }
}
