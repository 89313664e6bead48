package dev.whimbrel.compute;

import java.time.Duration;

/**
 * How patient this capability is with a cloud.
 *
 * @param between the time between two looks; every look is a call that the cloud counts
 * @param limit how long something is waited for until a person is asked, over all attempts
 * @param visible how long what was just made may stay unseen
 */
public record Pace(Duration between, Duration limit, Duration visible) {
  /** A copy of a large snapshot between regions takes hours; a machine takes minutes. */
  public static final Pace USUAL =
      new Pace(Duration.ofSeconds(5), Duration.ofHours(6), Duration.ofSeconds(30));
}
