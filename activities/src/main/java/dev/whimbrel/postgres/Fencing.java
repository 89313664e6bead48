package dev.whimbrel.postgres;

import dev.whimbrel.activity.Failures;
import dev.whimbrel.activity.HandOver;
import dev.whimbrel.activity.Move;
import dev.whimbrel.activity.Side;
import dev.whimbrel.activity.SwitchoverRequest;
import java.sql.SQLException;
import java.time.Duration;
import org.jspecify.annotations.Nullable;

/**
 * Keeps an attempt that comes late from beginning anything: Temporal may have given it up long ago,
 * and a newer decision may stand. A request carries the epoch that its caller knows, and every
 * decision moves the epoch on, also the one that the source stays what it is.
 */
final class Fencing {
  private static final Duration CALL = Duration.ofSeconds(5);

  private final SwitchoverRequest request;

  Fencing(SwitchoverRequest request) {
    this.request = request;
  }

  /**
   * Looks whether the request still stands, where it would begin something.
   *
   * @throws io.temporal.failure.ApplicationFailure {@code NeedsHelp} where the epoch has moved on
   */
  void mustBeExpected(Authority.Row decisive) {
    mustBeExpected(request.move(), request.expectedEpoch(), decisive);
  }

  /** As {@link #mustBeExpected(Authority.Row)}, for whoever begins something else. */
  static void mustBeExpected(Move move, @Nullable Long expected, Authority.Row decisive) {
    if (expected != null && decisive.epoch() != expected) {
      throw Failures.needsHelp(
          "A newer decision exists: the %s is the truth in epoch %d, and this switchover was prepared in epoch %d"
              .formatted(decisive.writable().word(), decisive.epoch(), expected),
          "find out who decided; if the service shall still go over, retry, which prepares again",
          "whimbrel retry " + move.migration());
    }
  }

  /**
   * Moves the epoch on where the truth has never left the source, on whichever sides are at hand,
   * source first: a hand-over that was prepared before is refused from now on. Again is harmless.
   */
  Truth refuseLateHandOvers(Sessions sessions, Truth truth) throws SQLException {
    if (truth.moved()) {
      return truth;
    }
    long epoch = supersede(sessions, truth.source());
    if (truth.target().epoch() < epoch) {
      sessions.on(Side.TARGET).run(Authority.supersede(truth.target(), epoch), CALL);
    }
    return sessions.truth();
  }

  /** As {@link #refuseLateHandOvers} while the target is away: the source alone decides. */
  Authority.Row refuseLateHandOvers(Sessions source, Authority.Row row) throws SQLException {
    if (row.moved()) {
      return row;
    }
    supersede(source, row);
    return source.row(Side.SOURCE);
  }

  /** The answer where something shall be finished and nothing was begun. */
  static HandOver nothingToFinish(Truth truth) {
    return new HandOver(
        truth.side(),
        truth.decisive().epoch(),
        null,
        0,
        0,
        false,
        false,
        "nothing was handed over: writes go to the %s, epoch %d"
            .formatted(truth.side().word(), truth.decisive().epoch()));
  }

  private static long supersede(Sessions sessions, Authority.Row source) throws SQLException {
    if (source.fingerprint() == null) {
      return source.epoch(); // Nothing was prepared since: there is nobody to refuse.
    }
    sessions.on(Side.SOURCE).run(Authority.supersede(source, source.epoch() + 1), CALL);
    return source.epoch() + 1;
  }
}
