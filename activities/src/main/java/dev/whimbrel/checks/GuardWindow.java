package dev.whimbrel.checks;

import dev.whimbrel.runbook.GuardSpec;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.Deque;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Judges a guard by the samples of its last {@code over}. Pure: it is told what was seen and when.
 *
 * <ul>
 *   <li>Fewer than thirty samples are "not known", and so is a sample that failed together with the
 *       control probe, or a query without one answer: while it is the latest, nothing is known.
 *   <li>A guard that compares judges both sides by {@link SideBySide}, and by nothing else.
 *   <li>A breach takes a share above the limit and at least three bad samples: a single lost packet
 *       would be more than one percent of thirty.
 *   <li>Time in which nobody looked is never good: behind a gap everything starts again.
 * </ul>
 */
final class GuardWindow {
  static final int FEWEST_SAMPLES = 30;
  private static final int FEWEST_BAD = 3;

  /** What a 99th percentile leaves out. */
  private static final double SLOWEST_SHARE = 0.01;

  private final GuardSpec guard;
  private final Duration longestGap;
  private final Deque<Sample> samples = new ArrayDeque<>();
  private @Nullable Instant lookedSince;
  private @Nullable Instant lastLooked;
  private @Nullable Instant heldSince;

  /**
   * @param longestGap between two samples; behind a longer one nothing is known any more
   */
  GuardWindow(GuardSpec guard, Duration longestGap) {
    this.guard = guard;
    this.longestGap = longestGap;
  }

  /**
   * One look.
   *
   * @param at when it began
   * @param took how long it took
   * @param kind what was seen
   * @param text what was seen, in words
   * @param pair what both sides did, for a guard that compares; otherwise null
   */
  record Sample(Instant at, Duration took, Kind kind, String text, SideBySide.@Nullable Pair pair) {

    /** A look at one thing. */
    Sample(Instant at, Duration took, Kind kind, String text) {
      this(at, took, kind, text, null);
    }
  }

  /** What a look has seen. */
  enum Kind {
    GOOD,
    BAD,
    /**
     * Nothing could be seen, such as where the control probe failed too: this machine has lost its
     * own network.
     */
    UNKNOWN
  }

  /**
   * A judgement.
   *
   * @param state what is known
   * @param line the figures, in words
   */
  record Verdict(State state, String line) {}

  /** What is known of a guard. */
  enum State {
    GOOD,
    BREACHED,
    NOT_KNOWN
  }

  /** Adds what was seen; what began before a gap ended tells about the gap, and is left out. */
  void add(Sample sample, Instant now) {
    look(now);
    if (lookedSince == null || sample.at().isBefore(lookedSince)) {
      return;
    }
    samples.addLast(sample);
  }

  /** Says that somebody is awake and looking. */
  void look(Instant now) {
    if (lastLooked == null || Duration.between(lastLooked, now).compareTo(longestGap) > 0) {
      samples.clear();
      heldSince = null;
      lookedSince = now;
    }
    lastLooked = now;
  }

  /** Judges what is known now. */
  Verdict judge(Instant now) {
    samples.removeIf(sample -> !sample.at().isAfter(now.minus(guard.over())));
    Verdict verdict = judge();
    if (verdict.state() != State.GOOD) {
      heldSince = null;
    } else if (heldSince == null) {
      heldSince = now;
    }
    return verdict;
  }

  /** Since when the guard has been known to be good, without a break. */
  @Nullable Instant heldSince() {
    return heldSince;
  }

  /** When somebody looked last. */
  @Nullable Instant lastLooked() {
    return lastLooked;
  }

  private Verdict judge() {
    Sample last = samples.peekLast();
    boolean blind = last == null || last.kind() == Kind.UNKNOWN;
    if (guard.compare() != null) {
      return explained(
          new SideBySide(guard.compare(), List.copyOf(samples), shown(guard.over()))
              .judge(FEWEST_SAMPLES, blind));
    }
    long[] good =
        samples.stream()
            .filter(sample -> sample.kind() == Kind.GOOD)
            .mapToLong(sample -> sample.took().toMillis())
            .sorted()
            .toArray();
    long bad = samples.stream().filter(sample -> sample.kind() == Kind.BAD).count();
    long known = good.length + bad;
    String figures = "%d of %d failed".formatted(bad, known) + percentile(good) + notKnown();
    if (known < FEWEST_SAMPLES || blind) {
      return new Verdict(State.NOT_KNOWN, "not known: " + figures);
    }
    if (bad >= FEWEST_BAD && bad > known * guard.maxErrorRate().fraction()) {
      return new Verdict(
          State.BREACHED,
          "%s in %s, allowed %s; the last: %s"
              .formatted(figures, shown(guard.over()), guard.maxErrorRate(), last(Kind.BAD)));
    }
    Duration p99 = guard.p99();
    if (p99 != null) {
      long slow = Arrays.stream(good).filter(millis -> millis > p99.toMillis()).count();
      if (slow >= FEWEST_BAD && slow > good.length * SLOWEST_SHARE) {
        return new Verdict(
            State.BREACHED,
            "%s in %s, allowed p99 %d ms: %d answers were slower"
                .formatted(figures, shown(guard.over()), p99.toMillis(), slow));
      }
    }
    return new Verdict(State.GOOD, figures);
  }

  private Verdict explained(Verdict verdict) {
    return verdict.state() == State.BREACHED
        ? verdict
        : new Verdict(verdict.state(), verdict.line() + notKnown());
  }

  private String notKnown() {
    long unknown = samples.stream().filter(sample -> sample.kind() == Kind.UNKNOWN).count();
    if (unknown == 0) {
      return "";
    }
    boolean plain = guard.http() != null && guard.compare() == null;
    return plain
        ? ", %d more not known since the control probe failed too".formatted(unknown)
        : ", %d more not known, the last: %s".formatted(unknown, last(Kind.UNKNOWN));
  }

  private String last(Kind kind) {
    return samples.stream()
        .filter(sample -> sample.kind() == kind)
        .reduce((first, second) -> second)
        .map(Sample::text)
        .orElse("");
  }

  private static String percentile(long[] sorted) {
    if (sorted.length == 0) {
      return "";
    }
    int rank = (int) Math.ceil(sorted.length * (1 - SLOWEST_SHARE));
    return ", p99 %d ms".formatted(sorted[Math.max(0, rank - 1)]);
  }

  private static String shown(Duration duration) {
    return duration.toSeconds() % 60 == 0 && duration.toSeconds() > 0
        ? duration.toMinutes() + " min"
        : duration.toMillis() % 1000 == 0
            ? duration.toSeconds() + " s"
            : duration.toMillis() + " ms";
  }
}
