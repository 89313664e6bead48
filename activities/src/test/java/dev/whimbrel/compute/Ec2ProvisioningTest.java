package dev.whimbrel.compute;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.whimbrel.activity.Failures;
import dev.whimbrel.activity.MachinesRequest;
import dev.whimbrel.compute.ec2.Ec2Compute;
import dev.whimbrel.runbook.ProvisionSpec;
import dev.whimbrel.runbook.ProvisionSpec.Ec2Machine;
import dev.whimbrel.servers.Fault;
import dev.whimbrel.servers.Needs;
import dev.whimbrel.servers.Program;
import dev.whimbrel.servers.ServiceFront.Call;
import io.temporal.failure.ApplicationFailure;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import software.amazon.awssdk.services.ec2.model.InstanceAttributeName;

@Needs(Program.MOTO)
class Ec2ProvisioningTest {
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
  void makesEachMachineOnceWithItsTags() {
    MachinesRequest request =
        Ec2World.request(migration, world.machine("app-1"), world.machine("app-2"));

    String first = world.compute.provisionMachines(request).line();
    String second = world.compute.provisionMachines(request).line();

    assertThat(first).matches("app-1 is i-\\w+, made in EC2 eu-north-1, app-2 is i-\\w+, made .*");
    assertThat(second).matches("app-1 is i-\\w+, was there already, app-2 is i-\\w+, was there.*");
    assertThat(world.alive(migration)).hasSize(2);
    assertThat(world.alive(migration).get(0).tags())
        .extracting(tag -> tag.key() + "=" + tag.value())
        .contains("whimbrel:migration=" + migration, "whimbrel:machine=app-1", "team=shop");
  }

  @Test
  void makesOneMachineWhereverAnAttemptIsKilled() {
    int calls = 0;
    boolean reached = true;
    while (reached) {
      for (Fault fault : List.of(Fault.REQUEST_LOST, Fault.ANSWER_LOST)) {
        String name = Ec2World.migration();
        MachinesRequest request = Ec2World.request(name, world.machine("app-1"));
        world.front().breakAfter(calls, fault);
        reached = fails(() -> world.compute.provisionMachines(request));
        world.front().heal();

        world.compute.provisionMachines(request);

        assertThat(world.alive(name)).as("%s after %d calls", fault, calls).hasSize(1);
      }
      calls++;
    }
    assertThat(calls).as("calls of a step").isGreaterThan(2);
  }

  @Test
  void makesOneMachineWithTwoAttemptsAtOnce() {
    MachinesRequest request = Ec2World.request(migration, world.machine("app-1"));

    List<CompletableFuture<Void>> attempts =
        Stream.of(1, 2, 3)
            .map(each -> CompletableFuture.runAsync(() -> world.compute.provisionMachines(request)))
            .toList();
    attempts.forEach(CompletableFuture::join);

    assertThat(world.alive(migration)).hasSize(1);
  }

  @Test
  void makesOneMachineThoughItIsNotSeenAtFirst() {
    MachinesRequest request = Ec2World.request(migration, world.machine("app-1"));
    world.front().hideNewInstances(5);

    world.compute.provisionMachines(request);
    world.compute.provisionMachines(request);
    String healthy = world.compute.awaitMachines(request).line();

    assertThat(healthy).isEqualTo("app-1 is healthy");
    assertThat(world.alive(migration)).hasSize(1);
  }

  @Test
  void makesANewMachineAfterARollback() {
    MachinesRequest request = Ec2World.request(migration, world.machine("app-1"));
    world.compute.provisionMachines(request);
    String earlier = world.alive(migration).get(0).instanceId();

    world.compute.removeMachines(request);
    world.compute.provisionMachines(request);
    world.compute.awaitMachines(request);

    assertThat(world.alive(migration)).hasSize(1);
    assertThat(world.alive(migration).get(0).instanceId()).isNotEqualTo(earlier);
  }

  @Test
  void makesANewMachineThoughTheTerminatedOneIsNoLongerShown() {
    Ec2Machine machine = world.machine("app-1");
    MachinesRequest request = Ec2World.request(migration, machine);
    world.compute.provisionMachines(request);
    String earlier = world.alive(migration).get(0).instanceId();
    world.compute.removeMachines(request);
    var provider = new Ec2Compute(world.aws(), ec2(machine));

    // As if nothing were shown any more: the count begins at none, and the token is still known.
    Machine made = provider.make(migration, provider.wanted().get(0), 0, () -> {});

    assertThat(made.id()).isNotEqualTo(earlier);
    assertThat(world.alive(migration)).hasSize(1);
  }

  @Test
  void givesUpAnAttemptThatWokeUpTooLate() {
    Ec2Machine machine = world.machine("app-1");
    var provider = new Ec2Compute(world.aws(), ec2(machine));
    Runnable tooLate =
        () -> {
          throw Failures.transientFailure("Nothing was changed: too late");
        };

    assertThatThrownBy(() -> provider.make(migration, provider.wanted().get(0), 0, tooLate))
        .hasMessageContaining("Nothing was changed: too late");

    assertThat(world.alive(migration)).isEmpty();
  }

  @Test
  void startsItsOwnMachineThatStands() {
    MachinesRequest request = Ec2World.request(migration, world.machine("app-1"));
    world.compute.provisionMachines(request);
    String id = world.alive(migration).get(0).instanceId();
    world.target.stopInstances(stop -> stop.instanceIds(id));

    world.compute.provisionMachines(request);

    assertThat(Ec2World.state(world.target, id)).isEqualTo("running");
  }

  @Test
  void givesTheMachineItsUserData(@TempDir Path directory) throws Exception {
    Path file = Files.writeString(directory.resolve("app.sh"), "#!/bin/sh\necho up\n");
    MachinesRequest request = Ec2World.request(migration, withUserData(file));

    world.compute.provisionMachines(request);

    String id = world.alive(migration).get(0).instanceId();
    String data =
        world
            .target
            .describeInstanceAttribute(
                ask -> ask.instanceId(id).attribute(InstanceAttributeName.USER_DATA))
            .userData()
            .value();
    assertThat(
            new String(Base64.getDecoder().decode(data), java.nio.charset.StandardCharsets.UTF_8))
        .isEqualTo("#!/bin/sh\necho up\n");
  }

  @Test
  void findsTheMachineThatAnotherWorkerLaunchedWithOtherUserData(@TempDir Path directory)
      throws Exception {
    Path file = Files.writeString(directory.resolve("app.sh"), "one");
    MachinesRequest request = Ec2World.request(migration, withUserData(file));
    world.front().hideNewInstances(2);
    world.compute.provisionMachines(request);
    Files.writeString(file, "two");

    world.compute.provisionMachines(request);

    assertThat(world.front().calls("RunInstances"))
        .extracting(Call::ended)
        .contains("400 IdempotentParameterMismatch");
    assertThat(world.alive(migration)).hasSize(1);
  }

  @Test
  void asksForHelpWhereThereIsNoUserData() {
    MachinesRequest request = Ec2World.request(migration, withUserData(Path.of("/nowhere/app.sh")));

    assertThatThrownBy(() -> world.compute.provisionMachines(request))
        .hasMessageContaining(
            "app-1: expected user data in /nowhere/app.sh on this worker, found no file");

    assertThat(world.alive(migration)).isEmpty();
  }

  @Test
  void asksForHelpWhereItsMachineIsNotAsTheRunbookSays() {
    world.compute.provisionMachines(Ec2World.request(migration, world.machine("app-1")));
    Ec2Machine other =
        new Ec2Machine(
            "app-1", null, world.image, "t3.large", world.subnet, List.of(), null, null, Map.of());

    assertThatThrownBy(() -> world.compute.provisionMachines(Ec2World.request(migration, other)))
        .hasMessageContaining("type: expected t3.large, found t3.medium");
  }

  @Test
  void asksForHelpWhereSomebodyCopiedTheTags() {
    String clone =
        world.instance(world.target, "whimbrel:migration", migration, "whimbrel:machine", "app-1");
    MachinesRequest request = Ec2World.request(migration, world.machine("app-1"));

    assertThatThrownBy(() -> world.compute.provisionMachines(request))
        .hasMessageContaining(
            clone + " in EC2 eu-north-1 carries this migration's tags and was not made by it");

    assertThat(Ec2World.state(world.target, clone)).isEqualTo("running");
  }

  @Test
  void asksForHelpWhereItsMachineHasLostItsTags() {
    MachinesRequest request = Ec2World.request(migration, world.machine("app-1"));
    world.compute.provisionMachines(request);
    String id = world.alive(migration).get(0).instanceId();
    world.target.deleteTags(
        ask -> ask.resources(id).tags(Ec2World.tag("whimbrel:migration", migration)));

    assertThatThrownBy(() -> world.compute.provisionMachines(request))
        .hasMessageContaining(id + " was launched for it and has lost its tags");
  }

  private static ProvisionSpec.Ec2 ec2(Ec2Machine machine) {
    return new ProvisionSpec.Ec2(Ec2World.TARGET, List.of(machine), List.of(), List.of());
  }

  private Ec2Machine withUserData(Path file) {
    return new Ec2Machine(
        "app-1",
        null,
        world.image,
        "t3.medium",
        world.subnet,
        List.of(),
        null,
        file.toString(),
        Map.of());
  }

  private static boolean fails(Runnable step) {
    try {
      step.run();
      return false;
    } catch (ApplicationFailure e) {
      assertThat(e.getType()).as(e.getMessage()).isEqualTo(Failures.TRANSIENT);
      return true;
    }
  }
}
