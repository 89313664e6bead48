package dev.whimbrel.postgres;

import dev.whimbrel.activity.Side;
import dev.whimbrel.runbook.PostgresUrl;
import java.sql.SQLException;
import java.time.Duration;
import java.util.Set;

/**
 * How far the servers are from this worker and from each other, and what that makes of the pause.
 */
final class DistanceChecks {
  private static final int SAMPLES = 7;

  /**
   * Sequential round trips inside the pause, with a pooler; {@code PoolerSwitchoverTest} counts.
   */
  private static final int TRIPS = 6;

  /** Where there are large objects: what was written last comes and goes, and what is gone. */
  private static final int TRIPS_OF_OBJECTS = 6;

  /** Measured on two small servers: what the pause takes however near they are. */
  private static final long LOCAL_MILLIS = 25;

  /** Measured with 3,000 tables: locking and enabling the triggers of each. */
  private static final long MICROS_A_TABLE = 43;

  private static final Set<String> LOOPBACK = Set.of("localhost", "127.0.0.1", "::1");

  private final Look look;
  private final Findings findings;

  DistanceChecks(Look look, Findings findings) {
    this.look = look;
    this.findings = findings;
  }

  /** Milliseconds for which writes will be held up. */
  long predictPause() throws SQLException {
    Duration source = roundTrip(Side.SOURCE);
    Duration target = roundTrip(Side.TARGET);
    long tables =
        look.number(
            Side.SOURCE,
            "SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
                + " WHERE c.relkind IN ('r', 'p') AND "
                + PublishedTables.OF_THE_SERVICE);
    Duration longer = source.compareTo(target) > 0 ? source : target;
    long objects = LargeObjectChecks.millis(look);
    int trips = TRIPS + (objects > 0 ? TRIPS_OF_OBJECTS : 0);
    long millis =
        LOCAL_MILLIS
            + tables * MICROS_A_TABLE / 1000
            + objects
            + trips * longer.toNanos() / 1_000_000;
    findings.note(
        "pause",
        "switchover",
        "writes will be held up for about %d ms: %d tables, round trips of %.1f ms to the source and %.1f ms to the target"
            .formatted(
                millis, tables, source.toNanos() / 1_000_000.0, target.toNanos() / 1_000_000.0));
    return millis;
  }

  /** What can be known about how each server reaches the other. */
  void reach() throws SQLException {
    for (Side side : Side.values()) {
      String host = PostgresUrl.parse(look.move().on(side).reachedByPeer().url()).host();
      String here = address(side);
      String there = address(side.other());
      if (LOOPBACK.contains(host) && !here.equals(there)) {
        findings.blocker(
            "peer",
            side.word(),
            "the other side's server would look for it at %s, that is, on itself (it is at %s, the %s at %s)."
                .formatted(host, there, side.word(), here),
            side.word()
                + ".postgres.peer: {url: \"postgresql://…@<address as the other server reaches"
                + " it>/…\"}");
      }
    }
  }

  private String address(Side side) throws SQLException {
    return look.row(side, "SELECT coalesce(host(inet_server_addr()), 'local')").text(1);
  }

  private Duration roundTrip(Side side) throws SQLException {
    long best = Long.MAX_VALUE;
    for (int i = 0; i < SAMPLES; i++) {
      long start = System.nanoTime();
      look.row(side, "SELECT 1");
      best = Math.min(best, System.nanoTime() - start);
    }
    return Duration.ofNanos(best);
  }
}
