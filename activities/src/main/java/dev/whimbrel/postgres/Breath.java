package dev.whimbrel.postgres;

import java.time.Duration;

/** How much of the time a comparison leaves the servers to others. */
enum Breath {
  /** None: somebody waits for the result. */
  NONE,
  /** Half: each session rests for as long as it has worked. */
  HALF;

  /** Long enough for everything that waits behind a block of rows. */
  private static final Duration LONGEST = Duration.ofSeconds(5);

  /** Rests after a piece of work that took so long. */
  void after(Duration work) throws InterruptedException {
    if (this == HALF) {
      Thread.sleep(Math.min(work.toMillis(), LONGEST.toMillis()));
    }
  }
}
