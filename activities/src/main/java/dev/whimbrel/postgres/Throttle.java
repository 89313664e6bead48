package dev.whimbrel.postgres;

import dev.whimbrel.activity.Move;
import dev.whimbrel.activity.Side;
import dev.whimbrel.runbook.ThrottleSpec;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import org.jspecify.annotations.Nullable;

/**
 * Holds the rows of one who copies to a share of the rate, so that all of them together stay below
 * it on any number of machines; and lets them, and comparisons that nobody waits for, rest while
 * the source has too much else to do.
 */
final class Throttle {
  /** What was saved up while nothing moved may be caught up in one go for this long. */
  static final Duration BURST = Duration.ofMillis(250);

  private static final Duration LOOK = Duration.ofMillis(100);

  /** A comparison that waits looks by itself, and is in no hurry. */
  private static final Duration LOOK_AGAIN = Duration.ofSeconds(1);

  private static final long SECOND = Duration.ofSeconds(1).toNanos();

  /** Their own database or not: they share the machine. */
  private static final String AT_WORK =
      "SELECT count(*) FROM pg_catalog.pg_stat_activity WHERE state = 'active'"
          + " AND backend_type = 'client backend' AND pid <> pg_catalog.pg_backend_pid()"
          + " AND application_name NOT LIKE 'whimbrel %'";

  private final long bytesPerSecond;
  private final int allowed;
  private long free = System.nanoTime();
  private volatile int atWork;
  private volatile boolean stopped;
  private volatile boolean resting;

  private Throttle(long bytesPerSecond, int allowed) {
    this.bytesPerSecond = bytesPerSecond;
    this.allowed = allowed;
  }

  /** What a runbook allows one of the jobs. */
  static Throttle of(Move move) {
    return of(move, move.jobs());
  }

  /** What a runbook allows each of so many. */
  static Throttle of(Move move, int sharers) {
    ThrottleSpec said = move.throttle();
    Long rate = said == null ? null : said.bytesPerSecond();
    Integer sessions = said == null ? null : said.activeSessions();
    return new Throttle(
        rate == null ? 0 : Math.max(1, rate / sharers),
        sessions == null ? Integer.MAX_VALUE : sessions);
  }

  /** Whether it could see what it goes by. */
  static void check(Look look, Findings findings) throws SQLException {
    if (of(look.move()).looks()
        && !look.holds(Side.SOURCE, "pg_catalog.pg_has_role('pg_read_all_stats', 'USAGE')")) {
      findings.warning(
          "throttle",
          look.role(Side.SOURCE),
          "does not see whether sessions of others are at work on the source: neither the copy nor the rounds of comparison would rest for them.",
          "GRANT pg_monitor TO " + look.role(Side.SOURCE) + ";");
    }
  }

  /** One that holds nothing up. */
  static Throttle none() {
    return new Throttle(0, Integer.MAX_VALUE);
  }

  /** Waits, after so many bytes were moved, until the next ones may follow. */
  void moved(int bytes) {
    if (bytesPerSecond > 0) {
      long now = System.nanoTime();
      free =
          Math.max(free, now - BURST.toNanos())
              + Math.round((double) bytes * SECOND / bytesPerSecond);
      restUntil(free);
    }
    while (isSourceBusy() && !stopped) {
      resting = true;
      Pause.of(LOOK);
    }
    resting = false;
  }

  private void restUntil(long moment) {
    long left = moment - System.nanoTime();
    while (left > 0 && !stopped) {
      Pause.of(Duration.ofNanos(Math.min(left, LOOK.toNanos())));
      left = moment - System.nanoTime();
    }
  }

  /** Whether it matters what the source has to do. */
  boolean looks() {
    return allowed != Integer.MAX_VALUE;
  }

  /** Looks how much else the source has to do; where it cannot be asked, nothing changes. */
  void look(@Nullable Connection source) {
    if (source == null) {
      return;
    }
    try {
      count(source);
    } catch (SQLException e) {
      // The work's own session says what is wrong with the server.
    }
  }

  /**
   * Rests while the source has too much else to do, looking by itself, in the truth's session.
   *
   * @param touch how often the follower's session is asked meanwhile, so that nothing between
   *     forgets it
   * @throws SQLException where one of them cannot be asked any more: nobody shall rest for what is
   *     gone
   */
  void awaitRoom(Pair pair, Duration touch) throws SQLException, InterruptedException {
    if (!looks()) {
      return;
    }
    try {
      long touched = System.nanoTime();
      for (count(pair.truth()); isSourceBusy(); count(pair.truth())) {
        resting = true;
        Thread.sleep(LOOK_AGAIN.toMillis());
        if (System.nanoTime() - touched >= touch.toNanos()) {
          touch(pair.follower());
          touched = System.nanoTime();
        }
      }
    } finally {
      resting = false;
    }
  }

  private static void touch(Connection session) throws SQLException {
    try (Statement statement = session.createStatement()) {
      statement.execute("SELECT 1");
    }
  }

  private void count(Connection source) throws SQLException {
    try (Statement statement = source.createStatement();
        ResultSet row = statement.executeQuery(AT_WORK)) {
      row.next();
      atWork = row.getInt(1);
    }
  }

  private boolean isSourceBusy() {
    return atWork > allowed;
  }

  /** Lets go of whoever rests: what it works in is ended. */
  void stop() {
    stopped = true;
  }

  /** Why rows rest just now; null where they move. */
  @Nullable String resting() {
    return resting
        ? "resting: %d sessions of others are at work on the source, %d allowed"
            .formatted(atWork, allowed)
        : null;
  }
}
