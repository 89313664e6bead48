package dev.whimbrel.compute;

import dev.whimbrel.activity.Failures;
import io.temporal.failure.ApplicationFailure;
import java.time.Duration;
import java.time.OffsetDateTime;
import java.time.format.DateTimeParseException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Snapshots that are there twice. Deleting one is never urgent: it goes only where the one that
 * counts was complete in two looks, and whoever looks at whichever moment would let the same one
 * go. All others stay, and are named with the reason.
 */
final class SecondSnapshots {
  /** The attempts of one step begin theirs within minutes. */
  private static final Duration ONE_STEP = Duration.ofMinutes(10);

  private static final Logger LOG = LoggerFactory.getLogger(SecondSnapshots.class);

  private final ComputeProvider provider;
  private final String migration;
  private final Looks looks;

  SecondSnapshots(ComputeProvider provider, String migration, Looks looks) {
    this.provider = provider;
    this.migration = migration;
    this.looks = looks;
  }

  /**
   * What became of them.
   *
   * @param now the latest look, before anything was deleted
   * @param lines one for each second snapshot
   */
  record Done(SnapshotsOfDisk now, List<String> lines) {}

  /** Looks twice where one look shows any. */
  Done drop(WantedSnapshot wanted) {
    SnapshotsOfDisk before = look(wanted);
    if (before.seconds(false).isEmpty() && before.seconds(true).isEmpty()) {
      return new Done(before, List.of());
    }
    // A list may be old: what it shows counts where it still shows it when it must be fresh.
    looks.rest(looks.pace().visible());
    SnapshotsOfDisk now = look(wanted);
    List<String> lines = new ArrayList<>();
    for (boolean copy : new boolean[] {true, false}) {
      for (Snapshot second : now.seconds(copy)) {
        String what =
            "%s in %s, a second %s of %s,"
                .formatted(second.id(), second.place(), copy ? "copy" : "snapshot", wanted.disk());
        lines.add(
            what
                + reasonToStay(now.counts(copy).orElseThrow(), second, wanted, before, now)
                    .map(why -> " was left: " + why)
                    .orElseGet(() -> delete(what, second)));
      }
    }
    return new Done(now, lines);
  }

  private SnapshotsOfDisk look(WantedSnapshot wanted) {
    looks.look("looking for second snapshots of " + wanted.disk());
    return SnapshotsOfDisk.look(provider, migration, wanted);
  }

  private static Optional<String> reasonToStay(
      Snapshot counts,
      Snapshot second,
      WantedSnapshot wanted,
      SnapshotsOfDisk before,
      SnapshotsOfDisk now) {
    if (!isComplete(counts, before) || !isComplete(counts, now)) {
      return Optional.of("%s was not complete in two looks".formatted(counts.id()));
    }
    // Once it is complete it may be the one that counts.
    if (!isSettled(second, before) || !isSettled(second, now)) {
      return Optional.of("it is still being made, or was not seen before");
    }
    if (!second.copy() && wanted.copied() && !(before.isCopied() && now.isCopied())) {
      return Optional.of("a copy may still be made of it");
    }
    return ofOneStep(counts, second)
        ? Optional.empty()
        : Optional.of(
            "it was begun %s, and %s %s: they may be of two rounds"
                .formatted(second.begunInWords(), counts.id(), counts.begunInWords()));
  }

  private static boolean isComplete(Snapshot snapshot, SnapshotsOfDisk look) {
    return look.state(snapshot).filter(Snapshot.State.COMPLETE::equals).isPresent();
  }

  private static boolean isSettled(Snapshot snapshot, SnapshotsOfDisk look) {
    return look.state(snapshot).filter(state -> state != Snapshot.State.PENDING).isPresent();
  }

  private static boolean ofOneStep(Snapshot one, Snapshot other) {
    try {
      Duration between =
          Duration.between(OffsetDateTime.parse(one.begun()), OffsetDateTime.parse(other.begun()));
      return between.abs().compareTo(ONE_STEP) <= 0;
    } catch (DateTimeParseException e) {
      return false; // nobody knows when one of them was begun
    }
  }

  /** Named before it goes: whoever looks when this attempt has died sees one alone. */
  private String delete(String what, Snapshot second) {
    String line = what + " is being deleted";
    looks.say(line);
    LOG.info("{}: {}", migration, line);
    looks.requireTime();
    try {
      provider.delete(second);
      return " was deleted";
    } catch (ApplicationFailure e) {
      if (!Failures.NEEDS_HELP.equals(e.getType())) {
        throw e;
      }
      return " was not deleted: " + e.getOriginalMessage();
    }
  }
}
