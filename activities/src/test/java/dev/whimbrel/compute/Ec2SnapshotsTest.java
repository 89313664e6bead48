package dev.whimbrel.compute;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.whimbrel.activity.MachinesRequest;
import dev.whimbrel.runbook.ProvisionSpec;
import dev.whimbrel.runbook.ProvisionSpec.Ec2Snapshot;
import dev.whimbrel.servers.Fault;
import dev.whimbrel.servers.Needs;
import dev.whimbrel.servers.Program;
import io.temporal.failure.ApplicationFailure;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import software.amazon.awssdk.services.ec2.model.ResourceType;
import software.amazon.awssdk.services.ec2.model.TagSpecification;

@Needs(Program.MOTO)
class Ec2SnapshotsTest {
  private static Ec2World world;

  private final String migration = Ec2World.migration();
  private String volume = "";

  @BeforeAll
  static void start() {
    world = new Ec2World();
  }

  @AfterAll
  static void end() {
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

  private MachinesRequest request(String name) {
    return Ec2World.request(
        name,
        new ProvisionSpec.Ec2(
            Ec2World.TARGET,
            List.of(),
            List.of(new Ec2Snapshot(volume, Ec2World.SOURCE)),
            List.of()));
  }

  @Test
  void copiesASnapshotToTheTargetsRegionOnce() {
    String first = world.compute.provisionMachines(request(migration)).line();
    String second = world.compute.provisionMachines(request(migration)).line();

    assertThat(first).matches(volume + " is snapshot as snap-\\w+ in eu-north-1");
    assertThat(second).isEqualTo(first);
    assertThat(Ec2World.snapshots(world.source, migration)).hasSize(1);
    assertThat(Ec2World.snapshots(world.target, migration)).hasSize(1);
    assertThat(Ec2World.snapshots(world.target, migration).get(0).tags())
        .extracting(tag -> tag.key() + "=" + tag.value())
        .containsExactlyInAnyOrder("whimbrel:migration=" + migration, "whimbrel:volume=" + volume);
  }

  @Test
  void makesOneOfEachWhereverAnAttemptIsKilled() {
    int calls = 0;
    boolean reached = true;
    while (reached) {
      for (Fault fault : List.of(Fault.REQUEST_LOST, Fault.ANSWER_LOST)) {
        String name = Ec2World.migration();
        world.front().breakAfter(calls, fault);
        reached = fails(() -> world.compute.provisionMachines(request(name)));
        world.front().heal();

        world.compute.provisionMachines(request(name));

        assertThat(Ec2World.snapshots(world.source, name))
            .as("%s after %d calls", fault, calls)
            .hasSize(1);
        assertThat(Ec2World.snapshots(world.target, name))
            .as("copies, %s after %d calls", fault, calls)
            .hasSize(1);
      }
      calls++;
    }
    assertThat(calls).as("calls of a step").isGreaterThan(4);
  }

  @Test
  void isNotBegunAgainByTheSdk() {
    world.front().fail("CreateSnapshot", 1, Fault.ANSWER_LOST);
    world.front().forgetCalls();

    assertThat(fails(() -> world.compute.provisionMachines(request(migration)))).isTrue();

    assertThat(world.front().calls("CreateSnapshot")).hasSize(1);
    assertThat(Ec2World.snapshots(world.source, migration)).hasSize(1);
  }

  @Test
  void endsWithOneOfEachWhenSeveralAttemptsRanAtOnce() {
    List<CompletableFuture<Boolean>> attempts =
        Stream.of(1, 2, 3)
            .map(
                each ->
                    CompletableFuture.supplyAsync(
                        () -> fails(() -> world.compute.provisionMachines(request(migration)))))
            .toList();
    attempts.forEach(CompletableFuture::join);

    world.compute.provisionMachines(request(migration));

    assertThat(Ec2World.snapshots(world.source, migration)).hasSize(1);
    assertThat(Ec2World.snapshots(world.target, migration)).hasSize(1);
  }

  @Test
  void deletesItsOwnAndNotWhatABackupPlanCopiedTheTagsTo() {
    world.compute.provisionMachines(request(migration));
    String backup =
        world
            .source
            .createSnapshot(
                ask ->
                    ask.volumeId(volume)
                        .description("nightly")
                        .tagSpecifications(
                            TagSpecification.builder()
                                .resourceType(ResourceType.SNAPSHOT)
                                .tags(
                                    Ec2World.tag("whimbrel:migration", migration),
                                    Ec2World.tag("whimbrel:volume", volume))
                                .build()))
            .snapshotId();

    String line = world.compute.removeMachines(request(migration)).line();

    assertThat(line).matches("snap-\\w+ was deleted, snap-\\w+ was deleted");
    assertThat(Ec2World.snapshots(world.source, migration))
        .extracting(each -> each.snapshotId())
        .containsExactly(backup);
    assertThat(Ec2World.snapshots(world.target, migration)).isEmpty();
  }

  @Test
  void asksForHelpWhereTheVolumeIsNotThere() {
    MachinesRequest request =
        Ec2World.request(
            migration,
            new ProvisionSpec.Ec2(
                Ec2World.TARGET,
                List.of(),
                List.of(new Ec2Snapshot("vol-0abc", Ec2World.SOURCE)),
                List.of()));

    assertThatThrownBy(() -> world.compute.provisionMachines(request))
        .hasMessageContaining(
            "CreateSnapshot of vol-0abc in eu-west-1: AWS answered InvalidVolume");
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
