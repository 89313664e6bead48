package dev.whimbrel.compute;

import dev.whimbrel.activity.Failures;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;

/**
 * Snapshots of disks, copied to the target's place. Clouds may make two where an answer was lost or
 * two attempts ran at once: the oldest counts, the others are deleted.
 */
final class Snapshots {
  private static final Comparator<Snapshot> OLDEST_FIRST =
      Comparator.comparing(Snapshot::begun).thenComparing(Snapshot::id);

  private final ComputeProvider provider;
  private final String migration;
  private final Looks looks;

  Snapshots(ComputeProvider provider, String migration, Looks looks) {
    this.provider = provider;
    this.migration = migration;
    this.looks = looks;
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
    looks.look("looking for " + what);
    Optional<Snapshot> found = of(wanted, from);
    if (found.isEmpty()) {
      looks.requireTime();
      provider.snapshot(migration, wanted, from);
      found = of(wanted, from);
    }
    while (found.isEmpty() || pending(what, found.get()).isPresent()) {
      looks.waitMore(
          found.flatMap(each -> pending(what, each)).orElse(what + " is not seen yet"),
          "see why the cloud does not finish it, then retry");
      found = of(wanted, from);
    }
    return found.get();
  }

  private Optional<String> pending(String what, Snapshot snapshot) {
    if (snapshot.state() == Snapshot.State.COMPLETE) {
      return Optional.empty();
    }
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
        provider.snapshots(migration, place).stream()
            .filter(each -> each.disk().equals(wanted.disk()))
            .filter(each -> each.copy() == from.isPresent())
            .sorted(OLDEST_FIRST)
            .toList();
    for (Snapshot surplus : all.subList(Math.min(1, all.size()), all.size())) {
      looks.requireTime();
      provider.delete(surplus);
    }
    return all.stream().findFirst();
  }

  /** Deletes what the migration has made. */
  List<String> remove() {
    List<String> lines = new ArrayList<>();
    Set<String> places = new TreeSet<>();
    for (WantedSnapshot wanted : provider.wantedSnapshots()) {
      places.add(wanted.from());
      places.add(wanted.to());
    }
    for (String place : places) {
      looks.look("looking for snapshots in " + place);
      for (Snapshot snapshot : provider.snapshots(migration, place)) {
        looks.requireTime();
        provider.delete(snapshot);
        lines.add(snapshot.id() + " was deleted");
      }
    }
    return lines;
  }
}
