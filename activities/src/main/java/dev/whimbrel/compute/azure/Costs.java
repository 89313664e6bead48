package dev.whimbrel.compute.azure;

import com.azure.resourcemanager.compute.fluent.models.DiskInner;
import com.azure.resourcemanager.compute.fluent.models.SnapshotInner;
import com.azure.resourcemanager.compute.fluent.models.VirtualMachineInner;
import com.azure.resourcemanager.compute.models.DataDisk;
import com.azure.resourcemanager.compute.models.DiskDeleteOptionTypes;
import com.azure.resourcemanager.compute.models.OSDisk;
import com.azure.resourcemanager.compute.models.StorageProfile;
import com.azure.resourcemanager.network.fluent.models.NetworkInterfaceInner;
import com.azure.resourcemanager.network.fluent.models.PublicIpAddressInner;
import dev.whimbrel.compute.Machine;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** What still costs money once machines are retired. */
final class Costs {
  private final AzureClients clients;
  private final VirtualMachines machines;

  Costs(AzureClients clients, VirtualMachines machines) {
    this.clients = clients;
    this.machines = machines;
  }

  /**
   * Machines that are paid for, disks and addresses of those that are there; where one is gone,
   * what nothing uses in its resource group, since nobody can tell any more whose it was.
   */
  List<String> of(List<String> ids) {
    List<String> lines = new ArrayList<>();
    Set<String> groups = new LinkedHashSet<>();
    for (String each : ids) {
      ResourceId id = ResourceId.of(each, ResourceId.MACHINE);
      Optional<VirtualMachineInner> found = machines.get(id);
      if (found.isPresent()) {
        lines.addAll(of(id, found.get()));
      } else {
        groups.add(id.subscription() + "/" + id.group().toLowerCase(Locale.ROOT));
      }
    }
    for (String each : groups) {
      lines.addAll(unused(each.split("/", -1)[0], each.split("/", -1)[1]));
    }
    return lines;
  }

  private List<String> of(ResourceId id, VirtualMachineInner found) {
    List<String> lines = new ArrayList<>();
    Machine machine = machines.machine(found);
    if (machine.state() == Machine.State.IDLE) {
      lines.add(
          "%s is stopped but still allocated, and costs as if it ran: az vm deallocate --ids %s"
              .formatted(id.name(), id.id()));
    } else if (machine.state() != Machine.State.STOPPED) {
      lines.add("%s is %s".formatted(id.id(), machine.state().word()));
    }
    for (String disk : disks(found)) {
      new Disks(clients)
          .find(ResourceId.of(disk, ResourceId.DISK))
          .ifPresent(each -> lines.add("%s of %s".formatted(words(each), id.name())));
    }
    for (PublicIpAddressInner address : addresses(found)) {
      lines.add("%s of %s".formatted(words(address), id.name()));
    }
    return lines;
  }

  private List<String> unused(String subscription, String group) {
    String scope = ResourceId.scope(subscription, group);
    List<String> lines = new ArrayList<>();
    ComputeCalls.find(
            "Cannot list the disks of " + group,
            scope,
            () ->
                clients.compute(subscription).getDisks().listByResourceGroup(group).stream()
                    .filter(each -> each.managedBy() == null)
                    .toList())
        .orElse(List.of())
        .forEach(each -> lines.add(words(each) + ", which nothing uses"));
    ComputeCalls.find(
            "Cannot list the addresses of " + group,
            scope,
            () ->
                clients
                    .network(subscription)
                    .getPublicIpAddresses()
                    .listByResourceGroup(group)
                    .stream()
                    .filter(each -> each.ipConfiguration() == null && each.natGateway() == null)
                    .toList())
        .orElse(List.of())
        .forEach(each -> lines.add(words(each) + ", which nothing uses"));
    return lines;
  }

  /** The snapshots that a migration has made in a subscription. */
  List<String> snapshots(String subscription, String migration) {
    return ComputeCalls.make(
            "Cannot list the snapshots of the subscription",
            "/subscriptions/" + subscription,
            () ->
                clients.compute(subscription).getSnapshots().list().stream()
                    .filter(each -> DiskSnapshots.isOwn(migration, each))
                    .toList())
        .stream()
        .map(Costs::words)
        .toList();
  }

  /** The disks and addresses that stay when a machine is deleted. */
  List<String> staying(VirtualMachineInner found) {
    List<String> staying = new ArrayList<>();
    StorageProfile storage = found.storageProfile();
    if (storage != null) {
      OSDisk first = storage.osDisk();
      if (first != null && first.managedDisk() != null && stays(first.deleteOption())) {
        staying.add("disk " + first.managedDisk().id());
      }
      dataDisks(storage).stream()
          .filter(each -> each.managedDisk() != null && stays(each.deleteOption()))
          .forEach(each -> staying.add("disk " + each.managedDisk().id()));
    }
    addresses(found).forEach(each -> staying.add("address " + each.id()));
    return staying;
  }

  private static boolean stays(@Nullable DiskDeleteOptionTypes option) {
    return !DiskDeleteOptionTypes.DELETE.equals(option);
  }

  private static List<String> disks(VirtualMachineInner found) {
    List<String> disks = new ArrayList<>();
    StorageProfile storage = found.storageProfile();
    if (storage == null) {
      return disks;
    }
    if (storage.osDisk() != null && storage.osDisk().managedDisk() != null) {
      disks.add(storage.osDisk().managedDisk().id());
    }
    dataDisks(storage).stream()
        .filter(each -> each.managedDisk() != null)
        .forEach(each -> disks.add(each.managedDisk().id()));
    return disks;
  }

  private static List<DataDisk> dataDisks(StorageProfile storage) {
    return storage.dataDisks() == null ? List.of() : storage.dataDisks();
  }

  private List<PublicIpAddressInner> addresses(VirtualMachineInner found) {
    List<PublicIpAddressInner> addresses = new ArrayList<>();
    VirtualMachines.interfaces(found).stream()
        .map(each -> machines.networkInterface(ResourceId.of(each.id(), ResourceId.INTERFACE)))
        .flatMap(Optional::stream)
        .map(NetworkInterfaceInner::ipConfigurations)
        .filter(each -> each != null)
        .flatMap(List::stream)
        .filter(each -> each.publicIpAddress() != null)
        .map(each -> ResourceId.of(each.publicIpAddress().id(), ResourceId.ADDRESS))
        .forEach(each -> address(each).ifPresent(addresses::add));
    return addresses;
  }

  private Optional<PublicIpAddressInner> address(ResourceId id) {
    return ComputeCalls.find(
        "Cannot read the address " + id.id(),
        id.scope(),
        () ->
            clients
                .network(id.subscription())
                .getPublicIpAddresses()
                .getByResourceGroup(id.group(), id.name()));
  }

  private static String words(DiskInner disk) {
    return "disk %s (%d GiB %s)"
        .formatted(
            disk.id(),
            disk.diskSizeGB() == null ? 0 : disk.diskSizeGB(),
            disk.sku() == null ? "" : disk.sku().name());
  }

  private static String words(PublicIpAddressInner address) {
    return "address %s (%s)".formatted(address.ipAddress(), address.id());
  }

  private static String words(SnapshotInner snapshot) {
    return "snapshot %s (of %d GiB) in %s"
        .formatted(
            snapshot.id(),
            snapshot.diskSizeGB() == null ? 0 : snapshot.diskSizeGB(),
            snapshot.location());
  }
}
