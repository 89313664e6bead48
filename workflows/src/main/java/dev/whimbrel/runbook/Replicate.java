package dev.whimbrel.runbook;

import com.fasterxml.jackson.annotation.JsonInclude;
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
 *     live before the next stage begins; {@code method: offline} closes the service for writes
 *     first, then copies, compares and hands over
 * @param closedAtMost with {@code method: offline}, after which the source opens by itself whatever
 *     is under way; 4 h. A window must have room for it
 * @param stages which tables come first; those that no stage names come last
 * @param subscriptions how many subscriptions share the tables, so that as many workers of the
 *     target apply what the source writes, 1 to 8; 1. Only with {@code method: online}
 */
public record Replicate(
    Integer jobs,
    Duration soak,
    Duration maxLag,
    @Nullable ThrottleSpec throttle,
    WalSpec wal,
    @Nullable TablesSpec tables,
    String method,
    @Nullable Duration closedAtMost,
    List<StageSpec> stages,
    @JsonInclude(JsonInclude.Include.NON_NULL) @Nullable Integer subscriptions) {
  static final String ONLINE = "online";
  static final String STAGED = "staged";
  static final String OFFLINE = "offline";

  private static final Duration CLOSED_AT_MOST = Duration.ofHours(4);

  /** Each of them decodes the whole log of the source. */
  static final int MOST_SUBSCRIPTIONS = 8;

  static final Replicate DEFAULT =
      new Replicate(
          4,
          Duration.ofHours(24),
          Duration.ofSeconds(1),
          null,
          WalSpec.DEFAULT,
          null,
          ONLINE,
          null,
          List.of(),
          null);

  public Replicate {
    jobs = Defaults.or(jobs, 4);
    soak = Defaults.or(soak, Duration.ofHours(24));
    maxLag = Defaults.or(maxLag, Duration.ofSeconds(1));
    wal = Defaults.or(wal, WalSpec.DEFAULT);
    method = Defaults.or(method, ONLINE);
    stages = Defaults.list(stages);
    // One is written nowhere, so that nothing changes for who does not ask for more.
    subscriptions = Integer.valueOf(1).equals(subscriptions) ? null : subscriptions;
  }

  /** How long the source may stay closed for the copy; nothing where it is not closed for it. */
  public Duration closedFor() {
    if (!offline()) {
      return Duration.ZERO;
    }
    return closedAtMost == null ? CLOSED_AT_MOST : closedAtMost;
  }

  /** Whether the source is closed before anything is copied. */
  public boolean offline() {
    return OFFLINE.equals(method);
  }
}
