package dev.whimbrel.compute;

import dev.whimbrel.activity.Failures;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;

/**
 * Snapshots of disks, copied to the target's place. Clouds may make two where an answer was lost or
 * two attempts ran at once: the oldest counts, the others are deleted.
 */
final class Snapshots {
  private static final Comparator<Snapshot> OLDEST_FIRST =
      Comparator.comparing(Snapshot::begun).thenComparing(Snapshot::id);

  private final ComputeProvider provider;
  private final String migration;
  private final Attempt attempt;

  Snapshots(ComputeProvider provider, String migration, Attempt attempt) {
    this.provider = provider;
    this.migration = migration;
    this.attempt = attempt;
  }

  /** Begins what is missing; copies follow once their originals are complete. */
  List<String> make() {
    List<String> lines = new ArrayList<>();
    for (WantedSnapshot wanted : provider.wantedSnapshots()) {
      Snapshot original = complete(wanted, Optional.empty());
      Snapshot copy = wanted.copied() ? complete(wanted, Optional.of(original)) : original;
      lines.add("%s is snapshot as %s in %s".formatted(wanted.disk(), copy.id(), copy.place()));
    }
    return lines;
  }

  private Snapshot complete(WantedSnapshot wanted, Optional<Snapshot> from) {
    String what = (from.isPresent() ? "the copy of " : "the snapshot of ") + wanted.disk();
    attempt.look("looking for " + what);
    if (of(wanted, from).isEmpty()) {
      attempt.requireTime();
      provider.snapshot(migration, wanted, from);
    }
    attempt.until(
        () ->
            of(wanted, from)
                .map(
                    each ->
                        each.state() == Snapshot.State.COMPLETE
                            ? Optional.<String>empty()
                            : pending(what, each))
                .orElseGet(() -> Optional.of(what + " is not seen yet")),
        "see why the cloud does not finish it, then retry");
    return of(wanted, from)
        .orElseThrow(() -> Failures.transientFailure(what + " was there and is not seen"));
  }

  private Optional<String> pending(String what, Snapshot snapshot) {
    if (snapshot.state() == Snapshot.State.FAILED) {
      throw Failures.needsHelp(
          "%s, %s in %s, has failed: %s"
              .formatted(what, snapshot.id(), snapshot.place(), snapshot.progress()),
          "delete it and retry, so that it is made anew",
          provider.byHand("delete-snapshot", snapshot.id()));
    }
    return Optional.of("%s is at %s".formatted(what, snapshot.progress()));
  }

  /** The snapshot that counts; what is too many is deleted. */
  private Optional<Snapshot> of(WantedSnapshot wanted, Optional<Snapshot> from) {
    String place = from.isPresent() ? wanted.to() : wanted.from();
    List<Snapshot> all =
        provider.snapshots(migration).stream()
            .filter(each -> each.disk().equals(wanted.disk()) && each.place().equals(place))
            .filter(each -> each.copy() == from.isPresent())
            .sorted(OLDEST_FIRST)
            .toList();
    for (Snapshot surplus : all.subList(Math.min(1, all.size()), all.size())) {
      attempt.requireTime();
      provider.delete(surplus);
    }
    return all.stream().findFirst();
  }

  /** Deletes what the migration has made. */
  List<String> remove() {
    List<String> lines = new ArrayList<>();
    for (Snapshot snapshot : provider.snapshots(migration)) {
      attempt.look("deleting " + snapshot.id());
      attempt.requireTime();
      provider.delete(snapshot);
      lines.add(snapshot.id() + " was deleted");
    }
    return lines;
  }
}
