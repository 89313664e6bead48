package dev.whimbrel.postgres;

import dev.whimbrel.activity.Side;
import dev.whimbrel.postgres.SideState.Seen;
import dev.whimbrel.runbook.Runbook;
import dev.whimbrel.runbook.TablesSpec;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/** What was found on one side, one sentence a line. */
final class InspectedFacts {
  private InspectedFacts() {}

  static List<String> of(SideState state) {
    String side = state.side().word();
    Seen seen = state.seen();
    List<String> facts = new ArrayList<>();
    if (seen == null) {
      facts.add(
          "The %s (%s) cannot be read: %s.".formatted(side, state.where(), state.unreadable()));
      return facts;
    }
    facts.add("The %s (%s) answers: %s.".formatted(side, state.where(), seen.server()));
    facts.add(authority(side, seen));
    if (seen.row() != null && KeptTarget.is(seen.row())) {
      facts.add(
          "The target may hold rows that are nowhere else. Copy what is wanted, then %s"
              .formatted(KeptTarget.drop(state.url())));
    }
    if (seen.part() != null) {
      facts.add(
          "The %s holds a PART OF THE TABLES: of the copy, %s is not live yet; its tables, and those of later stages, are not whole."
              .formatted(side, seen.part()));
    }
    facts.add(fence(side, seen));
    if (seen.closing() != null) {
      facts.add(
          "The %s IS CLOSED FOR WRITES while it is copied (%s). To open it at once, which makes the copy stale: psql '%s' -c \"%s\""
              .formatted(side, seen.closing(), state.url(), ClosingSql.BY_HAND));
    }
    if (seen.leftOn() > 0) {
      facts.add(
          "Triggers of a closing that refuses nobody are still on on %d table%s of the %s, and called by each write. Where nothing is copied behind it any more, to take them away: psql '%s' -c \"%s\""
              .formatted(
                  seen.leftOn(),
                  seen.leftOn() == 1 ? "" : "s",
                  side,
                  state.url(),
                  ClosingSql.LIFT_BY_HAND));
    }
    if (seen.inRecovery()) {
      facts.add("The %s is a standby in recovery: nobody can write to it.".formatted(side));
    }
    if (seen.readOnlyDefault()) {
      facts.add(
          "New transactions on the %s are read-only by default, which is no fence: a session can override it."
              .formatted(side));
    }
    if (seen.position() != null) {
      facts.add("The %s's write-ahead log stands at %s.".formatted(side, seen.position()));
    }
    streams(state.side(), seen, facts);
    facts.add(
        seen.clients() == 0
            ? "No other client is connected to the %s.".formatted(side)
            : "%d other client%s connected to the %s."
                .formatted(seen.clients(), seen.clients() == 1 ? " is" : "s are", side));
    if (!seen.engine().isEmpty()) {
      facts.add(
          "Whimbrel itself is connected to the %s (%s): the engine is alive."
              .formatted(side, String.join(", ", seen.engine())));
    }
    return facts;
  }

  /** What a hand-over in either direction does not concern. */
  static List<String> leftOut(Runbook runbook) {
    TablesSpec tables = runbook.replicate().tables();
    if (tables == null) {
      return List.of();
    }
    List<String> facts = new ArrayList<>();
    if (!tables.leftOut().isEmpty()) {
      facts.add(
          "The runbook leaves out, and keeps on the source alone: %s.".formatted(tables.leftOut()));
    }
    if (!tables.excludeData().isEmpty()) {
      facts.add(
          "The runbook leaves out the rows of %s: each side has its own, and no way carries them."
              .formatted(String.join(", ", tables.excludeData())));
    }
    return facts;
  }

  private static String authority(String side, Seen seen) {
    Authority.Row row = seen.row();
    if (row == null) {
      return "The %s is not claimed.".formatted(side);
    }
    return "The %s says: the %s may be written, epoch %d, since %s%s."
        .formatted(
            side,
            row.writable().word(),
            row.epoch(),
            InspectionJudgement.time(row.changedAt()),
            row.note() == null ? "" : " (" + row.note() + ")");
  }

  private static String fence(String side, Seen seen) {
    if (seen.tables() == 0) {
      return "The %s has no tables.".formatted(side);
    }
    if (seen.withoutFence().size() == seen.tables()) {
      return "The %s has no fence yet.".formatted(side);
    }
    String partly =
        seen.withoutFence().isEmpty()
            ? ""
            : "; without a fence: " + InspectionJudgement.tables(seen.withoutFence());
    if (seen.takingWrites().isEmpty()) {
      return "The %s is closed: %d of %d tables refuse writes."
          .formatted(side, seen.tables(), seen.tables());
    }
    if (seen.refusing().isEmpty()) {
      return "The %s is open: %d of %d tables take writes%s."
          .formatted(side, seen.tables(), seen.tables(), partly);
    }
    return "The %s is half closed: %s take%s writes%s."
        .formatted(
            side,
            InspectionJudgement.tables(seen.takingWrites()),
            seen.takingWrites().size() == 1 ? "s" : "",
            partly);
  }

  private static void streams(Side side, Seen seen, List<String> facts) {
    for (SideState.Subscription one : seen.subscriptions()) {
      facts.add(
          "Subscription %s on the %s is %s%s%s."
              .formatted(
                  one.name(),
                  side.word(),
                  !one.enabled()
                      ? "disabled"
                      : one.running() ? "running" : "enabled, but its worker is not up",
                  one.notReady() == 0
                      ? ""
                      : ", %d table%s not synchronised"
                          .formatted(one.notReady(), one.notReady() == 1 ? "" : "s"),
                  one.received() == null
                      ? ""
                      : ", has reported up to %s of the %s"
                          .formatted(one.received(), side.other().word())));
    }
    if (seen.lastMarker() != null && seen.part() == null) {
      facts.add(
          "Everything that the %s had committed before %s has arrived on the %s."
              .formatted(
                  side.other().word(), InspectionJudgement.time(seen.lastMarker()), side.word()));
    }
    if (seen.markerArrived() != null) {
      facts.add(
          seen.markerArrived()
              ? "The last marker of the %s is on the %s: nothing is missing."
                  .formatted(side.other().word(), side.word())
              : "The last marker of the %s has not arrived on the %s: some of its writes are missing there."
                  .formatted(side.other().word(), side.word()));
    }
    for (SideState.Slot slot : seen.slots()) {
      facts.add(
          "Slot %s on the %s is %s, confirmed up to %s, %s behind."
              .formatted(
                  slot.name(),
                  side.word(),
                  slot.lost() ? "LOST" : slot.active() ? "read" : "not read",
                  slot.confirmed() == null ? "nothing" : slot.confirmed(),
                  bytes(slot.behind())));
    }
  }

  private static String bytes(long bytes) {
    return bytes < 10_000
        ? bytes + " bytes"
        : String.format(Locale.ROOT, "%.1f MB", bytes / 1_000_000.0);
  }
}
