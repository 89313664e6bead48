package dev.whimbrel.compute.ec2;

import dev.whimbrel.compute.Machine;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import software.amazon.awssdk.services.ec2.Ec2Client;
import software.amazon.awssdk.services.ec2.model.Address;
import software.amazon.awssdk.services.ec2.model.Filter;
import software.amazon.awssdk.services.ec2.model.Instance;
import software.amazon.awssdk.services.ec2.model.InstanceBlockDeviceMapping;
import software.amazon.awssdk.services.ec2.model.Volume;

/** What still costs money in a region once its machines are retired. */
final class Ec2Costs {
  private final Ec2Client client;
  private final Ec2Calls calls;
  private final Ec2Instances instances;

  Ec2Costs(Ec2Client client, Ec2Calls calls, Ec2Instances instances) {
    this.client = client;
    this.calls = calls;
    this.instances = instances;
  }

  /** Machines that run, volumes and addresses of those that are there, and free addresses. */
  List<String> of(List<String> machines) {
    List<String> lines = new ArrayList<>();
    for (String id : machines) {
      Optional<Instance> found = instances.find(id);
      if (found.isPresent() && Ec2Instances.machine(found.get()).alive()) {
        Machine machine = Ec2Instances.machine(found.get());
        if (machine.state() != Machine.State.STOPPED) {
          lines.add("%s is %s".formatted(id, machine.state().word()));
        }
        lines.addAll(volumes(id));
      }
    }
    for (Address address : addresses()) {
      if (address.instanceId() != null && machines.contains(address.instanceId())) {
        lines.add(
            "Elastic IP %s (%s) of %s"
                .formatted(address.publicIp(), address.allocationId(), address.instanceId()));
      } else if (address.associationId() == null) {
        lines.add(
            "Elastic IP %s (%s), which nothing uses"
                .formatted(address.publicIp(), address.allocationId()));
      }
    }
    return lines;
  }

  /** The volumes that stay when a machine is ended, found while it is still there. */
  static List<String> staying(Instance instance) {
    return instance.blockDeviceMappings().stream()
        .map(InstanceBlockDeviceMapping::ebs)
        .filter(each -> each != null && !Boolean.TRUE.equals(each.deleteOnTermination()))
        .map(each -> each.volumeId())
        .toList();
  }

  private List<String> volumes(String instance) {
    List<Volume> volumes =
        calls.call(
            "DescribeVolumes",
            "of " + instance,
            () ->
                client
                    .describeVolumes(
                        request ->
                            request.filters(
                                Filter.builder()
                                    .name("attachment.instance-id")
                                    .values(instance)
                                    .build()))
                    .volumes());
    return volumes.stream()
        .map(
            each ->
                "%s (%d GiB %s) of %s"
                    .formatted(each.volumeId(), each.size(), each.volumeTypeAsString(), instance))
        .toList();
  }

  private List<Address> addresses() {
    return calls.call(
        "DescribeAddresses", "of the account", () -> client.describeAddresses().addresses());
  }
}
