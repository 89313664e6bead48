package dev.whimbrel.postgres;

import dev.whimbrel.activity.Failures;
import dev.whimbrel.activity.Side;
import dev.whimbrel.activity.SwitchoverRequest;

/**
 * What the parts of one attempt at a switchover share.
 *
 * @param sessions both sessions, with both locks held
 * @param truth what both authorities said then
 * @param request what is wanted
 * @param followers what makes applications follow
 * @param checkpoints told between every two steps
 * @param pulse the attempt's heartbeat
 */
record Attempt(
    Sessions sessions,
    Truth truth,
    SwitchoverRequest request,
    Followers followers,
    Checkpoints checkpoints,
    Pulse pulse) {

  /** The side that gets the truth. */
  Side to() {
    return request.to();
  }

  /** The side that gives it away. */
  Side from() {
    return request.to().other();
  }

  Session losing() {
    return sessions.on(from());
  }

  Session gaining() {
    return sessions.on(to());
  }

  /** The stream that leaves the losing side. */
  Stream stream() {
    return Stream.leaving(from(), request.move());
  }

  Opening opening() {
    return new Opening(gaining(), stream(), names(), truth.on(to()), wayBackWanted());
  }

  boolean wayBackWanted() {
    return to() == Side.TARGET && truth.on(to()).canGoBack();
  }

  /** Ends the attempt where Temporal gave it up, or where it stood still for too long. */
  void stopIfGivenUp() {
    pulse.check();
    if (pulse.cancelled()) {
      throw Failures.transientFailure("Stopped before anything was changed");
    }
    pulse.mustNotHaveFrozen();
  }

  private Names names() {
    return new Names(request.move().migration());
  }
}
