package dev.whimbrel.compute.azure;

import com.azure.resourcemanager.compute.fluent.models.DiskInner;
import dev.whimbrel.runbook.ProvisionSpec;
import dev.whimbrel.runbook.ProvisionSpec.AzureMachine;
import java.util.List;
import java.util.Optional;

/**
 * Managed disks. The one that a machine starts from is known by its name, which nobody can change
 * or copy: Azure does not put the machine's tags onto it.
 */
final class Disks {
  private final AzureClients clients;

  Disks(AzureClients clients) {
    this.clients = clients;
  }

  Optional<DiskInner> find(ResourceId id) {
    return ComputeCalls.find(
        "Cannot read the disk " + id.id(),
        id.scope(),
        () ->
            clients
                .compute(id.subscription())
                .getDisks()
                .getByResourceGroup(id.group(), id.name()));
  }

  /** The disks that machines of the migration have started from, and that no machine uses. */
  List<String> leftovers(String migration, ProvisionSpec.Azure spec) {
    return spec.machines().stream()
        .filter(each -> each.adopt() == null)
        .map(each -> id(migration, spec, each))
        .filter(each -> find(each).filter(disk -> disk.managedBy() == null).isPresent())
        .map(ResourceId::id)
        .toList();
  }

  private static ResourceId id(String migration, ProvisionSpec.Azure spec, AzureMachine machine) {
    return ResourceId.of(
        ResourceId.of(
            spec.subscription(),
            spec.resourceGroup(),
            "Microsoft.Compute/disks",
            Marks.diskName(migration, machine.name())));
  }

  void delete(ResourceId id) {
    ComputeCalls.find(
        "Cannot delete the disk " + id.id(),
        id.scope(),
        () -> clients.compute(id.subscription()).getDisks().beginDelete(id.group(), id.name()));
  }
}
