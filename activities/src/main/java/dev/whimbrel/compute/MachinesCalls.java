package dev.whimbrel.compute;

import dev.whimbrel.activity.ChangePlan;
import dev.whimbrel.activity.Finding;
import io.temporal.failure.ApplicationFailure;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** Every call that would be made at one place, forward and back; changes nothing. */
final class MachinesCalls {
  private final ComputeProvider provider;
  private final String migration;
  private final Provisioning provisioning;
  private final Snapshots snapshots;
  private final List<Finding> findings = new ArrayList<>();
  private final List<String> forward = new ArrayList<>();
  private final List<String> back = new ArrayList<>();

  MachinesCalls(ComputeProvider provider, String migration, Looks looks) {
    this.provider = provider;
    this.migration = migration;
    this.provisioning = new Provisioning(provider, migration, looks);
    this.snapshots = new Snapshots(provider, migration, looks);
    provider.wantedSnapshots().forEach(this::snapshot);
    provider.wanted().forEach(this::machine);
  }

  ChangePlan plan() {
    return new ChangePlan(findings, forward, back);
  }

  private void machine(WantedMachine wanted) {
    try {
      Optional<Machine> there =
          wanted.adopt() == null
              ? provisioning.own(wanted)
              : Optional.of(provisioning.adopted(wanted, wanted.adopt()));
      if (there.isEmpty()) {
        forward.add(provider.makeCall(migration, wanted));
      } else {
        forward.add(
            "%s is %s: nothing is made%s"
                .formatted(
                    wanted.name(),
                    there.get().id(),
                    there.get().stands() ? ", it is started" : ""));
      }
      back.add(
          wanted.adopt() == null
              ? "end %s in %s, found by its tag".formatted(wanted.name(), provider.place())
              : "%s is adopted: it is left as it is".formatted(wanted.adopt()));
    } catch (ApplicationFailure e) {
      findings.add(Refusals.blocker("machines", wanted.name(), e));
    }
  }

  private void snapshot(WantedSnapshot wanted) {
    forward.add("snapshot of %s in %s".formatted(wanted.disk(), wanted.from()));
    if (wanted.copied()) {
      forward.add("copy of that snapshot from %s to %s".formatted(wanted.from(), wanted.to()));
    }
    back.add("delete the snapshots of %s that this migration has made".formatted(wanted.disk()));
    try {
      snapshots.there(wanted).forEach(this::isThere);
    } catch (ApplicationFailure e) {
      findings.add(Refusals.blocker("machines", wanted.disk(), e));
    }
  }

  /**
   * A call that arrived after the way back was taken has left one that may be old. It may also be
   * that of a migration under way.
   */
  private void isThere(Snapshot snapshot) {
    findings.add(
        new Finding(
            Finding.Level.WARNING,
            "machines",
            snapshot.disk(),
            "expected none, found %s in %s, begun %s by a migration of this name%s. If it is of an earlier round, and no migration of this name is running, delete it."
                .formatted(
                    snapshot.id(), snapshot.place(), snapshot.begunInWords(), whatOf(snapshot)),
            provider.deleteByHand(snapshot)));
  }

  private static String whatOf(Snapshot snapshot) {
    return switch (snapshot.state()) {
      case FAILED ->
          "; it has failed (%s): none is made anew, and the migration stops there until it is deleted"
              .formatted(snapshot.progress());
      case COMPLETE -> ": it counts, and none is made anew";
      case PENDING, DELETING ->
          ": it is at %s, it counts, and none is made anew".formatted(snapshot.progress());
    };
  }
}
