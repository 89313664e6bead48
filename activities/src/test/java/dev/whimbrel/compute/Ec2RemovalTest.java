package dev.whimbrel.compute;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.whimbrel.activity.MachinesRequest;
import dev.whimbrel.runbook.ProvisionSpec.Ec2Machine;
import dev.whimbrel.servers.Fault;
import dev.whimbrel.servers.Needs;
import dev.whimbrel.servers.Program;
import io.temporal.failure.ApplicationFailure;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

@Needs(Program.MOTO)
class Ec2RemovalTest {
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
  void endsOnlyWhatTheMigrationHasMade() {
    String adopted = world.instance(world.target);
    String others =
        world.instance(world.target, "whimbrel:migration", "other", "whimbrel:machine", "app-1");
    String clone =
        world.instance(world.target, "whimbrel:migration", migration, "whimbrel:machine", "app-9");
    MachinesRequest request =
        Ec2World.request(migration, world.machine("app-1"), Ec2World.adopting("app-2", adopted));
    world.compute.provisionMachines(request);
    String made =
        world.alive(migration).stream()
            .map(each -> each.instanceId())
            .filter(each -> !each.equals(clone))
            .findFirst()
            .orElseThrow();

    String line = world.compute.removeMachines(request).line();

    assertThat(line)
        .contains(made + " was ended")
        .contains(adopted + " was adopted and was left as it is")
        .contains(
            clone + " carries this migration's tag, was not made by it and was left as it is");
    assertThat(Ec2World.state(world.target, made)).isEqualTo("terminated");
    assertThat(List.of(adopted, others, clone))
        .allSatisfy(id -> assertThat(Ec2World.state(world.target, id)).isEqualTo("running"));
  }

  @Test
  void endsItsMachineWhereverAnAttemptIsKilled() {
    int calls = 0;
    boolean reached = true;
    while (reached) {
      for (Fault fault : List.of(Fault.REQUEST_LOST, Fault.ANSWER_LOST)) {
        String name = Ec2World.migration();
        MachinesRequest request = Ec2World.request(name, world.machine("app-1"));
        world.compute.provisionMachines(request);
        world.front().breakAfter(calls, fault);
        reached = fails(() -> world.compute.removeMachines(request));
        world.front().heal();

        world.compute.removeMachines(request);

        assertThat(world.alive(name)).as("%s after %d calls", fault, calls).isEmpty();
      }
      calls++;
    }
    assertThat(calls).as("calls of a step").isGreaterThan(2);
  }

  @Test
  void endsAMachineWhoseLaunchWasNeverAnsweredAndIsNotSeenAtFirst() {
    MachinesRequest request = Ec2World.request(migration, world.machine("app-1"));
    world.front().hideNewInstances(3);
    world.front().breakAfter(4, Fault.REQUEST_LOST);
    assertThat(fails(() -> world.compute.provisionMachines(request))).isFalse();
    world.front().heal();

    world.compute.removeMachines(request);

    assertThat(world.alive(migration)).isEmpty();
  }

  @Test
  void removesNothingTwice() {
    MachinesRequest request = Ec2World.request(migration, world.machine("app-1"));
    world.compute.provisionMachines(request);
    world.compute.removeMachines(request);
    world.front().forgetCalls();

    String line = world.compute.removeMachines(request).line();

    assertThat(line).isEqualTo("nothing to do");
    assertThat(world.front().calls("TerminateInstances")).isEmpty();
  }

  @Test
  void asksForHelpWhereItsMachineIsProtected() {
    MachinesRequest request = Ec2World.request(migration, world.machine("app-1"));
    world.compute.provisionMachines(request);
    String id = world.alive(migration).get(0).instanceId();
    world.target.modifyInstanceAttribute(
        ask -> ask.instanceId(id).disableApiTermination(value -> value.value(true)));

    assertThatThrownBy(() -> world.compute.removeMachines(request))
        .hasMessageContaining(id + " in eu-north-1 is protected against termination");

    assertThat(Ec2World.state(world.target, id)).isEqualTo("running");
  }

  @Test
  void adoptsWhatIsThereAndStartsItWhereItStands() {
    String id = world.instance(world.target);
    world.target.stopInstances(stop -> stop.instanceIds(id));
    MachinesRequest request = Ec2World.request(migration, Ec2World.adopting("app-1", id));

    String line = world.compute.provisionMachines(request).line();
    String healthy = world.compute.awaitMachines(request).line();

    assertThat(line).isEqualTo("app-1 is " + id + ", adopted");
    assertThat(healthy).isEqualTo("app-1 is healthy");
    assertThat(world.alive(migration)).as("what carries the tag").isEmpty();
    assertThat(Ec2World.state(world.target, id)).isEqualTo("running");
  }

  @Test
  void adoptsNothingThatIsNotThere() {
    MachinesRequest request =
        Ec2World.request(migration, Ec2World.adopting("app-1", "i-0abcdef0123456789"));

    assertThatThrownBy(() -> world.compute.provisionMachines(request))
        .hasMessageContaining(
            "app-1: expected the machine i-0abcdef0123456789 in EC2 eu-north-1 to adopt, found");
  }

  @Test
  void adoptsNothingThatIsOtherThanTheRunbookSays() {
    String id = world.instance(world.target);
    Ec2Machine wanted =
        new Ec2Machine("app-1", id, null, "m5.large", null, List.of(), null, null, Map.of());

    assertThatThrownBy(() -> world.compute.provisionMachines(Ec2World.request(migration, wanted)))
        .hasMessageContaining("type: expected m5.large, found t3.micro");
  }

  @Test
  void adoptsNothingThatAnotherMigrationHasMade() {
    String id =
        world.instance(world.target, "whimbrel:migration", "other", "whimbrel:machine", "app-1");
    MachinesRequest request = Ec2World.request(migration, Ec2World.adopting("app-1", id));

    assertThatThrownBy(() -> world.compute.provisionMachines(request))
        .hasMessageContaining(id + " was made by the migration other, whose rollback would end it");
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
