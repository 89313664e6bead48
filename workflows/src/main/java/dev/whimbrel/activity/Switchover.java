package dev.whimbrel.activity;

import io.temporal.activity.ActivityInterface;

/**
 * Hands the truth from one database to the other, and back. See the design's section 6: the fence
 * is a transaction on the losing side, whose COMMIT is the hand-over.
 */
@ActivityInterface
public interface Switchover {

  /**
   * Puts everything in place for going over and back: fence triggers, marker tables, reverse
   * publication, disabled reverse subscription, {@code base} slot; and proves reach, rights and TLS
   * of the way back. Changes nothing that an application can notice. Again is harmless.
   */
  Readiness prepareSwitchover(Move move);

  /** Takes {@link #prepareSwitchover} back, where the databases were never handed over. */
  Outcome unprepareSwitchover(Move move);

  /**
   * Keeps the {@code base} slot within seconds of the present until cancelled. Never returns by
   * itself.
   */
  void keepBase(Move move);

  /**
   * Makes the target the truth: fence, drain, hand over, open, start the reverse stream. One
   * attempt. Finishes an earlier attempt's hand-over where there was one.
   *
   * <p>Fails with {@code Transient} where nothing was handed over, with {@code Unfinished} where
   * both sides may be closed.
   *
   * @return what happened, also when an earlier attempt did it
   */
  HandOver handOver(SwitchoverRequest request);

  /**
   * Makes {@code request.to()} the truth from any state: never handed over, handed over but not
   * open, open. What the undo of the hand-over calls with {@link Side#SOURCE}. Fails as {@link
   * #handOver} does.
   */
  HandOver settle(SwitchoverRequest request);

  /**
   * Watches the way back until cancelled: heartbeats lag and writes at risk. Fails with {@code
   * NeedsHelp} when the way back is broken.
   */
  void watchWayBack(Move move);

  /** Waits until no client of an application is left on the losing side. */
  Outcome awaitTail(Move move);

  /** Waits until a write by an application is seen on the target. */
  Outcome awaitFirstWrites(Move move);

  /** Drops the reverse stream: the point of no return. Again is harmless. */
  Outcome stopReverse(Move move);

  /**
   * Removes everything of Whimbrel's but the closed fence on the losing side, and revokes CONNECT
   * there from application roles.
   */
  Outcome cleanUp(Move move);
}
