package dev.whimbrel.postgres;

import dev.whimbrel.activity.Side;
import dev.whimbrel.postgres.Inspected.State;
import dev.whimbrel.postgres.Inspected.Way;
import dev.whimbrel.postgres.SideState.Seen;
import dev.whimbrel.runbook.Runbook;
import java.time.Instant;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/** Judges what two databases say: states in, sentences out. Asks nobody. */
final class InspectionJudgement {
  private static final DateTimeFormatter TIME =
      DateTimeFormatter.ofPattern("yyyy-MM-dd HH:mm:ss 'UTC'", Locale.ROOT)
          .withZone(ZoneOffset.UTC);

  private final Runbook runbook;
  private final SideState source;
  private final SideState target;
  private final InspectedWays ways;
  private final List<String> alarms = new ArrayList<>();

  /**
   * Prepares a judgement.
   *
   * @param marker the marker that a hand-over by hand would use
   */
  InspectionJudgement(Runbook runbook, SideState source, SideState target, UUID marker) {
    this.runbook = runbook;
    this.source = source;
    this.target = target;
    this.ways = new InspectedWays(runbook, source, target, marker);
  }

  /** The judgement. */
  Inspected inspected() {
    if (source.seen() == null && target.seen() == null) {
      return result(
          State.BOTH_UNREADABLE,
          "unknown",
          "WRITES GO TO: not known. Neither database can be read.",
          List.of());
    }
    if (source.seen() == null || target.seen() == null) {
      return oneUnreadable(source.seen() == null ? target : source);
    }
    Inspected stranger = heldByAnother();
    if (stranger != null) {
      return stranger;
    }
    Authority.Row there = source.row();
    Authority.Row here = target.row();
    if (there == null || here == null) {
      return notBothClaimed(there == null ? here : there);
    }
    return claimed(new Pair(there, source.seen(), here, target.seen()));
  }

  /** Both rows and what was seen around them. */
  private record Pair(Authority.Row source, Seen there, Authority.Row target, Seen here) {
    Authority.Row decisive() {
      return target.epoch() > source.epoch() ? target : source;
    }

    Authority.Row on(Side side) {
      return side == Side.SOURCE ? source : target;
    }

    Seen seen(Side side) {
      return side == Side.SOURCE ? there : here;
    }
  }

  private Inspected claimed(Pair pair) {
    if (pair.there().server().equals(pair.here().server())) {
      alarms.add(
          "Source and target are the same database (%s). Correct the runbook's urls before anything else."
              .formatted(pair.there().server()));
    }
    if (pair.there().underWay() || pair.here().underWay()) {
      alarms.add(
          "A switchover holds its lock now. Do nothing by hand; wait a minute and inspect again.");
    }
    if (pair.source().epoch() == pair.target().epoch()
        && pair.source().writable() != pair.target().writable()) {
      return bothClaim(pair);
    }
    Side truth = pair.decisive().writable();
    Authority.Row own = pair.on(truth);
    boolean opened = own.epoch() == pair.decisive().epoch();
    Side other = truth.other();
    Seen lost = pair.seen(other);

    boolean handedOver = moved(pair);
    boolean strayFence =
        !lost.closed() && (handedOver || lost.withoutFence().size() < lost.tables());
    if (strayFence) {
      return strayWrites(pair, truth, opened);
    }
    if (!opened) {
      return result(
          State.HANDED_OVER_NOT_OPEN,
          "none",
          "WRITES GO TO: NONE. The %s handed over at %s (epoch %d); the %s has not opened."
              .formatted(
                  other.word(),
                  time(pair.on(other).changedAt()),
                  pair.decisive().epoch(),
                  truth.word()),
          ways.handedOverNotOpen(pair.on(other), own));
    }
    return settled(pair, truth);
  }

  private static boolean moved(Pair pair) {
    return pair.source().moved() || pair.target().moved();
  }

  private Inspected settled(Pair pair, Side truth) {
    Seen seen = pair.seen(truth);
    long epoch = pair.decisive().epoch();
    String headline;
    State state;
    if (truth == Side.TARGET) {
      state = State.OPEN;
      headline =
          "WRITES GO TO: target (since %s, epoch %d)."
              .formatted(time(pair.target().changedAt()), epoch);
    } else if (moved(pair)) {
      state = State.ROLLED_BACK;
      headline =
          "WRITES GO TO: source (rolled back at %s, epoch %d)."
              .formatted(time(pair.source().changedAt()), epoch);
    } else {
      state = State.NEVER_HANDED_OVER;
      headline = "WRITES GO TO: source (never handed over, epoch %d).".formatted(epoch);
    }
    if (seen.inRecovery()) {
      alarms.add(
          "The %s is the truth, but its url leads to a standby, which nobody can write. Point the url to the primary and inspect again."
              .formatted(truth.word()));
    } else if (!seen.refusing().isEmpty()) {
      alarms.add(
          "The %s is the truth, but %s refuse%s writes. Open its fence first."
              .formatted(
                  truth.word(), tables(seen.refusing()), seen.refusing().size() == 1 ? "s" : ""));
    }
    List<Way> found =
        truth == Side.TARGET
            ? ways.open(pair.target(), pair.source(), !seen.refusing().isEmpty())
            : ways.onSource(pair.source(), pair.target(), !seen.refusing().isEmpty());
    return result(state, truth.word(), headline, found);
  }

  private Inspected bothClaim(Pair pair) {
    Side fence = weaker(pair);
    alarms.add(
        "Both databases claim to be right in epoch %d: the source says %s since %s, the target says %s since %s. Fence the %s first: %s."
            .formatted(
                pair.source().epoch(),
                pair.source().writable().word(),
                time(pair.source().changedAt()),
                pair.target().writable().word(),
                time(pair.target().changedAt()),
                fence.word(),
                whyWeaker(pair, fence)));
    return result(
        State.BOTH_WRITABLE,
        "both",
        "ALARM: BOTH SIDES CLAIM TO BE THE TRUTH in epoch %d.".formatted(pair.source().epoch()),
        ways.bothClaim(pair.on(fence.other()), fence));
  }

  /** The side with fewer applications, else the one whose claim is older. */
  private static Side weaker(Pair pair) {
    int there = pair.there().clients();
    int here = pair.here().clients();
    if (there != here && (there == 0 || here == 0)) {
      return there == 0 ? Side.SOURCE : Side.TARGET;
    }
    return pair.source().changedAt().isBefore(pair.target().changedAt())
        ? Side.SOURCE
        : Side.TARGET;
  }

  private static String whyWeaker(Pair pair, Side fence) {
    return pair.seen(fence).clients() == 0 && pair.seen(fence.other()).clients() > 0
        ? "no application is connected to it"
        : "its claim is the older one";
  }

  private Inspected strayWrites(Pair pair, Side truth, boolean opened) {
    Side stray = truth.other();
    Seen seen = pair.seen(stray);
    alarms.add(
        "The %s is the truth (epoch %d), but the %s takes writes on %s. Fence the %s first, then compare the two."
            .formatted(
                truth.word(),
                pair.decisive().epoch(),
                stray.word(),
                tables(seen.takingWrites()),
                stray.word()));
    boolean both = opened && pair.seen(truth).open();
    return result(
        State.BOTH_WRITABLE,
        both ? "both" : stray.word(),
        both
            ? "ALARM: BOTH SIDES TAKE WRITES. The %s is the truth (epoch %d)."
                .formatted(truth.word(), pair.decisive().epoch())
            : "ALARM: ONLY THE WRONG SIDE TAKES WRITES: the %s, while the %s is the truth (epoch %d)."
                .formatted(stray.word(), truth.word(), pair.decisive().epoch()),
        ways.fenceStray(stray));
  }

  private @Nullable Inspected heldByAnother() {
    for (SideState state : List.of(source, target)) {
      Authority.Row row = state.row();
      if (row == null) {
        continue;
      }
      if (!row.migration().equals(runbook.name())) {
        return result(
            State.HELD_BY_ANOTHER,
            "unknown",
            "The %s belongs to migration %s, as its %s (since %s), not to %s. Inspect with that migration's runbook."
                .formatted(
                    state.side().word(),
                    row.migration(),
                    row.side().word(),
                    time(row.changedAt()),
                    runbook.name()),
            List.of());
      }
      if (row.side() != state.side()) {
        return result(
            State.HELD_BY_ANOTHER,
            "unknown",
            "The runbook's %s was claimed as the %s: source and target of the runbook are swapped."
                .formatted(state.side().word(), row.side().word()),
            List.of());
      }
    }
    return null;
  }

  private Inspected notBothClaimed(Authority.@Nullable Row only) {
    if (only == null) {
      return result(
          State.NOT_CLAIMED,
          "source",
          "WRITES GO TO: source. Whimbrel holds neither database.",
          List.of());
    }
    if (KeptTarget.is(only)) {
      return result(
          State.ROLLED_BACK,
          "source",
          "WRITES GO TO: source (rolled back at %s, epoch %d). The target was kept, closed, and nothing follows to it."
              .formatted(time(only.changedAt()), only.epoch()),
          List.of());
    }
    if (only.writable() == Side.TARGET) {
      alarms.add(
          "The %s remembers a hand-over (epoch %d), the %s knows nothing of this migration: the url may lead to another or a restored database. Find out before anything is written."
              .formatted(only.side().word(), only.epoch(), only.side().other().word()));
      return result(
          State.HELD_BY_ANOTHER,
          "unknown",
          "WRITES GO TO: not known. Only the %s is claimed by %s, and it says target (epoch %d)."
              .formatted(only.side().word(), runbook.name(), only.epoch()),
          List.of());
    }
    return result(
        State.NEVER_HANDED_OVER,
        "source",
        "WRITES GO TO: source (never handed over; only the %s is claimed, epoch %d)."
            .formatted(only.side().word(), only.epoch()),
        List.of());
  }

  private Inspected oneUnreadable(SideState read) {
    Side gone = read.side().other();
    Inspected stranger = heldByAnother();
    if (stranger != null) {
      return stranger;
    }
    Authority.Row row = read.row();
    if (row == null) {
      return result(
          State.ONE_SIDE_UNREADABLE,
          read.side() == Side.SOURCE ? "source" : "unknown",
          read.side() == Side.SOURCE
              ? "WRITES GO TO: source. It is not claimed; the target cannot be read."
              : "WRITES GO TO: not known. The source cannot be read; the target is not claimed.",
          List.of());
    }
    if (KeptTarget.is(row)) {
      return result(
          State.ONE_SIDE_UNREADABLE,
          "source",
          "WRITES GO TO: source (rolled back at %s, epoch %d), AND IT CANNOT BE READ. The target was kept, closed, and nothing has followed to it since."
              .formatted(time(row.changedAt()), row.epoch()),
          ways.keptTarget());
    }
    if (row.writable() == read.side()) {
      return result(
          State.ONE_SIDE_UNREADABLE,
          read.side().word(),
          "WRITES GO TO: %s (epoch %d). The %s cannot be read."
              .formatted(read.side().word(), row.epoch(), gone.word()),
          ways.truthAlone(read));
    }
    return result(
        State.ONE_SIDE_UNREADABLE,
        row.epoch() == 1 ? gone.word() : "unknown",
        row.epoch() == 1
            ? "WRITES GO TO: source (never handed over, as far as the target knows), AND IT CANNOT BE READ."
            : "WRITES GO TO: %s, if it has opened (epoch %d), AND IT CANNOT BE READ."
                .formatted(gone.word(), row.epoch()),
        ways.truthGone(read, row));
  }

  private Inspected result(State state, String writesGoTo, String headline, List<Way> found) {
    long epoch = 0;
    for (SideState side : List.of(source, target)) {
      Authority.Row row = side.row();
      epoch = Math.max(epoch, row == null ? 0 : row.epoch());
    }
    List<String> facts = new ArrayList<>();
    for (SideState side : List.of(source, target)) {
      facts.addAll(InspectedFacts.of(side));
    }
    facts.addAll(InspectedFacts.leftOut(runbook));
    return new Inspected(
        runbook.name(), state, writesGoTo, epoch, headline, List.copyOf(alarms), facts, found);
  }

  static String time(Instant at) {
    return TIME.format(at);
  }

  static String tables(List<String> names) {
    return switch (names.size()) {
      case 0 -> "no table";
      case 1 -> "table " + Objects.requireNonNull(names.get(0));
      default -> "%d tables (%s, …)".formatted(names.size(), names.get(0));
    };
  }
}
