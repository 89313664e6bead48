package dev.whimbrel.postgres;

import dev.whimbrel.activity.Side;
import dev.whimbrel.postgres.SideState.Seen;
import dev.whimbrel.postgres.SideState.Slot;
import dev.whimbrel.postgres.SideState.Subscription;
import dev.whimbrel.runbook.PostgresSpec;
import dev.whimbrel.runbook.PostgresUrl;
import dev.whimbrel.secrets.Secrets;
import io.temporal.failure.ApplicationFailure;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/** Reads one side in read-only transactions; a failure is part of what was found. */
final class SideLook {
  private static final Duration ANSWER = Duration.ofSeconds(10);

  private final Databases databases;
  private final Secrets secrets;
  private final String migration;
  private final Names names;

  SideLook(Databases databases, Secrets secrets, String migration) {
    this.databases = databases;
    this.secrets = secrets;
    this.migration = migration;
    this.names = new Names(migration);
  }

  /**
   * Looks at a side.
   *
   * @param awaited the marker that must be there before this side opens, or null
   */
  SideState at(Side side, PostgresSpec spec, @Nullable UUID awaited) {
    String where = PostgresUrl.parse(spec.url()).where();
    try (Connection connection =
        databases.open(spec, Names.applicationName(migration, "inspect"), ANSWER)) {
      connection.setReadOnly(true);
      return new SideState(side, where, spec.url(), null, seen(connection, side, awaited));
    } catch (SQLException e) {
      String state = e.getSQLState() == null ? "" : " (" + e.getSQLState() + ")";
      return new SideState(side, where, spec.url(), secrets.redact(firstLine(e)) + state, null);
    } catch (ApplicationFailure e) {
      return new SideState(side, where, spec.url(), e.getOriginalMessage(), null);
    }
  }

  private Seen seen(Connection connection, Side side, @Nullable UUID awaited) throws SQLException {
    // Authority and fence change in one transaction, and so are read in one.
    connection.setTransactionIsolation(Connection.TRANSACTION_REPEATABLE_READ);
    connection.setAutoCommit(false);
    Authority.Row row = Authority.read(connection).orElse(null);
    List<String> taking = Fence.notClosed(connection);
    List<String> refusing = Fence.notOpen(connection);
    List<String> without = Fence.withoutTriggers(connection);
    int tables = number(connection, "SELECT count(*) FROM " + Fence.TABLES);
    connection.rollback();
    connection.setAutoCommit(true);

    String closing = closing(connection);
    boolean inRecovery = "t".equals(text(connection, "SELECT pg_is_in_recovery()"));
    return new Seen(
        row,
        server(connection),
        inRecovery,
        "on"
            .equals(
                text(
                    connection,
                    "SELECT setting FROM pg_settings WHERE name = 'default_transaction_read_only'")),
        tables,
        taking,
        refusing,
        without,
        subscriptions(connection),
        slots(connection, inRecovery),
        (awaited == null || row == null)
            ? null
            : Markers.arrived(connection, side.other(), awaited),
        lastMarker(connection, side.other()),
        clients(connection),
        engine(connection),
        underWay(connection),
        text(
            connection,
            inRecovery ? "SELECT pg_last_wal_replay_lsn()" : "SELECT pg_current_wal_insert_lsn()"),
        part(connection),
        closing,
        closing == null ? leftOn(connection) : 0);
  }

  private static String server(Connection connection) throws SQLException {
    return "PostgreSQL %s, cluster %s, database %s"
        .formatted(
            text(connection, "SHOW server_version"),
            text(connection, "SELECT system_identifier FROM pg_control_system()"),
            text(connection, "SELECT oid FROM pg_database WHERE datname = current_database()"));
  }

  private List<Subscription> subscriptions(Connection connection) throws SQLException {
    List<Subscription> found = new ArrayList<>();
    try (PreparedStatement select =
        connection.prepareStatement(
            """
            SELECT s.subname, s.subenabled, coalesce(bool_or(w.pid IS NOT NULL), false),
                   (SELECT count(*) FROM pg_subscription_rel r
                     WHERE r.srsubid = max(w.subid::bigint)::oid AND r.srsubstate <> 'r'),
                   max(w.latest_end_lsn)::text
              FROM pg_subscription s
              LEFT JOIN pg_stat_subscription w ON w.subname = s.subname AND w.relid IS NULL
             WHERE s.subname ~ ?
               AND s.subdbid = (SELECT oid FROM pg_database WHERE datname = current_database())
             GROUP BY 1, 2 ORDER BY 1""")) {
      select.setString(1, names.ownSubscriptions());
      try (ResultSet row = select.executeQuery()) {
        while (row.next()) {
          found.add(
              new Subscription(
                  row.getString(1),
                  row.getBoolean(2),
                  row.getBoolean(3),
                  row.getInt(4),
                  row.getString(5)));
        }
      }
    }
    return List.copyOf(found);
  }

  private List<Slot> slots(Connection connection, boolean inRecovery) throws SQLException {
    List<Slot> found = new ArrayList<>();
    try (PreparedStatement select =
        connection.prepareStatement(
            "SELECT slot_name, active, wal_status, confirmed_flush_lsn::text, greatest(0, "
                + (inRecovery ? "pg_last_wal_replay_lsn()" : "pg_current_wal_insert_lsn()")
                + " - confirmed_flush_lsn)::bigint FROM pg_replication_slots"
                + " WHERE slot_name ~ ? AND database = current_database() ORDER BY 1")) {
      select.setString(1, names.ownSlots());
      try (ResultSet row = select.executeQuery()) {
        while (row.next()) {
          found.add(
              new Slot(
                  row.getString(1),
                  row.getBoolean(2),
                  row.getString(3),
                  row.getString(4),
                  row.getLong(5)));
        }
      }
    }
    return List.copyOf(found);
  }

  /** What refuses writers while the side is copied; null where nothing does. */
  private static @Nullable String closing(Connection connection) throws SQLException {
    String mayLook =
        text(
            connection,
            "SELECT has_table_privilege(to_regclass('whimbrel.closing'), 'SELECT') AND has_table_privilege(to_regclass('whimbrel.passed'), 'SELECT')");
    if (!"t".equals(mayLook)) {
      return "f".equals(mayLook) ? "a closing that this role may not look at" : null;
    }
    return Closing.read(connection)
        .filter(Closing.State::refuses)
        .map(
            state ->
                "closing %d, since %s; it opens by itself within %d s when nobody keeps it closed, and at %s at the latest"
                    .formatted(
                        state.number(),
                        InspectionJudgement.time(state.closedAt()),
                        Closing.LEASE.toSeconds(),
                        InspectionJudgement.time(state.atMost())))
        .orElse(null);
  }

  /** How many tables call the triggers of a closing. */
  private static int leftOn(Connection connection) throws SQLException {
    return number(
        connection,
        "SELECT count(DISTINCT g.tgrelid) FROM pg_trigger g WHERE g.tgenabled <> 'D' AND "
            + ClosingSql.NAMED);
  }

  /** The stage of a copy that is not live yet, or what else is not; null where all of it is. */
  private static @Nullable String part(Connection connection) throws SQLException {
    String mayLook =
        text(
            connection, "SELECT has_table_privilege(to_regclass('whimbrel.copy_stage'), 'SELECT')");
    if ("f".equals(mayLook)) {
      return "a stage that this role may not look at";
    }
    String stage = new CopyStages(connection).current().map(CopyStages.Stage::words).orElse(null);
    return stage == null && isHalfCopied(connection) ? "what is left of it" : stage;
  }

  private static boolean isHalfCopied(Connection connection) throws SQLException {
    return "t"
            .equals(
                text(
                    connection,
                    "SELECT has_table_privilege(to_regclass('whimbrel.copy_piece'), 'SELECT')"))
        && !new CopyList(connection).isFinished();
  }

  private static @Nullable Instant lastMarker(Connection connection, Side from)
      throws SQLException {
    if (text(connection, "SELECT to_regclass('" + Markers.table(from) + "')") == null) {
      return null;
    }
    try (Statement statement = connection.createStatement();
        ResultSet row =
            statement.executeQuery("SELECT max(written_at) FROM " + Markers.table(from))) {
      row.next();
      OffsetDateTime at = row.getObject(1, OffsetDateTime.class);
      return at == null ? null : at.toInstant();
    }
  }

  private static int clients(Connection connection) throws SQLException {
    return number(
        connection,
        """
        SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()
           AND backend_type = 'client backend' AND application_name NOT LIKE 'whimbrel %'""");
  }

  /** Not what a server goes on with by itself when every worker is dead. */
  private static List<String> engine(Connection connection) throws SQLException {
    List<String> found = new ArrayList<>();
    try (Statement statement = connection.createStatement();
        ResultSet row =
            statement.executeQuery(
                """
                SELECT DISTINCT application_name FROM pg_stat_activity
                 WHERE datname = current_database() AND backend_type = 'client backend'
                   AND application_name LIKE 'whimbrel %' AND pid <> pg_backend_pid()
                   AND application_name NOT LIKE '% inspect'
                   AND application_name !~ ' (snapshot|build) [0-9]+$' ORDER BY 1""")) {
      while (row.next()) {
        found.add(row.getString(1));
      }
    }
    return List.copyOf(found);
  }

  /** Keeping the base slot takes the same lock, shared and for a moment; that is no switchover. */
  private static boolean underWay(Connection connection) throws SQLException {
    return number(
            connection,
            """
            SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 1 AND granted AND mode = 'ExclusiveLock'
               AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
               AND classid::bigint = %d AND objid::bigint = %d"""
                .formatted(Sessions.KEY >>> 32, Sessions.KEY & 0xFFFF_FFFFL))
        > 0;
  }

  private static int number(Connection connection, String sql) throws SQLException {
    return Integer.parseInt(Objects.requireNonNullElse(text(connection, sql), "0"));
  }

  private static @Nullable String text(Connection connection, String sql) throws SQLException {
    try (Statement statement = connection.createStatement();
        ResultSet row = statement.executeQuery(sql)) {
      return row.next() ? row.getString(1) : null;
    }
  }

  private static String firstLine(SQLException e) {
    return Objects.requireNonNullElse(e.getMessage(), "no reason given")
        .lines()
        .findFirst()
        .orElse("no reason given");
  }
}
