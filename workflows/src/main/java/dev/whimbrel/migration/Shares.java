package dev.whimbrel.migration;

import static dev.whimbrel.migration.Timeouts.call;

import dev.whimbrel.activity.Dns;
import dev.whimbrel.activity.DnsMove;
import dev.whimbrel.activity.Outcome;
import dev.whimbrel.activity.ShareRequest;
import dev.whimbrel.activity.ShiftRequest;
import dev.whimbrel.activity.Traffic;
import dev.whimbrel.runbook.TrafficSpec;
import io.temporal.workflow.Workflow;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Supplier;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * Which share of the traffic the target's stack gets: set, read back and watched, by whatever the
 * runbook names for it. All of it and none of it also move the names.
 */
final class Shares {
  private static final int NONE = 0;
  private static final int ALL = 100;

  private final Migration migration;
  private final Background hold;
  private int asked;
  private @Nullable Integer inForce = NONE;
  private boolean touched;

  Shares(Migration migration) {
    this.migration = migration;
    this.hold = Background.detached(migration.board, Step.HOLD_SHARE, this::keep);
  }

  /** Whether anything of this migration sends traffic anywhere. */
  boolean configured() {
    return migration.runbook.shifting() != null;
  }

  /** The target's percent that is in force; null where the last change of it did not end. */
  @Nullable Integer share() {
    return inForce;
  }

  /** Whether any share was ever asked for. */
  boolean touched() {
    return touched;
  }

  /** Lets whatever goes wrong from here on send everything back to the source. */
  void registerUndo() {
    if (configured()) {
      migration.undo.barrier(Step.TRAFFIC_BACK, this::back);
      // After a hand-over it comes right behind it, also where a canary has registered it long ago.
      migration.undo.raise(Step.TRAFFIC_BACK);
    }
  }

  /** Sends this share to the target, waits until it is in force, and watches it from then on. */
  Outcome shift(Step step, int percent) {
    hold.stop();
    Outcome outcome = set(step, percent);
    // Migrations that began before shares were watched go on without.
    if (Workflow.getVersion("watch-shares", Workflow.DEFAULT_VERSION, 1) == 1) {
      hold.start();
    }
    return outcome;
  }

  /** Everything to the source, as it was found. */
  private Outcome back(Step step) {
    hold.stop();
    return set(step, NONE);
  }

  /** Asks the watch to end and does not wait. */
  void leave() {
    hold.cancel();
  }

  /** Ends the watch and waits until no worker is at it any more. */
  void stop() {
    hold.stop();
  }

  /**
   * Changes everything that has to be changed, and only then waits for it. A balancer is led first:
   * nobody's way back waits for a DNS server.
   */
  private Outcome set(Step step, int percent) {
    TrafficSpec traffic = migration.runbook.shifting();
    DnsMove names = migration.names();
    boolean whole = percent == NONE || percent == ALL;
    asked = percent;
    inForce = null;
    touched = true;
    migration.board.sharing(null);
    List<Supplier<Outcome>> waits = new ArrayList<>();
    if (traffic != null && (!traffic.byDns() || (traffic.forwards() && whole))) {
      ShareRequest request = request(traffic, percent);
      call(Traffic.class, Timeouts.CALL, step).shiftShare(request);
      waits.add(() -> call(Traffic.class, Timeouts.WATCH, step).awaitShare(request));
    }
    if (names != null && traffic != null && (traffic.byDns() || whole)) {
      ShiftRequest request = ShiftRequest.of(names, migration.found(), percent);
      call(Dns.class, Timeouts.CALL, step).shift(request);
      waits.add(() -> call(Dns.class, Timeouts.WATCH, step).awaitPropagation(request));
    }
    String lines = waits.stream().map(wait -> wait.get().line()).collect(Collectors.joining("; "));
    inForce = percent;
    migration.board.sharing(percent);
    return new Outcome(lines);
  }

  private ShareRequest request(TrafficSpec traffic, int percent) {
    return new ShareRequest(migration.runbook.name(), traffic, percent);
  }

  /** Watches what sets the weights. What was lost without anybody deciding so is set again. */
  private void keep(Step step) {
    TrafficSpec traffic = migration.runbook.shifting();
    @Nullable DnsMove names = migration.names();
    if (traffic == null) {
      return;
    }
    if (names != null && traffic.byDns()) {
      call(Dns.class, Timeouts.WATCH, step)
          .holdNames(ShiftRequest.of(names, migration.found(), asked));
      return;
    }
    while (!traffic.byDns()) {
      Outcome lost = call(Traffic.class, Timeouts.WATCH, step).holdShare(request(traffic, asked));
      Workflow.getLogger(Shares.class).info("{}: {}", step.id(), lost.line());
      ShareRequest again = request(traffic, asked);
      call(Traffic.class, Timeouts.CALL, step).shiftShare(again);
      call(Traffic.class, Timeouts.WATCH, step).awaitShare(again);
    }
  }
}
