package dev.whimbrel.compute.azure;

import com.azure.core.management.SubResource;
import com.azure.core.util.Context;
import com.azure.resourcemanager.network.fluent.models.NetworkInterfaceInner;
import com.azure.resourcemanager.network.fluent.models.NetworkInterfaceIpConfigurationInner;
import com.azure.resourcemanager.network.fluent.models.NetworkSecurityGroupInner;
import com.azure.resourcemanager.network.fluent.models.SubnetInner;
import com.azure.resourcemanager.network.models.ProvisioningState;
import dev.whimbrel.activity.Failures;
import dev.whimbrel.azure.AzureCalls.Refused;
import dev.whimbrel.azure.OnlyNew;
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
    ResourceId id = id(Marks.interfaceName(migration, wanted.name()));
    Optional<NetworkInterfaceInner> there = own(migration, id);
    if (there.isEmpty()) {
      requireTime.run();
      try {
        put(migration, wanted, id, OnlyNew.mark());
      } catch (Refused e) {
        // An attempt of the same time, or one whose answer was lost, may have been faster.
        if (e.status() != OnlyNew.IS_THERE) {
          throw ComputeCalls.meaning(e, id.scope());
        }
      }
      there = own(migration, id);
    }
    if (there.isPresent() && !isReady(there.get())) {
      requireTime.run();
      // What is there and not ready was begun by an attempt that did not end: the same is asked
      // for.
      try {
        put(migration, wanted, id, Context.NONE);
      } catch (Refused e) {
        throw ComputeCalls.meaning(e, id.scope());
      }
    }
    return there.map(NetworkInterfaceInner::id).orElse(id.id());
  }

  /** The interface of that name, which must be the migration's own. */
  private Optional<NetworkInterfaceInner> own(String migration, ResourceId id) {
    Optional<NetworkInterfaceInner> there = machines.networkInterface(id);
    if (there.isPresent() && !isOwn(migration, there.get())) {
      throw Failures.needsHelp(
          "%s: a network interface of this name is there, and does not carry this migration's tag: it is not touched"
              .formatted(id.id()),
          "rename or delete it, then retry",
          "az network nic show --ids " + id.id());
    }
    return there;
  }

  private static boolean isReady(NetworkInterfaceInner found) {
    return ProvisioningState.SUCCEEDED.equals(found.provisioningState());
  }

  private void put(String migration, AzureMachine wanted, ResourceId id, Context context) {
    String what = "Cannot make the network interface " + id.id();
    Operations.await(
        what,
        id.scope(),
        ComputeCalls.raw(
            what,
            id.scope(),
            () ->
                clients
                    .network(spec.subscription())
                    .getNetworkInterfaces()
                    .beginCreateOrUpdate(
                        spec.resourceGroup(), id.name(), inner(migration, wanted), context)));
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
