package dev.whimbrel.compute;

import dev.whimbrel.activity.Failures;
import dev.whimbrel.activity.OldMachines;
import dev.whimbrel.activity.RetireRequest;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * Stops and ends the source's machines that the runbook names by id, and no others. One that any
 * migration has made is refused: it is somebody's target.
 */
final class Retiring {
  private final ComputeProvider provider;
  private final RetireRequest request;
  private final List<String> ids;
  private final Looks looks;

  Retiring(ComputeProvider provider, RetireRequest request, List<String> ids, Looks looks) {
    this.provider = provider;
    this.request = request;
    this.ids = ids;
    this.looks = looks;
  }

  /** Stops them and waits until they stand. */
  List<String> stop() {
    List<Machine> there = there();
    for (Machine machine : there) {
      if (machine.owner() != null) {
        throw Failures.needsHelp(
            "%s belongs to %s, which would replace it".formatted(machine.id(), machine.owner()),
            "let that go first, then retry",
            null);
      }
    }
    for (Machine machine : there) {
      // What still starts is stopped as well: nothing may come up after this step.
      if (machine.state() == Machine.State.RUNNING
          || machine.state() == Machine.State.STARTING
          || machine.state() == Machine.State.IDLE) {
        looks.requireTime();
        provider.stop(machine);
      }
    }
    looks.until(() -> notYet(there, Machine.State.STOPPED), "see why it does not stop, then retry");
    return lines(there.stream().filter(Machine::alive).toList(), "stopped");
  }

  /** Ends them for good and waits until they are gone. */
  List<String> terminate() {
    List<Machine> there = there();
    there.forEach(this::requireStandsOrApproved);
    List<String> staying = new ArrayList<>();
    for (Machine machine : there) {
      // Nobody can tell afterwards whose they were.
      provider
          .staying(machine)
          .forEach(disk -> staying.add("%s of %s stays".formatted(disk, machine.id())));
      // What goes already, since an attempt before this one was killed, is only waited for.
      if (machine.alive()) {
        looks.requireTime();
        provider.terminate(machine);
      }
    }
    looks.until(() -> notYet(there, Machine.State.GONE), "see why it does not end, then retry");
    return Stream.concat(lines(there, "ended").stream(), staying.stream()).toList();
  }

  /** What is there of the named machines, all of them looked at before any is touched. */
  private List<Machine> there() {
    List<Machine> there = new ArrayList<>();
    for (String id : ids) {
      looks.look("looking at " + id);
      Optional<Machine> found = provider.find(id);
      if (found.isEmpty() && !request.wasSeen(id)) {
        throw Failures.needsHelp(
            "%s: expected this machine in %s, found none; it was never seen there"
                .formatted(id, provider.place()),
            "see whether its id and its place are right, and retire it by hand; then skip this step",
            provider.byHand("show", id));
      }
      found
          .filter(each -> each.state() != Machine.State.GONE)
          .ifPresent(
              machine -> {
                requireOldSide(provider, request.migration(), machine);
                there.add(machine);
              });
    }
    return there;
  }

  /** Says which are no longer as they were left when they were stopped. */
  OldMachines look() {
    List<String> running = new ArrayList<>();
    List<String> lines = new ArrayList<>();
    for (String id : ids) {
      Optional<Machine> found = provider.find(id);
      if (found.filter(Machine::alive).isEmpty()) {
        lines.add(id + " is gone already.");
      } else if (found.get().up()) {
        running.add(id);
        lines.add(runsAgain(found.get()) + ": it is terminated all the same.");
      }
    }
    return new OldMachines(running, lines);
  }

  private static String runsAgain(Machine machine) {
    return "%s %s, since %s"
        .formatted(
            machine.id(),
            machine.state() == Machine.State.IDLE
                ? "WAS STARTED AGAIN and stands, allocated"
                : "RUNS AGAIN",
            machine.since() == null ? "a time that is not known" : machine.since());
  }

  private void requireStandsOrApproved(Machine machine) {
    List<String> running = request.running();
    if (running != null && machine.up() && !running.contains(machine.id())) {
      throw Failures.needsHelp(
          runsAgain(machine) + ", and nobody has approved that it is terminated all the same",
          "see who needs it; stop it and retry, or skip this step and end the others by hand",
          provider.byHand("stop", machine.id()));
    }
  }

  /** Refuses what any migration has made. */
  static void requireOldSide(ComputeProvider provider, String migration, Machine machine) {
    String owner = machine.migration();
    if (owner == null) {
      return;
    }
    throw Failures.needsHelp(
        owner.equals(migration)
            ? "%s was made by this migration: it is the target's, not the source's"
                .formatted(machine.id())
            : "%s carries the tag of another migration, %s".formatted(machine.id(), owner),
        "correct decommission.retire in the runbook; if it is right, remove the tag",
        provider.byHand("untag", machine.id()));
  }

  private Optional<String> notYet(List<Machine> machines, Machine.State wanted) {
    String still =
        machines.stream()
            .map(each -> provider.find(each.id()))
            .flatMap(Optional::stream)
            // Gone is more than stopped.
            .filter(each -> each.state() != wanted && each.state() != Machine.State.GONE)
            .map(each -> "%s is %s".formatted(each.id(), each.state().word()))
            .collect(Collectors.joining(", "));
    return still.isEmpty() ? Optional.empty() : Optional.of(still);
  }

  private List<String> lines(List<Machine> touched, String done) {
    List<String> there = touched.stream().map(Machine::id).toList();
    return ids.stream()
        .map(id -> there.contains(id) ? id + " is " + done : id + " was gone already")
        .toList();
  }
}
