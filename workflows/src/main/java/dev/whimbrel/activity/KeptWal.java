package dev.whimbrel.activity;

import io.temporal.activity.ActivityInterface;

/**
 * The log that servers keep for the migration's slots: watched wherever a slot is, for as long as
 * there is one.
 */
@ActivityInterface
public interface KeptWal {

  /**
   * Watches what both servers keep. Heartbeats the figures, with a warning from 80 percent of the
   * limit on. Where the runbook says so, drops the slots of the side that takes the writes at the
   * limit, by itself: the disk would not wait for the engine.
   *
   * @return what came of it: slots were dropped, a person has to decide, or, where {@link
   *     WalRequest#asking()}, neither side is near its limit any more
   */
  WalReport awaitWal(WalRequest request);
}
