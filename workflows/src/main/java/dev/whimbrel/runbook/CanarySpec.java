package dev.whimbrel.runbook;

import com.fasterxml.jackson.annotation.JsonFormat;
import com.fasterxml.jackson.annotation.JsonProperty;
import java.time.Duration;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Real traffic for the target's stack before the switchover, step by step. That stack must use the
 * source's database meanwhile, which is proved on the wire before the first percent.
 *
 * @param weights the target's share of the traffic in percent, ascending, 1 to 100
 * @param bake how long each weight must hold, with the guards watching; 24 h
 * @param database a URL of the service whose answer contains the {@code system_identifier} of the
 *     database that the answering stack uses; it is asked at the addresses of both sides. Absent:
 *     sessions from the target's addresses must be seen at the source's database, and none of an
 *     application at the target's
 * @param session a session that must work on both stacks; not checked when absent
 * @param maxAddedLatency how much slower the target's stack may answer {@code database}, since its
 *     database is far away during the canary; only with {@code database}; not limited when absent
 */
public record CanarySpec(
    @JsonFormat(with = JsonFormat.Feature.ACCEPT_SINGLE_VALUE_AS_ARRAY) List<Integer> weights,
    Duration bake,
    @Nullable String database,
    @Nullable Session session,
    @Nullable Duration maxAddedLatency) {
  public CanarySpec {
    weights = Defaults.list(weights);
    bake = Defaults.or(bake, Duration.ofHours(24));
  }

  /**
   * A session that is opened at one side and used at the other, by its cookies.
   *
   * @param open a URL that opens a session
   * @param use a URL that answers below 400 only within a session
   */
  public record Session(
      @JsonProperty(required = true) String open, @JsonProperty(required = true) String use) {}
}
