package dev.whimbrel.postgres;

import dev.whimbrel.activity.Move;
import dev.whimbrel.activity.Side;
import dev.whimbrel.postgres.Inspected.ByHandStep;
import dev.whimbrel.postgres.Inspected.Way;
import dev.whimbrel.postgres.SideState.Seen;
import dev.whimbrel.postgres.SideState.Slot;
import dev.whimbrel.postgres.SideState.Subscription;
import dev.whimbrel.runbook.Runbook;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/** The ways that lead on from each state, by hand. */
final class InspectedWays {
  private static final String FORWARD = "Forward by hand: make the target the truth";
  private static final String BACK = "Back by hand: make the source the truth again";

  private final Move move;
  private final Names names;
  private final ByHand byHand;
  private final SideState source;
  private final SideState target;
  private final UUID marker;

  InspectedWays(Runbook runbook, SideState source, SideState target, UUID marker) {
    this.move = Move.of(runbook);
    this.names = new Names(runbook.name());
    this.byHand = new ByHand(runbook);
    this.source = source;
    this.target = target;
    this.marker = marker;
  }

  /** The source is the truth, from the start or again. */
  List<Way> onSource(Authority.Row there, Authority.Row here, boolean sourceRefuses) {
    List<Way> ways = new ArrayList<>();
    if (sourceRefuses) {
      ways.add(new Way("First: let the source take writes", null, openFence(Side.SOURCE)));
    }
    String missing = missingForward();
    if (missing != null) {
      ways.add(new Way(FORWARD, missing, List.of()));
    } else {
      List<ByHandStep> steps = new ArrayList<>(byHand.stopTheEngine());
      steps.addAll(byHand.handOver(there, marker));
      steps.addAll(
          byHand.open(here, Side.SOURCE, there.epoch() + 1, marker, wayBackIsReady(), false));
      ways.add(new Way(FORWARD, null, steps));
    }
    ways.add(new Way("Stay on the source for good: nothing needs to be moved", null, leave()));
    return ways;
  }

  /** The target is the truth and open. */
  List<Way> open(Authority.Row here, Authority.Row there, boolean targetRefuses) {
    List<Way> ways = new ArrayList<>();
    if (targetRefuses) {
      ways.add(new Way("First: let the target take writes", null, openFence(Side.TARGET)));
    }
    ways.add(
        new Way("Forward: nothing needs to be done, the target takes the writes", null, List.of()));
    String missing = missingBack();
    if (missing != null) {
      ways.add(new Way(BACK, missing, List.of()));
    } else {
      Subscription reverse = seen(source).subscription(names.reverseSubscription());
      List<ByHandStep> steps = new ArrayList<>(byHand.stopTheEngine());
      if (reverse != null && !reverse.enabled()) {
        steps.add(byHand.enable(names.reverseSubscription(), Side.SOURCE));
      }
      steps.addAll(byHand.handOver(here, marker));
      steps.addAll(byHand.open(there, Side.TARGET, here.epoch() + 1, marker, false, false));
      ways.add(new Way(BACK, null, steps));
    }
    return ways;
  }

  /** One side has handed over, the other has not opened. */
  List<Way> handedOverNotOpen(Authority.Row handedOver, Authority.Row gaining) {
    Side to = gaining.side();
    String others = to == Side.TARGET ? otherStreams() : null;
    boolean stopped = stopped(to);
    List<ByHandStep> on = new ArrayList<>(byHand.stopTheEngine());
    on.addAll(
        byHand.open(
            gaining,
            handedOver.side(),
            handedOver.epoch(),
            handedOver.marker(),
            to == Side.TARGET && wayBackIsReady(),
            stopped));
    List<ByHandStep> back = new ArrayList<>(byHand.stopTheEngine());
    back.addAll(byHand.takeBack(handedOver, gaining));
    return List.of(
        new Way("Finish by hand: open the " + to.word(), others, others == null ? on : List.of()),
        new Way(
            "Take the hand-over back by hand: open the %s again; nothing was written meanwhile"
                .formatted(handedOver.side().word()),
            null,
            back));
  }

  List<Way> bothClaim(Authority.Row right, Side fence) {
    List<ByHandStep> steps = new ArrayList<>();
    steps.add(byHand.fence(fence));
    steps.addAll(
        byHand.acceptLoss(right, right.epoch() + 1, List.of()).stream()
            .filter(step -> step.sql() != null)
            .toList());
    return List.of(
        new Way(
            "Fence the %s, then raise the epoch of the %s, which makes it right; its own writes and the other's have to be compared by people"
                .formatted(fence.word(), right.side().word()),
            null,
            steps));
  }

  List<Way> fenceStray(Side stray) {
    return List.of(
        new Way(
            "Fence the %s, then inspect again".formatted(stray.word()),
            null,
            List.of(byHand.fence(stray))));
  }

  /** The side that could be read is the truth. */
  List<Way> truthAlone(SideState truth) {
    Seen seen = seen(truth);
    List<Way> ways = new ArrayList<>();
    if (!seen.refusing().isEmpty()) {
      ways.add(
          new Way(
              "First: let the %s take writes".formatted(truth.side().word()),
              null,
              openFence(truth.side())));
    }
    ways.add(
        new Way(
            truth.side() == Side.SOURCE ? FORWARD : BACK,
            "the %s cannot be read; nothing is lost while it is away, since the %s takes the writes"
                .formatted(truth.side().other().word(), truth.side().word()),
            List.of()));
    return ways;
  }

  /** The side that could not be read is the truth, or may be. */
  List<Way> truthGone(SideState read, Authority.Row row) {
    // Whatever brings writes of the side that is gone, should it come back.
    String streams =
        read.side() == Side.TARGET ? names.forwardStreams() : names.reverseSubscription();
    List<String> there =
        seen(read).subscriptions().stream()
            .map(Subscription::name)
            .filter(name -> name.matches(streams))
            .toList();
    // Two more: the side that is gone may have handed over once since.
    long epoch = row.epoch() + 2;
    String part = seen(read).part();
    return List.of(
        new Way(
            "Wait until the %s is back, and inspect again: nothing is lost by waiting"
                .formatted(read.side().other().word()),
            null,
            List.of()),
        new Way(
            "Only if the %s is gone for good, and somebody takes it on themselves: open the %s and ACCEPT THE LOSS"
                .formatted(read.side().other().word(), read.side().word()),
            part == null ? null : holdsAPart(read.side(), part),
            part == null ? byHand.acceptLoss(row, epoch, there) : List.of()));
  }

  /** A target that a rollback has left stands where it was left. */
  List<Way> keptTarget() {
    return List.of(
        new Way(
            "Wait until the source is back, and inspect again: what the target holds is older than the rollback",
            null,
            List.of()));
  }

  private static String holdsAPart(Side side, String part) {
    return "the %s holds a part of the tables: of the copy, %s is not live yet"
        .formatted(side.word(), part);
  }

  private @Nullable String missingForward() {
    Seen there = seen(source);
    Seen here = seen(target);
    if (here.part() != null) {
      return holdsAPart(Side.TARGET, here.part());
    }
    String others = otherStreams();
    if (others != null) {
      return others;
    }
    for (String name : leadingTo(Side.TARGET).subscriptions()) {
      Subscription forward = here.subscription(name);
      if (forward == null) {
        return "there is no stream to the target (subscription " + name + ")";
      }
      if (!forward.whole()) {
        return "the stream to the target does not carry every table now (subscription %s)"
            .formatted(name);
      }
    }
    if (!there.withoutFence().isEmpty()) {
      return "the source has no fence on " + InspectionJudgement.tables(there.withoutFence());
    }
    if (!here.takingWrites().isEmpty()) {
      return "the target is not closed: its fence is missing or off on "
          + InspectionJudgement.tables(here.takingWrites());
    }
    return null;
  }

  /** What a proof that follows this runbook would not ask for, and so would leave behind. */
  private @Nullable String otherStreams() {
    List<String> others =
        seen(target).subscriptions().stream()
            .map(Subscription::name)
            .filter(name -> name.matches(names.forwardStreams()))
            .filter(name -> !leadingTo(Side.TARGET).subscriptions().contains(name))
            .toList();
    return others.isEmpty()
        ? null
        : "the target has subscription %s, and this runbook says replicate.subscriptions: %d: correct it, and inspect again"
            .formatted(String.join(", ", others), move.streams());
  }

  private @Nullable String missingBack() {
    Subscription reverse = seen(source).subscription(names.reverseSubscription());
    Slot live = seen(target).slot(names.liveSlot());
    if (reverse == null || live == null) {
      return "THERE IS NO WAY BACK: %s is missing; what was written on the target since the hand-over is nowhere else"
          .formatted(
              reverse == null
                  ? "subscription " + names.reverseSubscription() + " on the source"
                  : "slot " + names.liveSlot() + " on the target");
    }
    if (live.lost()) {
      return "THERE IS NO WAY BACK: slot %s on the target is lost; what was written since is nowhere else"
          .formatted(live.name());
    }
    return null;
  }

  private boolean wayBackIsReady() {
    Authority.Row here = target.row();
    return here != null
        && here.canGoBack()
        && seen(target).slot(names.baseSlot()) != null
        && seen(source).subscription(names.reverseSubscription()) != null;
  }

  private boolean stopped(Side to) {
    return leadingTo(to).subscriptions().stream()
        .map(seen(to == Side.TARGET ? target : source)::subscription)
        .anyMatch(found -> found != null && !found.enabled());
  }

  private Stream leadingTo(Side side) {
    return Stream.leaving(side.other(), move);
  }

  private List<ByHandStep> openFence(Side side) {
    return List.of(byHand.openFence(side));
  }

  /** What would otherwise keep the write-ahead log for ever. */
  private List<ByHandStep> leave() {
    List<ByHandStep> steps = new ArrayList<>(byHand.stopTheEngine());
    for (Subscription one : seen(target).subscriptions()) {
      steps.add(byHand.dropSubscription(one.name(), Side.TARGET));
    }
    for (Subscription one : seen(source).subscriptions()) {
      steps.add(byHand.dropSubscription(one.name(), Side.SOURCE));
    }
    for (Slot slot : seen(source).slots()) {
      steps.add(byHand.dropSlot(slot.name(), Side.SOURCE));
    }
    for (Slot slot : seen(target).slots()) {
      steps.add(byHand.dropSlot(slot.name(), Side.TARGET));
    }
    return steps.size() == byHand.stopTheEngine().size() ? List.of() : steps;
  }

  private static Seen seen(SideState side) {
    Seen seen = side.seen();
    if (seen == null) {
      throw new IllegalStateException("the " + side.side().word() + " was not read");
    }
    return seen;
  }
}
