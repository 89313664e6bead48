package dev.whimbrel.runbook;

import com.fasterxml.jackson.annotation.JsonProperty;
import java.time.Duration;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A threshold watched in the background, from a canary's first percent or from the cutover to the
 * end of the rollback window. Exactly one of http, sql, command and prometheus is set.
 *
 * @param http a URL that is asked at the interval
 * @param sql a query on the side that takes the writes, whose single value must be true
 * @param command a command that must end with 0
 * @param prometheus a query at a Prometheus server, whose single value must not be 0
 * @param maxErrorRate share of samples that may fail, {@code 1%}
 * @param p99 limit of the 99th percentile of the answers' time
 * @param over the time over which samples are judged, at least 30 intervals; 5 min
 * @param interval between two samples; 1 s
 * @param control a URL that must answer too: where it fails as well, the prober has lost its own
 *     network and the guard says "not known"; with compare, only where it answers is both sides
 *     being down a breach
 * @param compare judges the target's side against the source's at the same time, by asking {@code
 *     http} at the addresses of both
 * @param then what a breach does: {@code ask} (default) or {@code rollback}
 */
public record GuardSpec(
    @Nullable String http,
    @Nullable String sql,
    @Nullable List<String> command,
    @Nullable Prometheus prometheus,
    Percent maxErrorRate,
    @Nullable Duration p99,
    Duration over,
    Duration interval,
    @Nullable String control,
    @Nullable Compare compare,
    String then) {
  public GuardSpec {
    maxErrorRate = Defaults.or(maxErrorRate, new Percent(0.01));
    over = Defaults.or(over, Duration.ofMinutes(5));
    interval = Defaults.or(interval, Duration.ofSeconds(1));
    then = Defaults.or(then, "ask");
  }

  /**
   * A query at a Prometheus server. A value of 0 is bad, any other is good; no value, not a number,
   * or several of them are "not known".
   *
   * @param url the server, such as {@code http://prometheus.example.com:9090}
   * @param query PromQL with a comparison, such as {@code sum(rate(errors[1m])) < bool 5}
   * @param token reference to a bearer token
   */
  public record Prometheus(
      @JsonProperty(required = true) String url,
      @JsonProperty(required = true) String query,
      @Nullable String token) {}

  /**
   * How much worse the target's side may be than the source's at the same time.
   *
   * @param moreErrors share of samples that may fail beyond the source's share; 1%
   * @param slowerBy how much slower the 50th, 95th and 99th percentile may be; 100 ms
   */
  public record Compare(Percent moreErrors, Duration slowerBy) {
    public Compare {
      moreErrors = Defaults.or(moreErrors, new Percent(0.01));
      slowerBy = Defaults.or(slowerBy, Duration.ofMillis(100));
    }
  }
}
