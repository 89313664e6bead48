package dev.whimbrel.compute.azure;

import com.azure.resourcemanager.compute.fluent.models.DiskInner;
import java.util.Optional;

/** Managed disks as they are. */
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
}
