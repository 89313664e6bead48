package dev.whimbrel.postgres;

import java.time.Duration;
import java.time.Instant;
import org.jspecify.annotations.Nullable;

/**
 * Counts the time in which a soak's condition held. Time in which nobody looked, or in which no
 * write was seen for a minute, does not count: {@code heldSince} moves on by as much. Lag above the
 * limit for a minute is a break: the count begins again.
 */
final class SoakClock {
  /** Looks come every second; behind a gap of more than this, nobody knows what happened in it. */
  static final Duration GAP = Duration.ofSeconds(10);

  /** A nightly batch may push lag above the limit for less than this. */
  static final Duration BREAK = Duration.ofSeconds(60);

  /** A service that writes at all writes once in this time. */
  static final Duration QUIET = Duration.ofSeconds(60);

  private final Duration limit;
  private @Nullable Instant heldSince;
  private @Nullable Instant lastLooked;
  private @Nullable Instant lastWrite;
  private @Nullable Instant aboveSince;

  /** Goes on from what an earlier attempt last said; nulls for a fresh start. */
  SoakClock(Duration limit, @Nullable String heldSince, @Nullable String lastLooked) {
    this.limit = limit;
    this.heldSince = heldSince == null ? null : Instant.parse(heldSince);
    this.lastLooked = lastLooked == null ? null : Instant.parse(lastLooked);
  }

  /**
   * Takes one look.
   *
   * @param lag travel time of the latest marker, or the age of one that has not arrived
   * @param wrote whether the service wrote since the last look
   */
  void look(Instant now, Duration lag, boolean wrote) {
    Duration since = lastLooked == null ? Duration.ZERO : Duration.between(lastLooked, now);
    boolean gap = since.compareTo(GAP) > 0;
    lastLooked = now;
    if (wrote) {
      lastWrite = now;
    }
    boolean quiet = lastWrite == null || Duration.between(lastWrite, now).compareTo(QUIET) > 0;
    if (lag.compareTo(limit) <= 0) {
      aboveSince = null;
    } else if (aboveSince == null || gap) {
      aboveSince = now.minus(lag);
    }
    if (aboveSince != null && Duration.between(aboveSince, now).compareTo(BREAK) > 0) {
      heldSince = null;
    } else if (heldSince == null) {
      heldSince = quiet || aboveSince != null ? null : now;
    } else if (gap || quiet) {
      heldSince = heldSince.plus(since);
    }
  }

  /** The time that counts so far. */
  Duration held() {
    return heldSince == null || lastLooked == null
        ? Duration.ZERO
        : Duration.between(heldSince, lastLooked);
  }

  /** Since when the condition would have held without the time that does not count. */
  @Nullable String heldSince() {
    return heldSince == null ? null : heldSince.toString();
  }

  @Nullable String lastLooked() {
    return lastLooked == null ? null : lastLooked.toString();
  }

  /** Why the time does not count just now, or an empty text. */
  String remark() {
    if (aboveSince != null) {
      return ", above the limit since " + aboveSince;
    }
    if (lastWrite == null) {
      return ", no write seen yet: does not count";
    }
    return lastLooked != null && Duration.between(lastWrite, lastLooked).compareTo(QUIET) > 0
        ? ", no write seen since " + lastWrite + ": does not count"
        : "";
  }
}
