package dev.whimbrel.runbook;

import java.time.Duration;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A threshold watched in the background from cutover to the end of the rollback window. Exactly one
 * of http, sql and command is set.
 *
 * @param http a URL that is asked at the interval
 * @param sql a query on the side that takes the writes, whose single value must be true
 * @param command a command that must end with 0
 * @param maxErrorRate share of samples that may fail, {@code 1%}
 * @param p99 limit of the 99th percentile of the answers' time
 * @param over the time over which samples are judged, at least 30 intervals; 5 min
 * @param interval between two samples; 1 s
 * @param control a URL that must answer too: where it fails as well, the prober has lost its own
 *     network and the guard says "not known"
 * @param then what a breach does: {@code ask} (default) or {@code rollback}
 */
public record GuardSpec(
    @Nullable String http,
    @Nullable String sql,
    @Nullable List<String> command,
    Percent maxErrorRate,
    @Nullable Duration p99,
    Duration over,
    Duration interval,
    @Nullable String control,
    String then) {
  public GuardSpec {
    maxErrorRate = Defaults.or(maxErrorRate, new Percent(0.01));
    over = Defaults.or(over, Duration.ofMinutes(5));
    interval = Defaults.or(interval, Duration.ofSeconds(1));
    then = Defaults.or(then, "ask");
  }
}
