package dev.whimbrel.lab;

import java.time.Duration;
import java.util.List;

/**
 * A canary of the lab, and the guard that compares both stacks.
 *
 * @param weights the target's share of the traffic in percent
 * @param bake how long each holds
 * @param over the time over which the guard judges, at least three seconds
 */
record LabCanary(List<Integer> weights, Duration bake, Duration over) {

  /** A canary with a guard that judges over three seconds. */
  static LabCanary of(Duration bake, Integer... weights) {
    return new LabCanary(List.of(weights), bake, Duration.ofSeconds(3));
  }

  /**
   * As a runbook has it.
   *
   * @param control what else the guard's URL reads, such as {@code , control: "http://…"}
   */
  String text(String service, int port, String control) {
    return """
      canary:
        weights: %s
        bake: %ds
        database: "http://%s:%d/database"
        session: {open: "http://%3$s:%4$d/login", use: "http://%3$s:%4$d/me"}
    guards:
      - {http: "http://%3$s:%4$d/healthz", compare: {moreErrors: 5%%}, over: %5$ds, interval: 100ms%6$s, then: rollback}
    """
        .formatted(weights, bake.toSeconds(), service, port, over.toSeconds(), control);
  }
}
