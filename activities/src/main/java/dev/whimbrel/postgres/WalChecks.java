package dev.whimbrel.postgres;

import dev.whimbrel.activity.Side;
import dev.whimbrel.postgres.WalLimit.Then;
import java.sql.SQLException;

/** What each server may keep of its log for the slots, and what is done at the limit. */
final class WalChecks {
  private static final long LITTLE = 1L << 30;

  private final Look look;
  private final Findings findings;

  WalChecks(Look look, Findings findings) {
    this.look = look;
    this.findings = findings;
  }

  void run() throws SQLException {
    for (Side side : Side.values()) {
      // The target is empty yet: what counts is what the copy leaves.
      long stillToCome =
          side == Side.TARGET
              ? look.number(Side.SOURCE, "SELECT pg_database_size(current_database())")
              : 0;
      WalLimit limit = WalLimit.of(look.move(), side, look.on(side), stillToCome);
      limit(side, limit);
      serversOwn(side, limit);
    }
  }

  private void limit(Side side, WalLimit limit) {
    String words =
        "may keep %s of its log for the slots, %s. At the limit %s; while no worker is up, nobody looks."
            .formatted(Size.words(limit.bytes()), limit.because(), atLimit(side, limit.then()));
    boolean guess = limit.isGuess();
    if ((side == Side.SOURCE && guess) || limit.bytes() < LITTLE) {
      findings.warning(
          "wal-limit",
          side.word(),
          words,
          guess
              ? "say %s.postgres.storage, or replicate.wal.limit, in the runbook"
                  .formatted(side.word())
              : "give the %s's server more disk, or say replicate.wal.limit in the runbook"
                  .formatted(side.word()));
    } else {
      findings.note("wal-limit", side.word(), words);
    }
  }

  private static String atLimit(Side side, Then then) {
    return switch (then) {
      case RELEASE ->
          side == Side.SOURCE
              ? "they are dropped: the copy is lost, and the migration goes back"
              : "they are dropped: THE WAY BACK IS LOST, and writes stay on the target";
      case ASK -> "a person is asked";
      case WARN -> "the status says so, and nothing is done";
    };
  }

  private void serversOwn(Side side, WalLimit limit) throws SQLException {
    String keep = look.setting(side, "max_slot_wal_keep_size");
    if (keep.equals("-1")) {
      return;
    }
    if (Size.parse(keep) > limit.bytes()) {
      findings.note(
          "max-slot-wal-keep-size",
          side.word(),
          "drops a slot by itself that is more than %s behind, which is above the limit: it guards the disk while no worker is up"
              .formatted(keep));
      return;
    }
    findings.warning(
        "max-slot-wal-keep-size",
        side.word(),
        "drops a slot that is more than " + keep + " behind, and with it the stream.",
        "ALTER SYSTEM SET max_slot_wal_keep_size = -1; SELECT pg_reload_conf();");
  }
}
