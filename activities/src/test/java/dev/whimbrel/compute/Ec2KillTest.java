package dev.whimbrel.compute;

import static org.assertj.core.api.Assertions.assertThat;

import dev.whimbrel.activity.MachinesRequest;
import dev.whimbrel.runbook.ProvisionSpec;
import dev.whimbrel.runbook.ProvisionSpec.Ec2Snapshot;
import dev.whimbrel.servers.Fault;
import dev.whimbrel.servers.Needs;
import dev.whimbrel.servers.Program;
import dev.whimbrel.servers.ServiceFront.Call;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import software.amazon.awssdk.services.ec2.Ec2Client;

/**
 * A process that provisions at EC2 is killed with SIGKILL at each of its changes and at a look; the
 * step, run again by another process, ends with one machine, one volume, one snapshot and one copy.
 */
@Needs(Program.MOTO)
class Ec2KillTest {
  private static final List<String> CHANGES =
      List.of("RunInstances", "CreateSnapshot", "CopySnapshot");

  /** One of the looks: a process costs seconds. */
  private static final String LOOK = "DescribeSnapshots";

  private static Ec2World world;
  private static RegistryCompute compute;

  private final String migration = Ec2World.migration();
  private final ProvisioningProcess process = new ProvisioningProcess();
  @TempDir private Path directory;

  /** Everything of ours in both regions, whoever made it: nothing can hide behind missing tags. */
  private record Things(int machines, int volumes, int interfaces, int originals, int copies) {
    static Things now() {
      return new Things(
          machines(world.target),
          world.target.describeVolumes().volumes().size(),
          world.target.describeNetworkInterfaces().networkInterfaces().size(),
          snapshots(world.source),
          snapshots(world.target));
    }

    private static int machines(Ec2Client client) {
      return client.describeInstances().reservations().stream()
          .mapToInt(each -> each.instances().size())
          .sum();
    }

    private static int snapshots(Ec2Client client) {
      return client.describeSnapshots(ask -> ask.ownerIds("self")).snapshots().size();
    }

    Things oneMore() {
      return new Things(machines + 1, volumes + 1, interfaces + 1, originals + 1, copies + 1);
    }
  }

  @BeforeAll
  static void start() {
    world = new Ec2World();
    compute = new RegistryCompute(world.aws(), ProvisioningProcess.PATIENT);
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
  void makesNoOtherChangesThanThoseItIsKilledAt() {
    MachinesRequest request = request();
    world.front().forgetCalls();

    compute.provisionMachines(request);

    assertThat(world.front().calls().stream().map(Call::operation).distinct())
        .filteredOn(Ec2ProductCalls::changes)
        .containsExactlyElementsOf(CHANGES);
  }

  static Stream<Arguments> points() {
    return Stream.concat(
        Stream.of(Arguments.of("before", LOOK)),
        CHANGES.stream()
            .flatMap(each -> Stream.of("before", "after").map(when -> Arguments.of(when, each))));
  }

  @ParameterizedTest(name = "{0} {1}")
  @MethodSource("points")
  void isKilledAndRunAgain(String when, String operation) throws Exception {
    MachinesRequest request = request();
    Things before = Things.now();
    if (when.equals("before")) {
      world.front().fail(operation, 1, Fault.REQUEST_LOST);
      world.front().meanwhile(operation, process::kill);
    } else {
      world.front().fail(operation, 1, Fault.ANSWER_LOST);
      world.front().afterwards(operation, process::kill);
    }

    process.runToItsDeath(directory, request, world.environment(), List.of());
    compute.provisionMachines(request);

    assertMadeOnce(before, request);
  }

  @Test
  void isKilledWhileItsLaunchIsOnTheWayWhichArrivesWhenAnotherHasLaunched() throws Exception {
    MachinesRequest request = request();
    Things before = Things.now();
    CompletableFuture<Void> arrived = new CompletableFuture<>();
    world.front().forgetCalls();
    world
        .front()
        .meanwhile(
            "RunInstances",
            () -> {
              process.kill();
              compute.provisionMachines(request);
              world.front().afterwards("RunInstances", () -> arrived.complete(null));
            });

    process.runToItsDeath(directory, request, world.environment(), List.of());
    arrived.get(60, TimeUnit.SECONDS);

    assertThat(world.front().calls("RunInstances"))
        .extracting(Call::ended)
        .containsExactly("200", "200");
    assertMadeOnce(before, request);
  }

  private void assertMadeOnce(Things before, MachinesRequest request) {
    assertThat(compute.awaitMachines(request).line()).isEqualTo("app-1 is healthy");
    assertThat(world.alive(migration)).hasSize(1);
    assertThat(Ec2World.snapshots(world.source, migration)).hasSize(1);
    assertThat(Ec2World.snapshots(world.target, migration)).hasSize(1);
    assertThat(Things.now()).isEqualTo(before.oneMore());
  }

  /** A machine, and a snapshot that is copied. */
  private MachinesRequest request() {
    return Ec2World.request(
        migration,
        new ProvisionSpec.Ec2(
            Ec2World.TARGET,
            List.of(world.machine("app-1")),
            List.of(new Ec2Snapshot(world.volume(world.source), Ec2World.SOURCE)),
            List.of()));
  }
}
