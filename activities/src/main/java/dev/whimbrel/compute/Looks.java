package dev.whimbrel.compute;

import dev.whimbrel.activity.Failures;
import dev.whimbrel.attempt.Attempt;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;
import java.util.function.Supplier;

/**
 * The looks of one attempt at a cloud: how fresh the latest is, and for how long it looks again. It
 * is asked between a look and a change.
 */
final class Looks {
  /**
   * A look that is older says nothing about the world any more: shorter than a heartbeat time-out,
   * after which somebody else may be at work.
   */
  private static final Duration FRESH = Duration.ofSeconds(20);

  private final Attempt attempt = new Attempt();
  private final Pace pace;
  private long looked = System.nanoTime();
  private long looks;

  Looks(Pace pace) {
    this.pace = pace;
  }

  /** How patient it is. */
  Pace pace() {
    return pace;
  }

  /** Remembers that the world is being looked at now, and says so. */
  void look(String now) {
    looked = System.nanoTime();
    looks++;
    attempt.beat(now, looks);
  }

  /** Says what is about to be done; the latest look is no fresher for it. */
  void say(String line) {
    attempt.beat(line, looks);
  }

  /**
   * Makes sure that Temporal still waits for this attempt, and that what it looked at is fresh.
   *
   * @throws io.temporal.failure.ApplicationFailure {@code Transient} if it has been given up
   */
  void requireTime() {
    attempt.requireAwaited();
    Duration age = Duration.ofNanos(System.nanoTime() - looked);
    if (age.compareTo(FRESH) > 0) {
      throw Failures.transientFailure(
          "Nothing was changed: %d s have passed since this attempt looked"
              .formatted(age.toSeconds()));
    }
  }

  /**
   * Looks again and again until nothing is missing.
   *
   * @param missing what is missing, in words
   * @param remedy what a person can do when the limit is over
   * @throws io.temporal.failure.ApplicationFailure {@code NeedsHelp} after the limit, over all
   *     attempts of this activity
   */
  void until(Supplier<Optional<String>> missing, String remedy) {
    while (true) {
      Optional<String> still = missing.get();
      if (still.isEmpty()) {
        return;
      }
      waitMore(still.get(), remedy);
    }
  }

  /** One turn of {@link #until}: says what is missing and rests, or asks for help. */
  void waitMore(String missing, String remedy) {
    look(missing);
    if (sinceFirstAttempt().compareTo(pace.limit()) > 0) {
      throw Failures.needsHelp(
          "After %d s: %s".formatted(pace.limit().toSeconds(), missing), remedy, null);
    }
    rest();
  }

  /** As {@link Attempt#beating}. */
  <T> T beating(Supplier<T> work) {
    return attempt.beating(work);
  }

  /** As {@link Attempt#variables}. */
  Map<String, String> variables() {
    return attempt.variables();
  }

  /** Rests between two looks. */
  void rest() {
    rest(pace.between());
  }

  /** Rests for a time. */
  void rest(Duration time) {
    attempt.rest(time);
  }

  /** How long this activity has been under way, all of its attempts together. */
  Duration sinceFirstAttempt() {
    return attempt.sinceFirstAttempt();
  }
}
