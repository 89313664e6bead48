package dev.whimbrel.compute.azure;

import com.azure.core.management.SubResource;
import com.azure.resourcemanager.network.fluent.models.NetworkInterfaceInner;
import com.azure.resourcemanager.network.fluent.models.NetworkInterfaceIpConfigurationInner;
import com.azure.resourcemanager.network.fluent.models.NetworkSecurityGroupInner;
import com.azure.resourcemanager.network.fluent.models.SubnetInner;
import com.azure.resourcemanager.network.models.ProvisioningState;
import dev.whimbrel.activity.Failures;
import dev.whimbrel.runbook.ProvisionSpec;
import dev.whimbrel.runbook.ProvisionSpec.AzureMachine;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** The network interfaces of the machines that are made. */
final class Interfaces {
  private final AzureClients clients;
  private final ProvisionSpec.Azure spec;
  private final VirtualMachines machines;

  Interfaces(AzureClients clients, ProvisionSpec.Azure spec, VirtualMachines machines) {
    this.clients = clients;
    this.spec = spec;
    this.machines = machines;
  }

  /** Makes the interface of a machine, or finds it; the same at every attempt. */
  String make(String migration, AzureMachine wanted, Runnable requireTime) {
    String name = Marks.interfaceName(migration, wanted.name());
    ResourceId id = id(name);
    Optional<NetworkInterfaceInner> there = machines.networkInterface(id);
    if (there.isPresent() && !isOwn(migration, there.get())) {
      throw Failures.needsHelp(
          "%s: a network interface of this name is there, and does not carry this migration's tag: it is not touched"
              .formatted(id.id()),
          "rename or delete it, then retry",
          "az network nic show --ids " + id.id());
    }
    if (there.isPresent() && ProvisioningState.SUCCEEDED.equals(there.get().provisioningState())) {
      return there.get().id();
    }
    requireTime.run();
    String what = "Cannot make the network interface " + id.id();
    // What is there and not ready was begun by an attempt that did not end: the same is asked for.
    Operations.await(
        what,
        id.scope(),
        ComputeCalls.make(
            what,
            id.scope(),
            () ->
                clients
                    .network(spec.subscription())
                    .getNetworkInterfaces()
                    .beginCreateOrUpdate(spec.resourceGroup(), name, inner(migration, wanted))));
    return id.id();
  }

  private NetworkInterfaceInner inner(String migration, AzureMachine wanted) {
    SubnetInner subnet = new SubnetInner();
    subnet.withId(wanted.subnet());
    NetworkInterfaceInner inner =
        new NetworkInterfaceInner()
            .withIpConfigurations(
                List.of(
                    new NetworkInterfaceIpConfigurationInner()
                        .withName("primary")
                        .withPrimary(true)
                        .withSubnet(subnet)));
    if (wanted.securityGroup() != null) {
      NetworkSecurityGroupInner group = new NetworkSecurityGroupInner();
      group.withId(wanted.securityGroup());
      inner.withNetworkSecurityGroup(group);
    }
    inner.withLocation(spec.location());
    inner.withTags(Marks.tags(migration, wanted.name(), wanted.tags()));
    return inner;
  }

  /** Those that the migration has made and that no machine uses. */
  List<String> leftovers(String migration) {
    return ComputeCalls.find(
            "Cannot list the network interfaces of " + spec.resourceGroup(),
            ResourceId.scope(spec.subscription(), spec.resourceGroup()),
            () ->
                clients
                    .network(spec.subscription())
                    .getNetworkInterfaces()
                    .listByResourceGroup(spec.resourceGroup())
                    .stream()
                    .filter(each -> isOwn(migration, each) && machine(each) == null)
                    .map(NetworkInterfaceInner::id)
                    .toList())
        .orElse(List.of());
  }

  void delete(ResourceId id) {
    ComputeCalls.find(
        "Cannot delete the network interface " + id.id(),
        id.scope(),
        () ->
            clients
                .network(id.subscription())
                .getNetworkInterfaces()
                .beginDelete(id.group(), id.name()));
  }

  private static boolean isOwn(String migration, NetworkInterfaceInner found) {
    String name = Marks.value(found.tags(), Marks.MACHINE);
    return migration.equals(Marks.value(found.tags(), Marks.MIGRATION))
        && name != null
        && Marks.interfaceName(migration, name).equalsIgnoreCase(found.name());
  }

  private static @Nullable SubResource machine(NetworkInterfaceInner found) {
    return found.virtualMachine();
  }

  private ResourceId id(String name) {
    return ResourceId.of(
        ResourceId.of(
            spec.subscription(),
            spec.resourceGroup(),
            "Microsoft.Network/networkInterfaces",
            name));
  }
}
