package dev.whimbrel.compute.ec2;

import dev.whimbrel.compute.Machine;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import software.amazon.awssdk.core.exception.SdkException;
import software.amazon.awssdk.services.ec2.Ec2Client;
import software.amazon.awssdk.services.ec2.model.DescribeInstancesRequest;
import software.amazon.awssdk.services.ec2.model.Ec2Exception;
import software.amazon.awssdk.services.ec2.model.Filter;
import software.amazon.awssdk.services.ec2.model.Instance;
import software.amazon.awssdk.services.ec2.model.InstanceStateName;
import software.amazon.awssdk.services.ec2.model.InstanceStatus;
import software.amazon.awssdk.services.ec2.model.Tag;

/** Instances of one region as they are now. */
final class Ec2Instances {
  private final Ec2Client client;
  private final Ec2Calls calls;

  Ec2Instances(Ec2Client client, Ec2Calls calls) {
    this.client = client;
    this.calls = calls;
  }

  List<Machine> tagged(String migration) {
    return all("tag:" + Marks.MIGRATION, migration).stream().map(Ec2Instances::machine).toList();
  }

  /** What a launch with one of these tokens has made, whatever became of its tags. */
  List<Instance> byToken(String tokens) {
    return all("client-token", tokens);
  }

  private List<Instance> all(String filter, String value) {
    DescribeInstancesRequest request =
        DescribeInstancesRequest.builder()
            .filters(Filter.builder().name(filter).values(value).build())
            .build();
    return calls.call(
        "DescribeInstances",
        "with " + filter + " " + value,
        () ->
            client.describeInstancesPaginator(request).reservations().stream()
                .flatMap(each -> each.instances().stream())
                .toList());
  }

  Optional<Instance> find(String id) {
    try {
      return client.describeInstances(request -> request.instanceIds(id)).reservations().stream()
          .flatMap(each -> each.instances().stream())
          .findFirst();
    } catch (Ec2Exception e) {
      if (Ec2Calls.code(e).startsWith("InvalidInstanceID")) {
        return Optional.empty();
      }
      throw calls.failure("DescribeInstances", id, e);
    } catch (SdkException e) {
      throw calls.failure("DescribeInstances", id, e);
    }
  }

  Optional<String> unhealthy(String id) {
    List<InstanceStatus> statuses;
    try {
      statuses =
          client.describeInstanceStatus(request -> request.instanceIds(id)).instanceStatuses();
    } catch (Ec2Exception e) {
      if (Ec2Calls.code(e).startsWith("InvalidInstanceID")) {
        return Optional.of(id + " is not seen yet");
      }
      throw calls.failure("DescribeInstanceStatus", id, e);
    } catch (SdkException e) {
      throw calls.failure("DescribeInstanceStatus", id, e);
    }
    if (statuses.isEmpty()) {
      return Optional.of(id + " has no status yet");
    }
    String system = statuses.get(0).systemStatus().statusAsString();
    String instance = statuses.get(0).instanceStatus().statusAsString();
    return "ok".equals(system) && "ok".equals(instance)
        ? Optional.empty()
        : Optional.of(
            "%s runs, its system check is %s, its instance check is %s"
                .formatted(id, system, instance));
  }

  static Machine machine(Instance instance) {
    Map<String, String> tags =
        instance.tags().stream().collect(Collectors.toMap(Tag::key, Tag::value, (a, b) -> b));
    String migration = tags.get(Marks.MIGRATION);
    String name = tags.get(Marks.MACHINE);
    String group = tags.get("aws:autoscaling:groupName");
    return new Machine(
        instance.instanceId(),
        migration,
        name,
        made(instance, migration, name),
        state(instance),
        instance.stateReason() == null || instance.stateReason().message() == null
            ? ""
            : instance.stateReason().message(),
        facts(instance),
        group == null ? null : "the Auto Scaling group " + group,
        instance.launchTime());
  }

  private static boolean made(
      Instance instance, @Nullable String migration, @Nullable String machine) {
    return migration != null
        && machine != null
        && instance.clientToken() != null
        && instance.clientToken().startsWith(Marks.tokenPrefix(migration, machine));
  }

  private static Map<String, String> facts(Instance instance) {
    Map<String, String> facts = new TreeMap<>();
    put(facts, "image", instance.imageId());
    put(facts, "type", instance.instanceTypeAsString());
    put(facts, "subnet", instance.subnetId());
    put(facts, "key", instance.keyName());
    put(
        facts,
        "securityGroups",
        instance.securityGroups().stream()
            .map(each -> each.groupId())
            .sorted()
            .collect(Collectors.joining(",")));
    return facts;
  }

  private static void put(Map<String, String> facts, String name, @Nullable String value) {
    if (value != null && !value.isEmpty()) {
      facts.put(name, value);
    }
  }

  private static Machine.State state(Instance instance) {
    InstanceStateName name = instance.state().name();
    return switch (name) {
      case PENDING -> Machine.State.STARTING;
      case RUNNING -> Machine.State.RUNNING;
      case STOPPING -> Machine.State.STOPPING;
      case STOPPED -> Machine.State.STOPPED;
      case SHUTTING_DOWN -> Machine.State.GOING;
      case TERMINATED -> Machine.State.GONE;
      case UNKNOWN_TO_SDK_VERSION -> Machine.State.STARTING;
    };
  }
}
