package dev.whimbrel.runbook;

import java.time.Duration;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Checks before and after the switchover.
 *
 * @param smoke the team's own read-only checks
 * @param canary real traffic for the target's stack before the switchover; absent: none
 * @param hash how rows are compared: {@code fast} (default), PostgreSQL's own hash of 128 bits,
 *     where both servers agree about it, or {@code sha256}
 * @param every how long the comparisons rest that go round and round from the end of the copy to
 *     the hand-over; 5 min
 * @param queries a file of read-only queries beside this one, which both sides must answer alike;
 *     absent: none
 * @param suite a suite that writes, on a clone of the target; absent: none
 */
public record Validate(
    List<CheckSpec> smoke,
    @Nullable CanarySpec canary,
    String hash,
    Duration every,
    @Nullable String queries,
    @Nullable SuiteSpec suite) {
  static final Validate DEFAULT =
      new Validate(List.of(), null, "fast", Duration.ofMinutes(5), null, null);

  public Validate {
    smoke = Defaults.list(smoke);
    hash = Defaults.or(hash, "fast");
    every = Defaults.or(every, Duration.ofMinutes(5));
  }
}
