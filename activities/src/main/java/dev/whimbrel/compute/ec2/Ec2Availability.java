package dev.whimbrel.compute.ec2;

import dev.whimbrel.activity.Failures;
import dev.whimbrel.activity.Finding;
import dev.whimbrel.activity.Finding.Level;
import dev.whimbrel.runbook.ProvisionSpec;
import dev.whimbrel.runbook.ProvisionSpec.Ec2Machine;
import io.temporal.failure.ApplicationFailure;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import software.amazon.awssdk.core.exception.SdkException;
import software.amazon.awssdk.services.ec2.Ec2Client;
import software.amazon.awssdk.services.ec2.model.Filter;
import software.amazon.awssdk.services.ec2.model.LocationType;
import software.amazon.awssdk.services.ec2.model.Subnet;

/** Whether what the runbook names is there in the target's region, and may be used. */
final class Ec2Availability {
  private final AwsClients clients;
  private final ProvisionSpec.Ec2 spec;
  private final Ec2Client client;
  private final Ec2Calls calls;
  private final Ec2Launch launch;

  Ec2Availability(AwsClients clients, ProvisionSpec.Ec2 spec, Ec2Calls calls, Ec2Launch launch) {
    this.clients = clients;
    this.spec = spec;
    this.client = clients.ec2(spec.region());
    this.calls = calls;
    this.launch = launch;
  }

  /** As whom the calls are made, and what each machine and snapshot lacks. */
  List<Finding> findings(String migration) {
    List<Finding> findings = new ArrayList<>();
    findings.add(identity());
    for (Ec2Machine machine : spec.machines()) {
      if (machine.adopt() == null) {
        findings.addAll(machine(migration, machine));
      }
    }
    for (ProvisionSpec.Ec2Snapshot snapshot : spec.snapshots()) {
      Ec2Client there = clients.ec2(snapshot.region());
      missing(
          findings,
          snapshot.volume(),
          "volume " + snapshot.volume(),
          "InvalidVolume",
          new Ec2Calls(snapshot.region()),
          "DescribeVolumes",
          () -> there.describeVolumes(request -> request.volumeIds(snapshot.volume())).volumes());
    }
    return findings;
  }

  private Finding identity() {
    String text;
    try {
      text = "calls are made as " + clients.sts(spec.region()).getCallerIdentity().arn() + ".";
    } catch (SdkException e) {
      text = "as whom calls are made is not known: %s.".formatted(Ec2Calls.word(e));
    }
    return new Finding(Level.NOTE, "identity", "EC2 " + spec.region(), text, null);
  }

  private List<Finding> machine(String migration, Ec2Machine machine) {
    List<Finding> findings = new ArrayList<>();
    String image = String.valueOf(machine.image());
    missing(
        findings,
        machine.name(),
        "image " + image,
        "InvalidAMIID",
        calls,
        "DescribeImages",
        () -> client.describeImages(request -> request.imageIds(image)).images());
    List<Subnet> subnets =
        missing(
            findings,
            machine.name(),
            "subnet " + machine.subnet(),
            "InvalidSubnet",
            calls,
            "DescribeSubnets",
            () -> client.describeSubnets(request -> request.subnetIds(machine.subnet())).subnets());
    for (String group : machine.securityGroups()) {
      missing(
          findings,
          machine.name(),
          "security group " + group,
          "InvalidGroup",
          calls,
          "DescribeSecurityGroups",
          () -> client.describeSecurityGroups(request -> request.groupIds(group)).securityGroups());
    }
    if (machine.key() != null) {
      missing(
          findings,
          machine.name(),
          "key pair " + machine.key(),
          "InvalidKeyPair",
          calls,
          "DescribeKeyPairs",
          () -> client.describeKeyPairs(request -> request.keyNames(machine.key())).keyPairs());
    }
    if (machine.userData() != null) {
      Ec2Launch.userData(machine, machine.userData())
          .unreadable()
          .ifPresent(why -> findings.add(blocker(machine.name(), why + ".", null)));
    }
    subnets.forEach(subnet -> offered(findings, machine, subnet.availabilityZone()));
    if (findings.isEmpty()) {
      refused(findings, migration, machine);
    }
    return findings;
  }

  private void offered(List<Finding> findings, Ec2Machine machine, String zone) {
    String type = String.valueOf(machine.type());
    boolean offered =
        !calls
            .call(
                "DescribeInstanceTypeOfferings",
                type,
                () ->
                    client.describeInstanceTypeOfferings(
                        request ->
                            request
                                .locationType(LocationType.AVAILABILITY_ZONE)
                                .filters(filter("instance-type", type), filter("location", zone))))
            .instanceTypeOfferings()
            .isEmpty();
    if (!offered) {
      findings.add(
          blocker(
              machine.name(),
              "expected the type %s to be offered in %s, where its subnet is, found it is not."
                  .formatted(type, zone),
              "aws ec2 describe-instance-type-offerings --region %s --location-type"
                      .formatted(spec.region())
                  + " availability-zone --filters Name=location,Values="
                  + zone));
    }
  }

  private void refused(List<Finding> findings, String migration, Ec2Machine machine) {
    SdkException refusal = launch.refusal(migration, machine);
    if (refusal != null) {
      ApplicationFailure failure = calls.failure("RunInstances", "as a dry run", refusal);
      if (failure.getType().equals(Failures.TRANSIENT)) {
        throw failure; // it says nothing about the machine
      }
      findings.add(blocker(machine.name(), failure.getOriginalMessage() + ".", null));
    }
  }

  /** What was found; where the answer says that there is none, a finding. */
  private <T> List<T> missing(
      List<Finding> findings,
      String subject,
      String what,
      String code,
      Ec2Calls region,
      String operation,
      Supplier<List<T>> look) {
    List<T> found;
    try {
      found = look.get();
    } catch (SdkException e) {
      if (!Ec2Calls.code(e).startsWith(code)) {
        throw region.failure(operation, what, e);
      }
      found = List.of();
    }
    if (found.isEmpty()) {
      findings.add(
          blocker(
              subject,
              "expected the %s in %s, found none.".formatted(what, region.region()),
              null));
    }
    return found;
  }

  private static Filter filter(String name, String value) {
    return Filter.builder().name(name).values(value).build();
  }

  private static Finding blocker(String subject, String message, @Nullable String fix) {
    return new Finding(Level.BLOCKER, "machines", subject, message, fix);
  }
}
