package dev.whimbrel.compute;

import dev.whimbrel.activity.Failures;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * Snapshots of disks, copied to the target's place. Clouds may make two where an answer was lost,
 * two attempts ran at once, or a call of an attempt that has died arrives late: one counts, and
 * what becomes of the others is said.
 */
final class Snapshots {
  private final ComputeProvider provider;
  private final String migration;
  private final Looks looks;
  private final SecondSnapshots seconds;
  private boolean several;

  Snapshots(ComputeProvider provider, String migration, Looks looks) {
    this.provider = provider;
    this.migration = migration;
    this.looks = looks;
    this.seconds = new SecondSnapshots(provider, migration, looks);
  }

  /** Begins what is missing; copies follow once their originals are complete. */
  List<String> make() {
    List<String> lines = new ArrayList<>();
    List<String> tidied = new ArrayList<>();
    for (WantedSnapshot wanted : provider.wantedSnapshots()) {
      several = false;
      Snapshot original = complete(wanted, Optional.empty());
      Snapshot made = wanted.copied() ? complete(wanted, Optional.of(original)) : original;
      if (several) {
        SecondSnapshots.Done done = seconds.drop(wanted);
        made = done.now().counts(wanted.copied()).orElse(made);
        tidied.addAll(done.lines());
      }
      lines.add("%s is snapshot as %s in %s".formatted(wanted.disk(), made.id(), made.place()));
    }
    lines.addAll(tidied);
    return lines;
  }

  /**
   * Deletes what is too many by now. A call that was on its way when its attempt died may arrive
   * when the next one has ended already, and nobody of that step looks any more.
   */
  List<String> dropSeconds() {
    return provider.wantedSnapshots().stream()
        .flatMap(wanted -> seconds.drop(wanted).lines().stream())
        .toList();
  }

  /** What there is of them already, in the order in which they would be made; changes nothing. */
  List<Snapshot> there(WantedSnapshot wanted) {
    return Stream.of(false, true)
        .filter(copy -> wanted.copied() || !copy)
        .flatMap(copy -> all(wanted, copy).stream().filter(SnapshotsOfDisk::stays).limit(1))
        .toList();
  }

  private Snapshot complete(WantedSnapshot wanted, Optional<Snapshot> from) {
    String what = (from.isPresent() ? "the copy of " : "the snapshot of ") + wanted.disk();
    looks.look("looking for " + what);
    Optional<Snapshot> found = theOne(wanted, from.isPresent());
    Optional<Long> begun = Optional.empty();
    while (found.isEmpty() || pending(what, found.get()).isPresent()) {
      if (found.isEmpty() && begun.map(this::shouldBeSeen).orElse(true)) {
        provider.snapshot(migration, wanted, from, looks::requireTime);
        begun = Optional.of(System.nanoTime());
      } else {
        looks.waitMore(
            found.flatMap(each -> pending(what, each)).orElse(what + " is not seen yet"),
            "see why the cloud does not finish it, then retry");
      }
      found = theOne(wanted, from.isPresent());
    }
    return found.get();
  }

  /** What was begun so long ago and is not there has been deleted since. */
  private boolean shouldBeSeen(long begun) {
    return System.nanoTime() - begun > looks.pace().visible().toNanos();
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
          provider.deleteByHand(snapshot));
    }
    return Optional.of(
        snapshot.state() == Snapshot.State.DELETING
            ? "%s, %s, is being deleted".formatted(what, snapshot.id())
            : "%s is at %s".formatted(what, snapshot.progress()));
  }

  /** The snapshot that counts. One that goes counts only where there is no other. */
  private Optional<Snapshot> theOne(WantedSnapshot wanted, boolean copy) {
    List<Snapshot> all = all(wanted, copy);
    several |= all.stream().filter(SnapshotsOfDisk::stays).count() > 1;
    return all.stream().findFirst();
  }

  private List<Snapshot> all(WantedSnapshot wanted, boolean copy) {
    return SnapshotsOfDisk.all(provider, migration, wanted, copy);
  }

  /** Deletes what the migration has made, and waits until it is gone. */
  List<String> remove() {
    List<String> lines = new ArrayList<>();
    Set<String> places = new TreeSet<>();
    for (WantedSnapshot wanted : provider.wantedSnapshots()) {
      places.add(wanted.from());
      places.add(wanted.to());
    }
    for (String place : places) {
      Set<String> seen = new LinkedHashSet<>();
      looks.until(() -> notGone(place, seen), "see why it does not go, then retry");
      seen.forEach(id -> lines.add(id + " was deleted"));
    }
    return lines;
  }

  /** Begins to delete what is there and was not seen before. */
  private Optional<String> notGone(String place, Set<String> seen) {
    looks.look("looking for snapshots in " + place);
    List<Snapshot> there = provider.snapshots(migration, place);
    for (Snapshot snapshot : there) {
      if (seen.add(snapshot.id()) && SnapshotsOfDisk.stays(snapshot)) {
        looks.requireTime();
        provider.delete(snapshot);
      }
    }
    return there.isEmpty()
        ? Optional.empty()
        : Optional.of(there.stream().map(Snapshot::id).collect(Collectors.joining(", ")) + " goes");
  }
}
