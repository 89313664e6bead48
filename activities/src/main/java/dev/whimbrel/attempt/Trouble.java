package dev.whimbrel.attempt;

import java.time.Duration;

/** Tells a moment's trouble from a break: what was there at every look for a whole minute. */
public final class Trouble {
  /** Longer than a restart, shorter than anybody should call the time behind it good. */
  public static final Duration BREAK = Duration.ofMinutes(1);

  private final Duration longest;
  private long since;
  private boolean there;

  /**
   * @param longest how long it may last, at least, before it is a break
   */
  public Trouble(Duration longest) {
    this.longest = longest;
  }

  /**
   * Remembers one look.
   *
   * @return whether it has become a break
   */
  public boolean lasts(boolean now) {
    if (now && !there) {
      since = System.nanoTime();
    }
    there = now;
    return there && System.nanoTime() - since > longest.toNanos();
  }

  /** How long it may last. */
  public Duration longest() {
    return longest;
  }
}
