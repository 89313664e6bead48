package dev.whimbrel.runbook;

import java.time.Duration;

/**
 * The copy and the stream.
 *
 * @param jobs how many tables are synchronised at once; 4
 * @param soak how long lag must stay under the limit, under real writes; 24 h
 * @param maxLag the limit, as the travel time of a marker; 1 s
 */
public record Replicate(Integer jobs, Duration soak, Duration maxLag) {
  static final Replicate DEFAULT = new Replicate(4, Duration.ofHours(24), Duration.ofSeconds(1));

  public Replicate {
    jobs = Defaults.or(jobs, 4);
    soak = Defaults.or(soak, Duration.ofHours(24));
    maxLag = Defaults.or(maxLag, Duration.ofSeconds(1));
  }
}
