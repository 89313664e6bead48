package dev.whimbrel.activity;

import io.temporal.activity.ActivityInterface;

/**
 * Closes the source for as long as an offline copy takes, so that it opens by itself when nobody
 * keeps it closed.
 */
@ActivityInterface
public interface SourceClosing {

  /**
   * Closes every table, within {@link Move#pauseBudget()}. Again is harmless: a closing of this
   * number that holds is answered. Fails with {@code Transient} naming what held a lock, and with
   * {@code NeedsHelp} where this closing stands and did not hold, or a later decision was made.
   */
  Closed closeSource(ClosingRequest request);

  /**
   * Keeps the source closed until it is cancelled, and heartbeats. Any number may do so at once,
   * and any may take over from one that died.
   *
   * @return how the closing ended, where a hand-over or a rollback has ended it
   */
  Outcome keepClosed(ClosingRequest request);

  /**
   * Ends the closing of this number, or of a smaller one: lets writers through at once, and then
   * takes the triggers out of their way. An attempt that comes late leaves a later closing alone.
   * Again is harmless, also where the source is not closed, or was handed over.
   */
  Outcome openSource(ClosingRequest request);
}
