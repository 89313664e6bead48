package dev.whimbrel.compute;

import java.util.Comparator;
import java.util.List;
import java.util.Optional;

/**
 * What a migration had of one disk when somebody looked. Where there are several, the one that
 * counts is first: a complete one before one that may still fail, one that has failed behind both,
 * and of two alike the older.
 */
record SnapshotsOfDisk(List<Snapshot> originals, List<Snapshot> copies) {
  /** One of which nobody knows when it was begun is not older than others. */
  private static final Comparator<Snapshot> WHAT_COUNTS_FIRST =
      Comparator.comparing(SnapshotsOfDisk::rank)
          .thenComparing(each -> each.begun().isEmpty())
          .thenComparing(Snapshot::begun)
          .thenComparing(Snapshot::id);

  /** Looks at both places, at the copies only where there are to be some. */
  static SnapshotsOfDisk look(ComputeProvider provider, String migration, WantedSnapshot wanted) {
    return new SnapshotsOfDisk(
        all(provider, migration, wanted, false),
        wanted.copied() ? all(provider, migration, wanted, true) : List.of());
  }

  /** All originals or all copies, those that go among them, last. */
  static List<Snapshot> all(
      ComputeProvider provider, String migration, WantedSnapshot wanted, boolean copies) {
    return provider.snapshots(migration, copies ? wanted.to() : wanted.from()).stream()
        .filter(each -> each.disk().equals(wanted.disk()))
        .filter(each -> each.copy() == copies)
        .sorted(WHAT_COUNTS_FIRST)
        .toList();
  }

  private static int rank(Snapshot snapshot) {
    return switch (snapshot.state()) {
      case COMPLETE -> 0;
      case PENDING -> 1;
      case FAILED -> 2;
      case DELETING -> 3;
    };
  }

  static boolean stays(Snapshot snapshot) {
    return snapshot.state() != Snapshot.State.DELETING;
  }

  /** The originals or the copies that stay. */
  List<Snapshot> staying(boolean copy) {
    return (copy ? copies : originals).stream().filter(SnapshotsOfDisk::stays).toList();
  }

  /** Those that stay beside the one that counts. */
  List<Snapshot> seconds(boolean copy) {
    return staying(copy).stream().skip(1).toList();
  }

  /** The one that counts. */
  Optional<Snapshot> counts(boolean copy) {
    return staying(copy).stream().findFirst();
  }

  /** How far one of them was at this look; empty where it was not seen. */
  Optional<Snapshot.State> state(Snapshot snapshot) {
    return (snapshot.copy() ? copies : originals)
        .stream().filter(each -> each.id().equals(snapshot.id())).map(Snapshot::state).findFirst();
  }

  /** Whether there is a copy, and none that still reads its original. */
  boolean isCopied() {
    return counts(true).filter(each -> each.state() == Snapshot.State.COMPLETE).isPresent()
        && copies.stream().noneMatch(each -> each.state() == Snapshot.State.PENDING);
  }
}
