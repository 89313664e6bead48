package dev.whimbrel.postgres;

import java.util.concurrent.atomic.AtomicInteger;

/**
 * Counts sequential round trips while writes are held up: between two clouds each costs its
 * distance.
 */
final class RoundTrips {
  private final AtomicInteger trips = new AtomicInteger();
  private volatile boolean counting;

  /** The pause begins. */
  void start() {
    trips.set(0);
    counting = true;
  }

  /** The pause is over. */
  void stop() {
    counting = false;
  }

  /** One message is sent and its answer waited for. */
  void count() {
    if (counting) {
      trips.incrementAndGet();
    }
  }

  /** The latest two messages were on their way at the same time. */
  void together() {
    if (counting) {
      trips.decrementAndGet();
    }
  }

  /** Round trips of the latest pause. */
  int inPause() {
    return trips.get();
  }
}
