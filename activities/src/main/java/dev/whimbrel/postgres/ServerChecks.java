package dev.whimbrel.postgres;

import dev.whimbrel.activity.Side;
import java.sql.SQLException;
import java.util.Map;

/** What both servers are: the same database, versions, standbys, settings, room for streams. */
final class ServerChecks {
  private static final int OLDEST = 13;
  private static final int NEWEST = 18;

  /**
   * The first minor release of each major version without known defects in logical replication: the
   * releases of May 2025 mend changes that decoding skips while a table is being published.
   */
  private static final Map<Integer, Integer> MINORS = Map.of(13, 21, 14, 18, 15, 13, 16, 9, 17, 5);

  /** Two streams, the slot where they meet, and the one that goes on from there. */
  private static final int SLOTS_OF_STAGES = 4;

  /** Those of two snapshots, while one takes the other's place. */
  private static final int SLOTS_OF_COPY = 2;

  /** Beside those that share the tables, the one that brings the rows of a table added later. */
  private static final int WORKER_OF_A_NEW_TABLE = 1;

  private final Look look;
  private final Findings findings;

  ServerChecks(Look look, Findings findings) {
    this.look = look;
    this.findings = findings;
  }

  void run() throws SQLException {
    sameDatabase();
    versions();
    for (Side side : Side.values()) {
      standby(side);
      settings(side);
    }
    if (!look.move().offline()) {
      roomOnTheSource();
      roomOnTheTarget();
    }
  }

  /** What a clone needs: versions, and a target that takes writes. */
  void runForClone() throws SQLException {
    sameDatabase();
    supported();
    if (look.holds(Side.TARGET, "pg_is_in_recovery()")) {
      takesNoWrites(Side.TARGET);
    }
  }

  private void sameDatabase() throws SQLException {
    String identity =
        "SELECT system_identifier::text, (SELECT oid FROM pg_database WHERE datname ="
            + " current_database())::text FROM pg_control_system()";
    Look.Row source = look.row(Side.SOURCE, identity);
    Look.Row target = look.row(Side.TARGET, identity);
    if (!source.text(1).equals(target.text(1))) {
      return;
    }
    if (source.text(2).equals(target.text(2))) {
      findings.blocker(
          "same-database",
          "target",
          "is the same database as the source (system identifier " + source.text(1) + ").",
          "correct target.postgres.url in the runbook");
    } else {
      findings.note(
          "same-server", "target", "is on the same server as the source, in another database");
    }
  }

  private void versions() throws SQLException {
    supported();
    for (Side side : Side.values()) {
      int major = look.major(side);
      Integer minor = MINORS.get(major);
      if (minor != null && look.minor(side) < minor) {
        findings.warning(
            "minor-version",
            side.word(),
            "is PostgreSQL %d.%d, with defects in logical replication that %d.%d mends."
                .formatted(major, look.minor(side), major, minor),
            "update the server to the newest minor release");
      }
    }
  }

  private void supported() throws SQLException {
    int source = look.major(Side.SOURCE);
    int target = look.major(Side.TARGET);
    for (Side side : Side.values()) {
      int major = look.major(side);
      if (major < OLDEST || major > NEWEST) {
        findings.blocker(
            "version",
            side.word(),
            "is PostgreSQL " + major + "; expected " + OLDEST + " to " + NEWEST + ".",
            "upgrade the server");
      }
    }
    if (target < source) {
      findings.blocker(
          "version",
          "target",
          "is PostgreSQL " + target + ", older than the source's " + source + ".",
          "move to PostgreSQL " + source + " or newer");
    }
  }

  private void standby(Side side) throws SQLException {
    if (look.holds(side, "pg_is_in_recovery()")) {
      takesNoWrites(side);
      return;
    }
    for (Look.Row row :
        look.rows(
            side,
            "SELECT application_name, coalesce(host(client_addr), 'local'), sync_state"
                + " FROM pg_stat_replication r WHERE NOT EXISTS (SELECT FROM pg_replication_slots s"
                + " WHERE s.active_pid = r.pid AND s.slot_type = 'logical')")) {
      findings.warning(
          "physical-standby",
          side.word(),
          "has the standby %s at %s (%s): do not fail over to it during the migration, the slots do"
                  .formatted(row.text(1), row.text(2), row.text(3))
              + " not follow.",
          null);
    }
  }

  private void takesNoWrites(Side side) {
    findings.blocker(
        "standby", side.word(), "is a standby and takes no writes.", "name its primary in the url");
  }

  private void settings(Side side) throws SQLException {
    if (look.setting(side, "track_counts").equals("off")) {
      findings.blocker(
          "track-counts",
          side.word(),
          "does not count writes (track_counts is off), so that a soak would see none.",
          "ALTER SYSTEM SET track_counts = on; SELECT pg_reload_conf();");
    }
    String idle = look.setting(side, "idle_replication_slot_timeout");
    if (!idle.isEmpty() && !idle.equals("0")) {
      findings.blocker(
          "idle-replication-slot-timeout",
          side.word(),
          "invalidates a slot that is idle for " + idle + ", for good.",
          "ALTER SYSTEM SET idle_replication_slot_timeout = 0; SELECT pg_reload_conf();");
    }
  }

  private void roomOnTheSource() throws SQLException {
    if (!look.setting(Side.SOURCE, "wal_level").equals("logical")) {
      findings.blocker(
          "wal-level",
          "source",
          "has wal_level = "
              + look.setting(Side.SOURCE, "wal_level")
              + ", which no stream can read.",
          "ALTER SYSTEM SET wal_level = logical; -- then restart the server");
    }
    int streams =
        Math.max(
            Math.max(1 + look.move().jobs(), look.move().staged() ? SLOTS_OF_STAGES : 0),
            look.move().shared() ? look.move().streams() + SLOTS_OF_COPY : 0);
    atLeast(
        Side.SOURCE,
        "max_replication_slots",
        look.number(Side.SOURCE, "SELECT count(*) FROM pg_replication_slots"),
        streams);
    atLeast(
        Side.SOURCE,
        "max_wal_senders",
        look.number(Side.SOURCE, "SELECT count(*) FROM pg_stat_replication"),
        streams);
  }

  private void roomOnTheTarget() throws SQLException {
    int workers =
        Math.max(
            Math.max(1 + look.move().jobs(), look.move().staged() ? 2 : 0),
            look.move().shared() ? look.move().streams() + WORKER_OF_A_NEW_TABLE : 0);
    atLeast(
        Side.TARGET,
        "max_logical_replication_workers",
        look.number(Side.TARGET, "SELECT count(*) FROM pg_stat_subscription WHERE pid IS NOT NULL"),
        workers);
    atLeast(
        Side.TARGET,
        "max_worker_processes",
        look.number(
            Side.TARGET,
            "SELECT count(*) FROM pg_stat_activity WHERE backend_type ~ 'logical replication'"),
        workers);
    atLeast(
        Side.TARGET,
        look.major(Side.TARGET) >= 18 ? "max_active_replication_origins" : "max_replication_slots",
        look.number(Side.TARGET, "SELECT count(*) FROM pg_replication_slots"),
        2 + Math.max(look.move().jobs(), look.move().shared() ? look.move().streams() : 0));
    long together = Long.parseLong(look.setting(Side.TARGET, "max_sync_workers_per_subscription"));
    if (together < look.move().jobs()) {
      findings.warning(
          "sync-workers",
          "target",
          "copies %d tables at once, not the %d of replicate.jobs."
              .formatted(together, look.move().jobs()),
          "ALTER SYSTEM SET max_sync_workers_per_subscription = %d; SELECT pg_reload_conf();"
              .formatted(look.move().jobs()));
    }
  }

  private void atLeast(Side side, String setting, long used, long needed) throws SQLException {
    long limit = Long.parseLong(look.setting(side, setting));
    if (limit - used < needed) {
      findings.blocker(
          setting.replace('_', '-'),
          side.word(),
          "has %s = %d with %d in use; this migration needs %d."
              .formatted(setting, limit, used, needed),
          "ALTER SYSTEM SET %s = %d; -- then restart the server".formatted(setting, used + needed));
    }
  }
}
