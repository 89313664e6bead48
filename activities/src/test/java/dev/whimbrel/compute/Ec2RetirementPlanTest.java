package dev.whimbrel.compute;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.whimbrel.activity.ChangePlan;
import dev.whimbrel.activity.Finding;
import dev.whimbrel.activity.Finding.Level;
import dev.whimbrel.servers.Fault;
import dev.whimbrel.servers.Needs;
import dev.whimbrel.servers.Program;
import dev.whimbrel.servers.ServiceFront.Call;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

@Needs(Program.MOTO)
class Ec2RetirementPlanTest {
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
  void showsEveryCallAndChangesNothing() {
    String old = world.instance(world.source);
    String standing = world.instance(world.source);
    world.source.stopInstances(ask -> ask.instanceIds(standing));
    String disk = world.volume(world.source);
    world.source.attachVolume(ask -> ask.instanceId(old).volumeId(disk).device("/dev/sdf"));
    world.front().forgetCalls();

    ChangePlan plan = world.compute.planRetirement(Ec2World.retire(migration, old, standing));

    assertThat(plan.forward())
        .containsExactly(
            "StopInstances region=eu-west-1 instance=" + old,
            "TerminateInstances region=eu-west-1 instance=%s, 7 d later, with an approval of its own"
                .formatted(old),
            standing + " stands already: it is not stopped",
            "TerminateInstances region=eu-west-1 instance=%s, 7 d later, with an approval of its own"
                .formatted(standing));
    assertThat(plan.back())
        .contains(
            "aws ec2 start-instances --instance-ids %s --region eu-west-1 (until it is terminated)"
                .formatted(old));
    assertThat(lines(plan, Level.NOTE))
        .anyMatch(each -> each.startsWith(old + ": it is running in EC2 eu-west-1: image ami-"))
        .contains(old + ": " + disk + " stays when it is ended.");
    assertThat(lines(plan, Level.BLOCKER)).isEmpty();
    assertThat(world.front().calls())
        .extracting(Call::operation)
        .allMatch(each -> each.matches("Describe.*|StopInstances|TerminateInstances"));
    assertThat(world.front().calls())
        .filteredOn(each -> !each.operation().startsWith("Describe"))
        .hasSize(4)
        .extracting(Call::toString)
        .allSatisfy(each -> assertThat(each).contains("DryRun=true").contains("DryRunOperation"));
    assertThat(Ec2World.state(world.source, old)).isEqualTo("running");
  }

  @Test
  void namesEachIdThatIsNoMachineOfThatRegion() {
    String elsewhere = world.instance(world.target);
    String ended = world.instance(world.source);
    world.source.terminateInstances(ask -> ask.instanceIds(ended));

    ChangePlan plan =
        world.compute.planRetirement(
            Ec2World.retire(migration, "i-0123456789abcdef0", elsewhere, ended));

    assertThat(lines(plan, Level.BLOCKER))
        .containsExactly(
            missing("i-0123456789abcdef0", "none"),
            missing(elsewhere, "none"),
            missing(ended, "it gone"));
    assertThat(plan.forward()).isEmpty();
  }

  private static String missing(String id, String found) {
    return "%s: expected this machine in EC2 eu-west-1, found %s. Correct decommission.retire in the runbook."
            .formatted(id, found)
        + " Fix: aws ec2 describe-instances --instance-ids %s --region eu-west-1".formatted(id);
  }

  @Test
  void namesTheRightsThatAreMissing() {
    String old = world.instance(world.source);
    world.front().fail("StopInstances", 9, Fault.refused(403, "UnauthorizedOperation"));
    world.front().fail("TerminateInstances", 9, Fault.refused(403, "UnauthorizedOperation"));

    ChangePlan plan = world.compute.planRetirement(Ec2World.retire(migration, old));

    assertThat(lines(plan, Level.BLOCKER))
        .hasSize(2)
        .anySatisfy(
            each ->
                assertThat(each)
                    .contains("the right ec2:StopInstances is missing")
                    .contains("Fix: give the worker's identity ec2:StopInstances"))
        .anySatisfy(
            each -> assertThat(each).contains("the right ec2:TerminateInstances is missing"));
  }

  @Test
  void warnsOfAProtectionThatADryRunSees() {
    String old = world.instance(world.source);
    world.front().fail("StopInstances", 1, Fault.refused(400, "OperationNotPermitted"));

    ChangePlan plan = world.compute.planRetirement(Ec2World.retire(migration, old));

    assertThat(lines(plan, Level.BLOCKER)).isEmpty();
    assertThat(lines(plan, Level.WARNING))
        .contains(
            "%s: is protected against stop: the step will park until the protection is gone. Fix: aws ec2 modify-instance-attribute --region eu-west-1 --instance-id %s --no-disable-api-stop"
                .formatted(old, old));
  }

  @Test
  void refusesAnothersMachineAndWarnsOfAGroupThatWouldReplaceOne() {
    String others = world.instance(world.source, "whimbrel:migration", "other");
    String member = world.instance(world.source, "aws:autoscaling:groupName", "web");

    ChangePlan plan = world.compute.planRetirement(Ec2World.retire(migration, others, member));

    assertThat(lines(plan, Level.BLOCKER))
        .singleElement()
        .asString()
        .startsWith(others + ": " + others + " carries the tag of another migration, other.")
        .contains("aws ec2 delete-tags --resources " + others);
    assertThat(lines(plan, Level.WARNING))
        .containsExactly(
            member
                + ": it belongs to the Auto Scaling group web, which would replace it when it stops:"
                + " let that go before the decommission.");
  }

  @Test
  void comesAgainWhereItCouldNotLook() {
    String old = world.instance(world.source);
    world.front().fail("DescribeInstances", 99, Fault.refused(503, "RequestLimitExceeded"));

    assertThatThrownBy(() -> world.compute.planRetirement(Ec2World.retire(migration, old)))
        .hasMessageContaining(
            "DescribeInstances %s in eu-west-1: AWS answered RequestLimitExceeded".formatted(old));
  }

  private static List<String> lines(ChangePlan plan, Level level) {
    return plan.findings().stream()
        .filter(each -> each.level() == level)
        .map(Finding::line)
        .toList();
  }
}
