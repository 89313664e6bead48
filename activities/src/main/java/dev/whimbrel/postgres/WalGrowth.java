package dev.whimbrel.postgres;

import java.time.Duration;
import java.time.Instant;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Optional;

/** How fast the kept log grows, from the looks of the last minutes. */
final class WalGrowth {
  /** Long enough to level out checkpoints and batches, short enough to notice what has begun. */
  static final Duration REMEMBERED = Duration.ofMinutes(5);

  /** Less than this says nothing about a minute. */
  private static final Duration LEAST = Duration.ofSeconds(10);

  private record Seen(Instant at, long kept) {}

  private final Deque<Seen> seen = new ArrayDeque<>();

  void look(Instant at, long kept) {
    seen.addLast(new Seen(at, kept));
    while (Duration.between(seen.getFirst().at(), at).compareTo(REMEMBERED) > 0) {
      seen.removeFirst();
    }
  }

  /** Bytes a minute; negative where less and less is kept, zero where too little is known. */
  long perMinute() {
    if (seen.isEmpty()) {
      return 0;
    }
    Duration time = Duration.between(seen.getFirst().at(), seen.getLast().at());
    long bytes = seen.getLast().kept() - seen.getFirst().kept();
    return time.compareTo(LEAST) < 0 ? 0 : Math.round(bytes * 60_000.0 / time.toMillis());
  }

  /** When a limit is reached at this rate; empty where it is not. */
  Optional<Duration> until(long limit) {
    long rate = perMinute();
    if (rate <= 0) {
      return Optional.empty();
    }
    long left = Math.max(0, limit - seen.getLast().kept());
    return Optional.of(Duration.ofMillis(Math.round(left * 60_000.0 / rate)));
  }
}
