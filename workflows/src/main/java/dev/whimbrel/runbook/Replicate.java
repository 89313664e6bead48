package dev.whimbrel.runbook;

import java.time.Duration;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The copy and the stream.
 *
 * @param jobs how many tables are synchronised at once; 4
 * @param soak how long lag must stay under the limit, under real writes; 24 h
 * @param maxLag the limit, as the travel time of a marker; 1 s
 * @param throttle what the copy may take; absent: as much as the servers give
 * @param wal how much of its log a server may keep for the migration
 * @param tables which tables move; absent: all
 * @param method {@code online}, the default, copies everything from one snapshot; {@code method:
 *     staged} copies the tables of {@code stages} one stage after the other, and what is copied is
 *     live before the next stage begins
 * @param stages which tables come first; those that no stage names come last
 */
public record Replicate(
    Integer jobs,
    Duration soak,
    Duration maxLag,
    @Nullable ThrottleSpec throttle,
    WalSpec wal,
    @Nullable TablesSpec tables,
    String method,
    List<StageSpec> stages) {
  static final String ONLINE = "online";
  static final String STAGED = "staged";

  static final Replicate DEFAULT =
      new Replicate(
          4,
          Duration.ofHours(24),
          Duration.ofSeconds(1),
          null,
          WalSpec.DEFAULT,
          null,
          ONLINE,
          List.of());

  public Replicate {
    jobs = Defaults.or(jobs, 4);
    soak = Defaults.or(soak, Duration.ofHours(24));
    maxLag = Defaults.or(maxLag, Duration.ofSeconds(1));
    wal = Defaults.or(wal, WalSpec.DEFAULT);
    method = Defaults.or(method, ONLINE);
    stages = Defaults.list(stages);
  }
}
