package dev.whimbrel.postgres;

import dev.whimbrel.activity.Failures;
import dev.whimbrel.activity.Move;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.Optional;

/**
 * A copy of a source that is closed for it: no slot, no stream. Its snapshots carry the number of
 * the closing behind which they were taken; those of one closing all show the same rows.
 */
final class ClosedCopy {
  private static final String BEHIND = "closing:";

  private ClosedCopy() {}

  /**
   * What stands in the place of a slot's name where the source is closed. Numbers begin anew with
   * each migration, and a list may be left of one of the same name that was rolled back.
   */
  static String behind(Closing.State closing) {
    return BEHIND
        + closing.number()
        + "/"
        + ChronoUnit.MICROS.between(Instant.EPOCH, closing.closedAt());
  }

  /** Whether a snapshot was taken behind a closing. */
  static boolean isBehindOne(String slot) {
    return slot.startsWith(BEHIND);
  }

  /**
   * The closing that holds now; to be asked before a snapshot is taken.
   *
   * @throws io.temporal.failure.ApplicationFailure {@code NeedsHelp} where none holds
   */
  static Closing.State closing(Move move, Connection source) throws SQLException {
    Closing.State state = Closing.read(source).orElseThrow(() -> notClosed(move));
    if (!state.holds()) {
      throw ClosingKeeper.broken(move, state);
    }
    Optional<String> doubt = Closing.doubt(source);
    // A hand-over may have ended it in between.
    if (doubt.isPresent() && Closing.read(source).filter(Closing.State::holds).isPresent()) {
      throw ClosingKeeper.doubtful(move, doubt.get());
    }
    return state;
  }

  /** Fails where the closing that stands does not hold. */
  static void mustHold(Move move, Connection source) throws SQLException {
    closing(move, source);
  }

  /** What has to be known of the closing that stands and did not hold. */
  static RuntimeException broken(Move move, Connection source) throws SQLException {
    Optional<Closing.State> state = Closing.read(source);
    if (state.isEmpty()) {
      return notClosed(move);
    }
    return state.get().holds()
        ? ClosingKeeper.doubtful(
            move, Closing.doubt(source).orElse("The closing of the source did not hold"))
        : ClosingKeeper.broken(move, state.get());
  }

  private static RuntimeException notClosed(Move move) {
    return Failures.needsHelp(
        "The source is not closed",
        "retry, which closes it and copies everything anew",
        "whimbrel retry " + move.migration());
  }

  /**
   * Looks whether the target holds everything that the source held when it was closed.
   *
   * @param fingerprint of what moves, as it is now
   * @throws io.temporal.failure.ApplicationFailure {@code NeedsHelp} where the closing is another
   *     one, or did not hold, or where the copy is not complete or was made behind another one
   */
  static void mustBeWhole(
      Move move, int closing, String fingerprint, Connection source, Connection target)
      throws SQLException {
    Closing.State standing = closing(move, source);
    if (!standing.fingerprint().equals(fingerprint)) {
      throw Failures.needsHelp(
          "The catalog of the source has changed since it was closed: a table, column or sequence was added, changed or dropped",
          "roll back and start again; until then the source opens by itself when it was closed for as long as it may be",
          "whimbrel rollback " + move.migration());
    }
    Optional<CopyGenerations.Generation> copied = copied(target);
    String slot = copied.map(CopyGenerations.Generation::slot).orElse("");
    if (standing.number() != closing || !slot.equals(behind(standing))) {
      throw Failures.needsHelp(
          "Nothing was handed over: this switchover rests on closing %d of the source, closing %d stands, and %s"
              .formatted(
                  closing,
                  standing.number(),
                  slot.isEmpty()
                      ? "the copy is not complete"
                      : "what the target holds was copied behind " + slot),
          "retry, which closes the source again and copies everything anew",
          "whimbrel retry " + move.migration());
    }
  }

  /** Whether rows, keys and indexes of a copy are all there. */
  static boolean isComplete(Connection target) throws SQLException {
    return copied(target).isPresent();
  }

  /**
   * Whether rows, keys and indexes of a copy are all there, made behind the closing that stands and
   * holds. One of an earlier migration of the same name was made behind another one.
   */
  static boolean isOfWhatStands(Connection source, Connection target) throws SQLException {
    Optional<Closing.State> standing = Closing.read(source).filter(Closing.State::holds);
    return standing.isPresent()
        && copied(target).filter(copy -> copy.slot().equals(behind(standing.get()))).isPresent();
  }

  private static Optional<CopyGenerations.Generation> copied(Connection target)
      throws SQLException {
    CopyList list = new CopyList(target);
    return list.exists() && list.isFinished()
        ? new CopyGenerations(target).opened()
        : Optional.empty();
  }
}
