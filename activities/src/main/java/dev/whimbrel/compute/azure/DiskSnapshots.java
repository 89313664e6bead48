package dev.whimbrel.compute.azure;

import com.azure.resourcemanager.compute.fluent.models.DiskInner;
import com.azure.resourcemanager.compute.fluent.models.SnapshotInner;
import com.azure.resourcemanager.compute.models.CreationData;
import com.azure.resourcemanager.compute.models.DiskCreateOption;
import dev.whimbrel.activity.Failures;
import dev.whimbrel.azure.AzureCalls.Refused;
import dev.whimbrel.azure.OnlyNew;
import dev.whimbrel.compute.Snapshot;
import dev.whimbrel.compute.WantedSnapshot;
import dev.whimbrel.runbook.ProvisionSpec;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/**
 * Incremental snapshots of disks, and their copies in the target's location. Both lie in the
 * target's resource group, under names that are the same at every attempt: there is never a second
 * one.
 */
final class DiskSnapshots {
  /** Where a disk is that is not there any more. */
  private static final String UNKNOWN = "an unknown location";

  private final AzureClients clients;
  private final ProvisionSpec.Azure spec;
  private final Operations operations;
  private final Map<String, String> locations = new ConcurrentHashMap<>();

  DiskSnapshots(AzureClients clients, ProvisionSpec.Azure spec, Operations operations) {
    this.clients = clients;
    this.spec = spec;
    this.operations = operations;
  }

  List<WantedSnapshot> wanted() {
    return spec.snapshots().stream()
        .map(
            each ->
                new WantedSnapshot(
                    each.disk(),
                    locations.computeIfAbsent(each.disk(), this::locationOf),
                    VirtualMachines.location(spec.location())))
        .toList();
  }

  /** A rollback must not fail because the disk is gone by then. */
  private String locationOf(String disk) {
    return disk(disk).map(each -> VirtualMachines.location(each.location())).orElse(UNKNOWN);
  }

  private Optional<DiskInner> disk(String disk) {
    return new Disks(clients).find(ResourceId.of(disk, ResourceId.DISK));
  }

  /** Those in a location; where the disk's is not known, all but the target's. */
  List<Snapshot> in(String place, String migration) {
    return all(migration).stream()
        .filter(
            each ->
                place.equals(UNKNOWN)
                    ? !each.place().equals(VirtualMachines.location(spec.location()))
                    : each.place().equals(place))
        .toList();
  }

  /** Those that the migration has made; what the runbook wants is asked for by its name. */
  private List<Snapshot> all(String migration) {
    Set<String> names = new LinkedHashSet<>();
    spec.snapshots()
        .forEach(
            each -> {
              names.add(Marks.snapshotName(migration, each.disk(), false));
              names.add(Marks.snapshotName(migration, each.disk(), true));
            });
    names.addAll(listed(migration));
    List<Snapshot> all = new ArrayList<>();
    for (String name : names) {
      get(name)
          .filter(each -> isOwn(migration, each))
          .ifPresent(each -> all.add(read(migration, each)));
    }
    return all;
  }

  private List<String> listed(String migration) {
    return ComputeCalls.find(
            "Cannot list the snapshots of " + spec.resourceGroup(),
            scope(),
            () ->
                clients
                    .compute(spec.subscription())
                    .getSnapshots()
                    .listByResourceGroup(spec.resourceGroup())
                    .stream()
                    .filter(each -> isOwn(migration, each))
                    .map(SnapshotInner::name)
                    .toList())
        .orElse(List.of());
  }

  static boolean isOwn(String migration, SnapshotInner found) {
    return migration.equals(Marks.value(found.tags(), Marks.MIGRATION))
        && Marks.isSnapshotOf(migration, found.name());
  }

  private Optional<SnapshotInner> get(String name) {
    operations.look(id(name).id());
    return ComputeCalls.find(
        "Cannot read the snapshot " + id(name).id(),
        scope(),
        () ->
            clients
                .compute(spec.subscription())
                .getSnapshots()
                .getByResourceGroup(spec.resourceGroup(), name));
  }

  private Snapshot read(String migration, SnapshotInner found) {
    boolean copy = Marks.isCopy(found.name());
    String disk =
        spec.snapshots().stream()
            .map(ProvisionSpec.AzureSnapshot::disk)
            .filter(each -> Marks.snapshotName(migration, each, copy).equals(found.name()))
            .findFirst()
            .orElseGet(() -> found.creationData().sourceResourceId());
    return new Snapshot(
        found.id(),
        VirtualMachines.location(found.location()),
        disk,
        copy,
        found.timeCreated() == null ? "" : found.timeCreated().toString(),
        state(found),
        progress(found),
        found.diskSizeGB() == null ? 0 : found.diskSizeGB());
  }

  private static Snapshot.State state(SnapshotInner found) {
    String provisioning = String.valueOf(found.provisioningState());
    if (provisioning.equals("Deleting")) {
      return Snapshot.State.DELETING;
    }
    if (found.copyCompletionError() != null || provisioning.equals("Failed")) {
      return Snapshot.State.FAILED;
    }
    boolean whole = found.completionPercent() == null || found.completionPercent() >= 100;
    return provisioning.equals("Succeeded") && whole
        ? Snapshot.State.COMPLETE
        : Snapshot.State.PENDING;
  }

  private static String progress(SnapshotInner found) {
    if (found.copyCompletionError() != null) {
      return "%s (%s)"
          .formatted(
              found.copyCompletionError().errorCode(), found.copyCompletionError().errorMessage());
    }
    return found.completionPercent() == null
        ? String.valueOf(found.provisioningState())
        : "%.0f%%".formatted(found.completionPercent());
  }

  void begin(
      String migration, WantedSnapshot wanted, Optional<Snapshot> from, Runnable requireTime) {
    String name = Marks.snapshotName(migration, wanted.disk(), from.isPresent());
    ResourceId id = id(name);
    String source = from.map(Snapshot::id).orElse(wanted.disk());
    if (isThere(migration, id, source)) {
      return; // an attempt of the same time was faster
    }
    if (from.isEmpty() && wanted.from().equals(UNKNOWN)) {
      throw Failures.needsHelp(
          "expected the disk %s, found none".formatted(wanted.disk()),
          "correct provision.azure.snapshots in the runbook, then retry",
          "az disk list --output table");
    }
    SnapshotInner inner =
        new SnapshotInner()
            .withIncremental(true)
            .withCreationData(
                new CreationData()
                    .withCreateOption(
                        from.isPresent() ? DiskCreateOption.COPY_START : DiskCreateOption.COPY)
                    .withSourceResourceId(source));
    inner.withLocation(from.isPresent() ? wanted.to() : wanted.from());
    inner.withTags(Marks.tags(migration, null, Map.of()));
    requireTime.run();
    try {
      ComputeCalls.raw(
          "Cannot make the snapshot " + id.id(),
          scope(),
          () ->
              clients
                  .compute(spec.subscription())
                  .getSnapshots()
                  .beginCreateOrUpdate(spec.resourceGroup(), name, inner, OnlyNew.mark()));
    } catch (Refused e) {
      if (e.status() != OnlyNew.IS_THERE) {
        throw ComputeCalls.meaning(e, scope());
      }
    }
    isThere(migration, id, source);
  }

  /** Whether there is one of that name, which must be the migration's own, and of that source. */
  private boolean isThere(String migration, ResourceId id, String source) {
    Optional<SnapshotInner> there = get(id.name());
    if (there.isEmpty()) {
      return false;
    }
    if (!isOwn(migration, there.get())) {
      throw foreign(id, "does not carry this migration's tag");
    }
    String from = there.get().creationData().sourceResourceId();
    if (from != null && !from.equalsIgnoreCase(source)) {
      throw foreign(id, "was made of %s, not of %s".formatted(from, source));
    }
    return true;
  }

  private static RuntimeException foreign(ResourceId id, String why) {
    return Failures.needsHelp(
        "%s: a snapshot of this name is there, and %s: it is not touched".formatted(id.id(), why),
        "rename or delete it, then retry",
        "az snapshot show --ids " + id.id());
  }

  void delete(String snapshot) {
    ResourceId id = ResourceId.of(snapshot, ResourceId.SNAPSHOT);
    String what = "Cannot delete the snapshot " + snapshot;
    ComputeCalls.find(
            what,
            id.scope(),
            () ->
                clients
                    .compute(id.subscription())
                    .getSnapshots()
                    .beginDelete(id.group(), id.name()))
        .ifPresent(poller -> operations.remember(snapshot, what, id.scope(), poller));
  }

  private ResourceId id(String name) {
    return ResourceId.of(
        ResourceId.of(
            spec.subscription(), spec.resourceGroup(), "Microsoft.Compute/snapshots", name));
  }

  private String scope() {
    return ResourceId.scope(spec.subscription(), spec.resourceGroup());
  }
}
