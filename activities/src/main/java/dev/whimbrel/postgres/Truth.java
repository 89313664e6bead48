package dev.whimbrel.postgres;

import dev.whimbrel.activity.Failures;
import dev.whimbrel.activity.Side;

/**
 * What both authorities say together.
 *
 * @param source the source's row
 * @param target the target's row
 */
record Truth(Authority.Row source, Authority.Row target) {

  /**
   * Reads both rows.
   *
   * @throws io.temporal.failure.ApplicationFailure {@code NeedsHelp} where both sides call
   *     themselves the truth in the same epoch
   */
  static Truth of(Authority.Row source, Authority.Row target) {
    if (source.epoch() == target.epoch() && source.writable() != target.writable()) {
      throw Failures.needsHelp(
          "Both databases claim to be the truth in epoch %d: the source says %s since %s, the target says %s since %s"
              .formatted(
                  source.epoch(),
                  source.writable().word(),
                  source.changedAt(),
                  target.writable().word(),
                  target.changedAt()),
          "decide by hand which side is right, and raise its epoch",
          "UPDATE whimbrel.authority SET epoch = epoch + 1");
    }
    return new Truth(source, target);
  }

  Authority.Row on(Side side) {
    return side == Side.SOURCE ? source : target;
  }

  /** The row that decides. */
  Authority.Row decisive() {
    return target.epoch() > source.epoch() ? target : source;
  }

  /** The side that is the truth. */
  Side side() {
    return decisive().writable();
  }

  /** Whether the truth has ever left the source. */
  boolean moved() {
    return source.moved() || target.moved();
  }

  /** Whether the truth's own database has opened: false between hand-over and opening. */
  boolean open() {
    Authority.Row own = on(side());
    return own.epoch() == decisive().epoch() && own.writable() == side();
  }
}
