package dev.whimbrel.attempt;

import java.time.Duration;
import java.time.Instant;

/**
 * Notices that this process stood still: it was frozen, or its machine slept. A thread writes down
 * every quarter of a second that it is awake; where it missed many, somebody else may have gone on
 * meanwhile, and nothing that was decided before holds any more.
 */
final class StandStill {
  /** Shorter than any heartbeat time-out of a step that changes something. */
  static final Duration LONGEST = Duration.ofSeconds(5);

  private static final Duration TICK = Duration.ofMillis(250);

  private static final StandStill HERE = new StandStill();

  private Instant awake = Instant.now();
  private Instant wokeUp = Instant.MIN;

  StandStill() {}

  static {
    Thread ticks = new Thread(StandStill::tick, "awake");
    ticks.setDaemon(true);
    ticks.start();
  }

  private static void tick() {
    try {
      while (true) {
        Thread.sleep(TICK.toMillis());
        HERE.awakeAt(Instant.now());
      }
    } catch (InterruptedException e) {
      // Nobody interrupts it: it is this class's own, and ends with the process.
      Thread.currentThread().interrupt();
    }
  }

  /** Whether this process has stood still at any time since then. */
  static boolean since(Instant begun) {
    HERE.awakeAt(Instant.now());
    return HERE.stoodStillSince(begun);
  }

  /** Remembers that it was awake at a time. A clock that was set counts as standing still. */
  synchronized void awakeAt(Instant now) {
    if (Duration.between(awake, now).abs().compareTo(LONGEST) > 0) {
      wokeUp = now;
    }
    awake = now;
  }

  synchronized boolean stoodStillSince(Instant begun) {
    return wokeUp.isAfter(begun);
  }
}
