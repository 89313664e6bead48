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
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.function.Consumer;
import java.util.function.Supplier;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * Which share of the traffic the target's stack gets: set, read back and watched, by whatever the
 * runbook names for it. All of it and none of it also move the names.
 */
final class Shares {
  private static final int NONE = 0;
  private static final int ALL = 100;

  /**
   * A migration keeps the ways of the release that it met first; before the first, none watched.
   */
  private static final String WATCHING = "watch-shares";

  private static final int SHARES = 1;

  /** A bake counts only while the share is held; the evidence says how it came into force. */
  private static final int BAKES = 2;

  /**
   * Nor does time count in which a balancer had lost the share; the evidence shows who went on
   * without a watch.
   */
  private static final int LOSSES = 3;

  private final Migration migration;
  private final Background hold;
  private final Background holdForwarder;
  private int asked;
  private int ways = Workflow.DEFAULT_VERSION;
  private int losses;
  private boolean losing;
  private String broke = "";
  private @Nullable Integer inForce = NONE;
  private boolean touched;
  private @Nullable String came;

  Shares(Migration migration) {
    this.migration = migration;
    this.hold = Background.detached(migration.board, Step.HOLD_SHARE, this::keep);
    this.holdForwarder =
        Background.detached(migration.board, Step.HOLD_FORWARDER, this::keepBalancer);
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
    stop();
    Outcome outcome = set(step, percent);
    ways = version();
    if (ways >= SHARES) {
      hold.start();
    }
    if (ways >= BAKES) {
      came = "When %d %% came into force: %s".formatted(percent, outcome.line());
      TrafficSpec traffic = migration.runbook.shifting();
      if (traffic != null && traffic.byDns() && percent == ALL && traffic.forwards()) {
        holdForwarder.start();
      }
    }
    return outcome;
  }

  /** How the last share came into force, in one line; null where none did, or nobody kept it. */
  @Nullable String came() {
    return came;
  }

  /**
   * Lets a share serve for a time. Time in which the watch waited for a person does not count, nor
   * does time in which a balancer had lost the share: nobody knows who got what. The time begins
   * anew when it is over.
   *
   * @param anew hears how often it has begun anew, and why, in words
   */
  void hold(Duration time, String label, Consumer<String> anew) {
    int version = version();
    if (version < BAKES) {
      migration.steps.pass(time, label);
      return;
    }
    boolean countsLosses = version >= LOSSES;
    String words = "";
    for (int times = 1; !isHeldFor(time, label, countsLosses); times++) {
      words = "begun anew %s, last: %s".formatted(Judgement.count(times, "time"), broke);
      anew.accept(words);
    }
    if (countsLosses && !words.isEmpty()) {
      came += "; its bake was " + words;
    }
  }

  /** Whether nothing came in between. */
  private boolean isHeldFor(Duration time, String label, boolean countsLosses) {
    Workflow.await(() -> !hold.isParked() && !(countsLosses && losing));
    int parkings = hold.parkings();
    int before = breaks(countsLosses);
    migration.steps.awaitFor(time, label, () -> breaks(countsLosses) != before);
    if (hold.parkings() != parkings) {
      broke = "its watch waited for a person";
    }
    return breaks(countsLosses) == before;
  }

  /** How often the share was not certain so far. */
  private int breaks(boolean countsLosses) {
    return hold.parkings() + (countsLosses ? losses : 0);
  }

  private static int version() {
    return Workflow.getVersion(WATCHING, Workflow.DEFAULT_VERSION, LOSSES);
  }

  /**
   * That people went on without a watch over the shares, and why. A migration of an older release
   * has been approved without these lines, and goes on.
   */
  List<String> skipped() {
    return ways < LOSSES
        ? List.of()
        : Stream.of(hold, holdForwarder).flatMap(watch -> watch.skipped().stream()).toList();
  }

  /** Everything to the source, as it was found. */
  private Outcome back(Step step) {
    stop();
    return set(step, NONE);
  }

  /** Removes what was kept for the way back, where there is none any more. */
  Outcome forget(Step step, Outcome before) {
    TrafficSpec traffic = migration.runbook.shifting();
    if (traffic == null || !keepsAFile(traffic)) {
      return before;
    }
    if (Workflow.getVersion("forget-shares", Workflow.DEFAULT_VERSION, 1) < 1) {
      return before;
    }
    Outcome gone = call(Traffic.class, Timeouts.CALL, step).forgetWayBack(request(traffic, asked));
    return new Outcome(before.line() + "; " + gone.line());
  }

  private boolean keepsAFile(TrafficSpec traffic) {
    return touched
        && traffic.haproxy() != null
        && traffic.haproxy().file() != null
        && (!traffic.byDns() || traffic.forwards());
  }

  /** Asks the watch to end and does not wait. */
  void leave() {
    hold.cancel();
    holdForwarder.cancel();
  }

  /** Ends the watch and waits until no worker is at it any more. */
  void stop() {
    holdForwarder.cancel();
    hold.stop();
    holdForwarder.stop();
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
    came = null;
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

  /** Watches what sets the weights. */
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
    if (!traffic.byDns()) {
      keepBalancer(step);
    }
  }

  /** Watches a balancer for ever. What was lost without anybody deciding so is set again. */
  private void keepBalancer(Step step) {
    TrafficSpec traffic = Objects.requireNonNull(migration.runbook.shifting(), "no traffic");
    while (true) {
      Outcome lost = call(Traffic.class, Timeouts.WATCH, step).holdShare(request(traffic, asked));
      Workflow.getLogger(Shares.class).info("{}: {}", step.id(), lost.line());
      if (step == Step.HOLD_SHARE) {
        losses++;
        broke = lost.line();
        losing = true;
      }
      try {
        ShareRequest again = request(traffic, asked);
        call(Traffic.class, Timeouts.CALL, step).shiftShare(again);
        call(Traffic.class, Timeouts.WATCH, step).awaitShare(again);
      } finally {
        losing = false;
      }
    }
  }
}
