package dev.whimbrel.dns;

import dev.whimbrel.activity.Failures;
import dev.whimbrel.attempt.Attempt;
import io.temporal.failure.ApplicationFailure;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Function;

/**
 * Waits inside an activity, looking again and again, until every server says what it should. What
 * is missing is the heartbeat's line.
 */
final class Waiting {
  /** The usual time between two looks. */
  static final Duration INTERVAL = Duration.ofSeconds(1);

  /** Where every look is a call to a provider that counts calls. */
  static final Duration SELDOM = Duration.ofSeconds(10);

  private final Attempt attempt;
  private final Duration limit;
  private final String remedy;
  private final Duration between;
  private long looks;

  /**
   * @param limit how long, over all attempts, until a person is asked
   * @param remedy what that person can do
   * @param between the time between two looks
   */
  Waiting(Attempt attempt, Duration limit, String remedy, Duration between) {
    this.attempt = attempt;
    this.limit = limit;
    this.remedy = remedy;
    this.between = between;
  }

  /**
   * Returns when nothing is missing any more.
   *
   * @param beforeEachLook throws where waiting longer makes no sense
   * @param missing what a server still lacks; a {@code Transient} failure of it counts as missing
   * @throws ApplicationFailure {@code NeedsHelp} after the limit, naming what is missing
   */
  void until(
      List<Nameserver> servers,
      Runnable beforeEachLook,
      Function<Nameserver, Optional<String>> missing) {
    while (true) {
      beforeEachLook.run();
      List<String> still = new ArrayList<>();
      for (Nameserver server : servers) {
        missingAt(server, missing).ifPresent(still::add);
        attempt.beat(still.isEmpty() ? server.label() + " answers as wanted" : still.get(0), looks);
      }
      looks++;
      if (still.isEmpty()) {
        return;
      }
      attempt.beat(
          still.get(0) + (still.size() == 1 ? "" : " (and %d more)".formatted(still.size() - 1)),
          looks);
      if (attempt.sinceFirstAttempt().compareTo(limit) > 0) {
        throw Failures.needsHelp(
            "After %d s: %s".formatted(limit.toSeconds(), String.join("; ", still)), remedy, null);
      }
      rest(between);
    }
  }

  private static Optional<String> missingAt(
      Nameserver server, Function<Nameserver, Optional<String>> missing) {
    try {
      return missing.apply(server);
    } catch (ApplicationFailure e) {
      if (Failures.TRANSIENT.equals(e.getType())) {
        return Optional.of(e.getOriginalMessage());
      }
      throw e;
    }
  }

  /** Rests between two looks. */
  static void rest(Duration time) {
    try {
      Thread.sleep(time.toMillis());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw Failures.transientFailure("Interrupted: this worker is stopping");
    }
  }
}
