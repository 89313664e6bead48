package dev.whimbrel.compute.ec2;

import dev.whimbrel.activity.Failures;
import dev.whimbrel.compute.Machine;
import dev.whimbrel.compute.UserData;
import dev.whimbrel.runbook.ProvisionSpec.Ec2Machine;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import software.amazon.awssdk.core.exception.SdkException;
import software.amazon.awssdk.services.ec2.Ec2Client;
import software.amazon.awssdk.services.ec2.model.Ec2Exception;
import software.amazon.awssdk.services.ec2.model.Instance;
import software.amazon.awssdk.services.ec2.model.ResourceType;
import software.amazon.awssdk.services.ec2.model.RunInstancesRequest;

/**
 * Launches one instance for one machine. Every attempt sends the same client token, so that AWS
 * launches once. A token whose instance was terminated is refused; the next generation's is taken
 * then. AWS shows a terminated instance for about an hour: the count of those is where the search
 * for an unused generation begins, and only a shortcut.
 */
final class Ec2Launch {
  /** What AWS takes, before its encoding. */
  private static final int LONGEST_USER_DATA = 16 * 1024;

  /** More rounds of one migration's name than anybody makes within the memory of AWS. */
  private static final int GENERATIONS = 20;

  private final Ec2Client client;
  private final Ec2Calls calls;
  private final Ec2Instances instances;

  Ec2Launch(Ec2Client client, Ec2Calls calls, Ec2Instances instances) {
    this.client = client;
    this.calls = calls;
    this.instances = instances;
  }

  Machine launch(String migration, Ec2Machine machine, int gone, Runnable requireTime) {
    requireTags(migration, machine);
    for (int generation = gone; generation < gone + GENERATIONS; generation++) {
      RunInstancesRequest request = request(migration, machine, generation, false);
      requireTime.run();
      try {
        return Ec2Instances.machine(client.runInstances(request).instances().get(0));
      } catch (Ec2Exception e) {
        switch (Ec2Calls.code(e)) {
          case "IdempotentInstanceTerminated" -> {}
          case "IdempotentParameterMismatch" -> {
            return launchedOtherwise(machine, request.clientToken());
          }
          default -> throw calls.failure("RunInstances", "for " + machine.name(), e);
        }
      } catch (SdkException e) {
        throw calls.failure("RunInstances", "for " + machine.name(), e);
      }
    }
    throw Failures.needsHelp(
        "%s was launched and terminated %d times".formatted(machine.name(), gone + GENERATIONS),
        "give the machine another name in the runbook",
        null);
  }

  /** Somebody took the tags from what an earlier attempt has launched: it is not found by them. */
  private void requireTags(String migration, Ec2Machine machine) {
    List<Instance> launched =
        instances.byToken(Marks.tokenPrefix(migration, machine.name()) + "*").stream()
            .filter(each -> Ec2Instances.machine(each).alive())
            .filter(each -> !Ec2Instances.machine(each).made())
            .toList();
    if (!launched.isEmpty()) {
      String id = launched.get(0).instanceId();
      throw Failures.needsHelp(
          "%s: %s was launched for it and has lost its tags".formatted(machine.name(), id),
          "give it its tags back, then retry",
          "aws ec2 create-tags --resources %s --tags Key=%s,Value=%s Key=%s,Value=%s"
              .formatted(id, Marks.MIGRATION, migration, Marks.MACHINE, machine.name()));
    }
  }

  /** The token was used with other parameters: by an attempt that read other user data. */
  private Machine launchedOtherwise(Ec2Machine machine, String token) {
    return instances.byToken(token).stream()
        .map(Ec2Instances::machine)
        .filter(each -> each.alive() && each.made())
        .findFirst()
        .orElseThrow(
            () ->
                Failures.needsHelp(
                    "%s: an earlier attempt has launched it with other parameters, and it is not"
                            .formatted(machine.name())
                        + " seen",
                    "retry in a minute; if it stays away, give every worker the same user data",
                    "aws ec2 describe-instances --filters Name=client-token,Values=" + token));
  }

  /** Whether AWS would launch it, without launching it. */
  @Nullable SdkException refusal(String migration, Ec2Machine machine) {
    try {
      client.runInstances(request(migration, machine, 0, true));
      return null;
    } catch (SdkException e) {
      return Ec2Calls.code(e).equals("DryRunOperation") ? null : e;
    }
  }

  private static RunInstancesRequest request(
      String migration, Ec2Machine machine, int generation, boolean dryRun) {
    Map<String, String> tags = tags(migration, machine);
    RunInstancesRequest.Builder request =
        RunInstancesRequest.builder()
            .imageId(machine.image())
            .instanceType(machine.type())
            .subnetId(machine.subnet())
            .minCount(1)
            .maxCount(1)
            .tagSpecifications(
                Marks.tags(ResourceType.INSTANCE, tags), Marks.tags(ResourceType.VOLUME, tags));
    if (!machine.securityGroups().isEmpty()) {
      request.securityGroupIds(machine.securityGroups());
    }
    if (machine.key() != null) {
      request.keyName(machine.key());
    }
    if (machine.userData() != null) {
      request.userData(userData(machine, machine.userData()).encoded());
    }
    return dryRun
        ? request.dryRun(true).build()
        : request.clientToken(Marks.token(migration, machine.name(), generation)).build();
  }

  static Map<String, String> tags(String migration, Ec2Machine machine) {
    Map<String, String> tags = new TreeMap<>(machine.tags());
    tags.putIfAbsent("Name", machine.name());
    tags.put(Marks.MIGRATION, migration);
    tags.put(Marks.MACHINE, machine.name());
    return tags;
  }

  static UserData userData(Ec2Machine machine, String file) {
    return new UserData(machine.name(), file, LONGEST_USER_DATA);
  }

  /** The call in words. */
  static String words(String region, String migration, Ec2Machine machine) {
    StringBuilder text = new StringBuilder("RunInstances region=" + region);
    text.append(" image=").append(machine.image());
    text.append(" type=").append(machine.type());
    text.append(" subnet=").append(machine.subnet());
    if (!machine.securityGroups().isEmpty()) {
      text.append(" securityGroups=").append(String.join(",", machine.securityGroups()));
    }
    if (machine.key() != null) {
      text.append(" key=").append(machine.key());
    }
    if (machine.userData() != null) {
      text.append(" userData=").append(machine.userData());
    }
    return text.append(" tags=")
        .append(
            tags(migration, machine).entrySet().stream()
                .map(each -> each.getKey() + "=" + each.getValue())
                .collect(Collectors.joining(",")))
        .append(" token=")
        .append(Marks.tokenPrefix(migration, machine.name()))
        .append('N')
        .toString();
  }
}
