package dev.whimbrel.compute.ec2;

import dev.whimbrel.compute.Snapshot;
import dev.whimbrel.compute.WantedSnapshot;
import dev.whimbrel.runbook.ProvisionSpec;
import java.time.format.DateTimeFormatter;
import java.time.format.DateTimeFormatterBuilder;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import software.amazon.awssdk.core.exception.SdkException;
import software.amazon.awssdk.services.ec2.model.DescribeSnapshotsRequest;
import software.amazon.awssdk.services.ec2.model.Filter;
import software.amazon.awssdk.services.ec2.model.ResourceType;
import software.amazon.awssdk.services.ec2.model.SnapshotState;
import software.amazon.awssdk.services.ec2.model.Tag;

/**
 * Snapshots of volumes, and their copies in the target's region. AWS gives them no client token, so
 * that one is known by its tags <em>and</em> its description: backup plans copy tags alone.
 */
final class Ec2Snapshots {
  /** Always with milliseconds: else a whole second would come after its own parts. */
  private static final DateTimeFormatter BEGUN =
      new DateTimeFormatterBuilder().appendInstant(3).toFormatter(Locale.ROOT);

  private final AwsClients clients;
  private final ProvisionSpec.Ec2 spec;

  Ec2Snapshots(AwsClients clients, ProvisionSpec.Ec2 spec) {
    this.clients = clients;
    this.spec = spec;
  }

  List<WantedSnapshot> wanted() {
    return spec.snapshots().stream()
        .map(each -> new WantedSnapshot(each.volume(), each.region(), spec.region()))
        .toList();
  }

  List<Snapshot> in(String region, String migration) {
    DescribeSnapshotsRequest request =
        DescribeSnapshotsRequest.builder()
            .ownerIds("self")
            .filters(Filter.builder().name("tag:" + Marks.MIGRATION).values(migration).build())
            .build();
    return new Ec2Calls(region)
        .call(
            "DescribeSnapshots",
            "of " + migration,
            () ->
                clients.ec2(region).describeSnapshotsPaginator(request).snapshots().stream()
                    .map(each -> snapshot(region, migration, each))
                    .flatMap(Optional::stream)
                    .toList());
  }

  private static Optional<Snapshot> snapshot(
      String region, String migration, software.amazon.awssdk.services.ec2.model.Snapshot found) {
    String volume =
        found.tags().stream()
            .filter(each -> each.key().equals(Marks.VOLUME))
            .map(Tag::value)
            .findFirst()
            .orElse("");
    String description = String.valueOf(found.description());
    boolean copy = description.equals(description(migration, volume, true));
    if (!copy && !description.equals(description(migration, volume, false))) {
      return Optional.empty();
    }
    return Optional.of(
        new Snapshot(
            found.snapshotId(),
            region,
            volume,
            copy,
            found.startTime() == null ? "" : BEGUN.format(found.startTime()),
            found.state() == SnapshotState.COMPLETED
                ? Snapshot.State.COMPLETE
                : found.state() == SnapshotState.ERROR
                    ? Snapshot.State.FAILED
                    : Snapshot.State.PENDING,
            found.state() == SnapshotState.ERROR && found.stateMessage() != null
                ? found.stateMessage()
                : String.valueOf(found.progress()),
            found.volumeSize() == null ? 0 : found.volumeSize()));
  }

  /** Begun once, without the SDK's retries: a second one would cost money until it is found. */
  void begin(
      String migration, WantedSnapshot wanted, Optional<Snapshot> from, Runnable requireTime) {
    requireTime.run();
    String description = description(migration, wanted.disk(), from.isPresent());
    var tags =
        Marks.tags(
            ResourceType.SNAPSHOT, Map.of(Marks.MIGRATION, migration, Marks.VOLUME, wanted.disk()));
    if (from.isPresent()) {
      new Ec2Calls(wanted.to())
          .call(
              "CopySnapshot",
              "of " + from.get().id(),
              () ->
                  clients
                      .once(wanted.to())
                      .copySnapshot(
                          request ->
                              request
                                  .sourceRegion(wanted.from())
                                  .destinationRegion(wanted.to())
                                  .sourceSnapshotId(from.get().id())
                                  .description(description)
                                  .tagSpecifications(tags)));
    } else {
      new Ec2Calls(wanted.from())
          .call(
              "CreateSnapshot",
              "of " + wanted.disk(),
              () ->
                  clients
                      .once(wanted.from())
                      .createSnapshot(
                          request ->
                              request
                                  .volumeId(wanted.disk())
                                  .description(description)
                                  .tagSpecifications(tags)));
    }
  }

  void delete(Snapshot snapshot) {
    try {
      clients.ec2(snapshot.place()).deleteSnapshot(request -> request.snapshotId(snapshot.id()));
    } catch (SdkException e) {
      if (!Ec2Calls.code(e).equals("InvalidSnapshot.NotFound")) {
        throw new Ec2Calls(snapshot.place()).failure("DeleteSnapshot", snapshot.id(), e);
      }
    }
  }

  private static String description(String migration, String volume, boolean copy) {
    return "%s of %s, made by Whimbrel for the migration %s"
        .formatted(copy ? "Copy" : "Snapshot", volume, migration);
  }
}
