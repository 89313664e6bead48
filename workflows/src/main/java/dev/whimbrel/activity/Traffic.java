package dev.whimbrel.activity;

import io.temporal.activity.ActivityInterface;

/**
 * The share of the traffic that the target's stack gets, where a balancer or a command of the
 * team's own sets it. Names carry weights through {@link Dns}.
 */
@ActivityInterface
public interface Traffic {

  /** Says what stands in the way, and what would be done; changes nothing. */
  ChangePlan planShare(ShareRequest request);

  /** Sets the share and reads it back. Again is harmless. Share 0 is what was found before. */
  Outcome shiftShare(ShareRequest request);

  /** Waits until the share is in force everywhere. */
  Outcome awaitShare(ShareRequest request);

  /**
   * Watches the share until it is cancelled. Returns what happened when it was lost without anybody
   * deciding so, such as by a restart: it is to be set again. What somebody else changed needs
   * help.
   */
  Outcome holdShare(ShareRequest request);

  /**
   * Removes what was kept for the way back, when there is none any more. Again is harmless; what is
   * in force stays.
   */
  Outcome forgetWayBack(ShareRequest request);
}
