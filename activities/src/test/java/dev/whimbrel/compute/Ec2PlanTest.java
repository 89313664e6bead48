package dev.whimbrel.compute;

import static org.assertj.core.api.Assertions.assertThat;

import dev.whimbrel.activity.ChangePlan;
import dev.whimbrel.activity.Finding;
import dev.whimbrel.runbook.ProvisionSpec;
import dev.whimbrel.runbook.ProvisionSpec.Ec2Groups;
import dev.whimbrel.runbook.ProvisionSpec.Ec2Machine;
import dev.whimbrel.runbook.ProvisionSpec.Ec2Snapshot;
import dev.whimbrel.servers.Fault;
import dev.whimbrel.servers.Needs;
import dev.whimbrel.servers.Program;
import dev.whimbrel.servers.ServiceFront.Call;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import software.amazon.awssdk.services.ec2.Ec2Client;
import software.amazon.awssdk.services.ec2.model.IpPermission;
import software.amazon.awssdk.services.ec2.model.IpRange;
import software.amazon.awssdk.services.ec2.model.UserIdGroupPair;

@Needs(Program.MOTO)
class Ec2PlanTest {
  private static Ec2World world;

  private final String migration = Ec2World.migration();

  @BeforeAll
  static void start() {
    world = new Ec2World();
    world.front().quota("L-1216C47A", 1000);
  }

  @AfterAll
  static void end() {
    world.close();
  }

  @AfterEach
  void touchesNothingForeign() {
    world.front().quota("L-1216C47A", 1000);
    world.assertBystandersUntouched();
  }

  @Test
  void showsEveryCallAndChangesNothing() {
    String volume = world.volume(world.source);
    String adopted = world.instance(world.target);
    world.front().forgetCalls();

    ChangePlan plan =
        plan(
            List.of(world.machine("app-1"), Ec2World.adopting("app-2", adopted)),
            List.of(new Ec2Snapshot(volume, Ec2World.SOURCE)),
            List.of());

    assertThat(plan.forward())
        .hasSize(4)
        .anySatisfy(
            call ->
                assertThat(call)
                    .startsWith(
                        "RunInstances region=eu-north-1 image=%s type=t3.medium subnet=%s"
                            .formatted(world.image, world.subnet))
                    .contains("whimbrel:migration=" + migration))
        .contains(
            "snapshot of " + volume + " in eu-west-1",
            "copy of that snapshot from eu-west-1 to eu-north-1",
            "app-2 is " + adopted + ": nothing is made");
    assertThat(plan.back())
        .containsExactly(
            "delete the snapshots of " + volume + " that this migration has made",
            "end app-1 in EC2 eu-north-1, found by its tag",
            adopted + " is adopted: it is left as it is");
    assertThat(blockers(plan)).isEmpty();
    assertThat(world.front().calls())
        .extracting(Call::operation)
        .allMatch(each -> each.matches("(Describe|Get).*|RunInstances"));
    assertThat(world.front().calls("RunInstances"))
        .extracting(Call::toString)
        .allSatisfy(each -> assertThat(each).contains("DryRun=true").contains("DryRunOperation"));
    assertThat(world.alive(migration)).isEmpty();
  }

  @Test
  void saysThatAMachineIsThereAlready() {
    world.compute.provisionMachines(Ec2World.request(migration, world.machine("app-1")));
    String id = world.alive(migration).get(0).instanceId();

    ChangePlan plan = plan(List.of(world.machine("app-1")), List.of(), List.of());

    assertThat(plan.forward()).containsExactly("app-1 is " + id + ": nothing is made");
  }

  @Test
  void namesWhatIsNotThereInTheTargetsRegion() {
    Ec2Machine wrong =
        new Ec2Machine(
            "app-1",
            null,
            "ami-0abc",
            "t3.medium",
            "subnet-0abc",
            List.of("sg-0abc"),
            "nobody",
            "/nowhere/app.sh",
            Map.of());

    ChangePlan plan =
        plan(List.of(wrong), List.of(new Ec2Snapshot("vol-0abc", Ec2World.SOURCE)), List.of());

    assertThat(blockers(plan))
        .containsExactly(
            "app-1: expected the image ami-0abc in eu-north-1, found none.",
            "app-1: expected the subnet subnet-0abc in eu-north-1, found none.",
            "app-1: expected the security group sg-0abc in eu-north-1, found none.",
            "app-1: expected the key pair nobody in eu-north-1, found none.",
            "app-1: expected user data in /nowhere/app.sh on this worker, found no file that can"
                + " be read.",
            "vol-0abc: expected the volume vol-0abc in eu-west-1, found none.");
  }

  @Test
  void namesATypeThatIsNotOfferedInTheSubnetsZone() {
    Ec2Machine wrong =
        new Ec2Machine(
            "app-1",
            null,
            world.image,
            "t3.gigantic",
            world.subnet,
            List.of(),
            null,
            null,
            Map.of());

    ChangePlan plan = plan(List.of(wrong), List.of(), List.of());

    assertThat(blockers(plan))
        .singleElement()
        .asString()
        .startsWith("app-1: expected the type t3.gigantic to be offered in eu-north-1");
  }

  @Test
  void comparesTheQuotaWithWhatRuns() {
    world.front().quota("L-1216C47A", 1000);
    ChangePlan enough = plan(List.of(world.machine("app-1")), List.of(), List.of());
    world.front().quota("L-1216C47A", 3);

    ChangePlan scarce = plan(List.of(world.machine("app-1")), List.of(), List.of());

    assertThat(line(enough, "quota")).contains("2 vCPUs are needed, ").contains(" of 1000 are in");
    assertThat(blockers(scarce))
        .singleElement()
        .asString()
        .contains("the quota leaves no room: 2 vCPUs are needed")
        .contains("aws service-quotas request-service-quota-increase --region eu-north-1");
  }

  @Test
  void saysNotKnownWhereTheRightsToLookAreMissing() {
    world.front().fail("GetServiceQuota", 9, Fault.refused(400, "AccessDeniedException"));
    world.front().fail("GetCallerIdentity", 9, Fault.refused(403, "AccessDenied"));

    ChangePlan plan = plan(List.of(world.machine("app-1")), List.of(), List.of());

    assertThat(line(plan, "quota")).contains("not known: AccessDeniedException.");
    assertThat(line(plan, "identity")).contains("is not known: AccessDenied.");
    assertThat(blockers(plan)).isEmpty();
  }

  @Test
  void saysAsWhomItCalls() {
    ChangePlan plan = plan(List.of(world.machine("app-1")), List.of(), List.of());

    assertThat(line(plan, "identity")).contains("calls are made as arn:aws:sts::123456789012:");
  }

  @Test
  void namesTheRightThatTheLaunchWouldLack() {
    world.front().fail("RunInstances", 9, Fault.refused(403, "UnauthorizedOperation"));

    ChangePlan plan = plan(List.of(world.machine("app-1")), List.of(), List.of());

    assertThat(blockers(plan))
        .singleElement()
        .asString()
        .contains("the right ec2:RunInstances is missing");
  }

  @Test
  void comparesSecurityGroupsRuleByRule() {
    String from = group(world.source, "from");
    String to = group(world.target, "to");
    allow(world.source, from, tcp(443, "0.0.0.0/0"));
    allow(world.source, from, tcp(22, "192.0.2.0/24"));
    allow(world.source, from, self(from, 5432));
    allow(world.source, from, self(group(world.source, "elsewhere"), 6379));
    allow(world.target, to, tcp(443, "0.0.0.0/0"));
    allow(world.target, to, tcp(8080, "198.51.100.0/24"));
    allow(world.target, to, self(to, 5432));

    List<String> found =
        plan(List.of(), List.of(), List.of(new Ec2Groups(from, Ec2World.SOURCE, to)))
            .findings()
            .stream()
            .filter(each -> each.check().equals("security-groups"))
            .map(Finding::line)
            .toList();

    assertThat(found)
        .hasSize(3)
        .anySatisfy(
            line ->
                assertThat(line)
                    .contains(from + " allows 'in tcp 22 from 192.0.2.0/24', " + to + " does not.")
                    .contains(
                        "Fix: aws ec2 authorize-security-group-ingress --region eu-north-1"
                            + " --group-id "
                            + to
                            + " --ip-permissions"
                            + " 'IpProtocol=tcp,FromPort=22,ToPort=22,"
                            + "IpRanges=[{CidrIp=192.0.2.0/24}]'"))
        .anySatisfy(
            line ->
                assertThat(line)
                    .contains(to + " allows 'in tcp 8080 from 198.51.100.0/24'")
                    .contains("aws ec2 revoke-security-group-ingress --region eu-north-1"))
        .anySatisfy(line -> assertThat(line).contains("not compared: " + from + " allows"));
  }

  @Test
  void saysThatTwoGroupsAllowTheSame() {
    String from = group(world.source, "from");
    String to = group(world.target, "to");
    allow(world.source, from, tcp(443, "0.0.0.0/0"));
    allow(world.target, to, tcp(443, "0.0.0.0/0"));

    ChangePlan plan = plan(List.of(), List.of(), List.of(new Ec2Groups(from, Ec2World.SOURCE, to)));

    assertThat(line(plan, "security-groups")).contains("they allow the same, in 2 rules.");
  }

  private ChangePlan plan(
      List<Ec2Machine> machines, List<Ec2Snapshot> snapshots, List<Ec2Groups> groups) {
    return world.compute.planMachines(
        Ec2World.request(
            migration, new ProvisionSpec.Ec2(Ec2World.TARGET, machines, snapshots, groups)));
  }

  private static List<String> blockers(ChangePlan plan) {
    return plan.findings().stream()
        .filter(each -> each.level() == Finding.Level.BLOCKER)
        .map(Finding::line)
        .toList();
  }

  private static String line(ChangePlan plan, String check) {
    return plan.findings().stream()
        .filter(each -> each.check().equals(check))
        .map(Finding::line)
        .findFirst()
        .orElseThrow();
  }

  private String group(Ec2Client client, String name) {
    String vpc = client.describeVpcs().vpcs().get(0).vpcId();
    return client
        .createSecurityGroup(ask -> ask.groupName(name + migration).description(name).vpcId(vpc))
        .groupId();
  }

  private static void allow(Ec2Client client, String group, IpPermission permission) {
    client.authorizeSecurityGroupIngress(ask -> ask.groupId(group).ipPermissions(permission));
  }

  private static IpPermission tcp(int port, String from) {
    return IpPermission.builder()
        .ipProtocol("tcp")
        .fromPort(port)
        .toPort(port)
        .ipRanges(IpRange.builder().cidrIp(from).build())
        .build();
  }

  private static IpPermission self(String group, int port) {
    return IpPermission.builder()
        .ipProtocol("tcp")
        .fromPort(port)
        .toPort(port)
        .userIdGroupPairs(UserIdGroupPair.builder().groupId(group).build())
        .build();
  }
}
