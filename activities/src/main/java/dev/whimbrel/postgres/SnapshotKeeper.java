package dev.whimbrel.postgres;

import dev.whimbrel.activity.CopyRequest;
import dev.whimbrel.activity.Failures;
import dev.whimbrel.activity.Move;
import dev.whimbrel.activity.Progress;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.time.Instant;
import java.util.Optional;
import java.util.concurrent.FutureTask;
import org.jspecify.annotations.Nullable;
import org.postgresql.PGConnection;

/**
 * Has the source keep a snapshot by itself: a session that has exported it waits inside one
 * statement, in which a server does not look at its client. Whoever needs the snapshot holds an
 * advisory lock, which dies with its session; the statement ends when nobody has held it for some
 * time, so that a forgotten snapshot does not hold up vacuum for ever.
 */
final class SnapshotKeeper {
  /** How long the source keeps a snapshot that nobody needs. */
  static final Duration PATIENCE = Duration.ofHours(1);

  private static final Duration ANSWER = Duration.ofSeconds(30);
  private static final Duration LOOK = Duration.ofSeconds(1);

  /** Needs nothing that a role which may read does not have; does the same on a standby. */
  private static final String WAIT =
      """
      DO $wait$
      DECLARE needed timestamptz := pg_catalog.clock_timestamp();
      BEGIN
        LOOP
          IF EXISTS (
            SELECT FROM pg_catalog.pg_locks l
             WHERE l.locktype = 'advisory' AND l.granted AND l.mode = 'ShareLock' AND l.objsubid = 1
               AND l.database = (SELECT d.oid FROM pg_catalog.pg_database d
                                  WHERE d.datname = pg_catalog.current_database())
               AND ((l.classid::bigint << 32) | l.objid::bigint) = %1$s) THEN
            needed := pg_catalog.clock_timestamp();
          ELSIF pg_catalog.clock_timestamp() - needed > interval '%2$d ms' THEN
            RETURN;
          END IF;
          PERFORM pg_catalog.pg_sleep(1);
        END LOOP;
      END $wait$""";

  private final Databases databases;
  private final Move move;
  private final int number;
  private final Duration patience;
  private final CopySessions sessions;
  private final String application;
  private @Nullable FutureTask<Optional<String>> waiting;
  private @Nullable Connection keeper;

  /**
   * A keeper that has not begun.
   *
   * @param patience how long the source keeps the snapshot when nobody needs it
   */
  SnapshotKeeper(Databases databases, CopyRequest request, Duration patience) {
    this.databases = databases;
    this.move = request.move();
    this.number = request.generation();
    this.patience = patience;
    this.sessions = new CopySessions(databases, move);
    this.application = application(move, number);
  }

  /** The name of the session that keeps a snapshot. */
  private static String application(Move move, int number) {
    return Names.applicationName(move.migration(), "snapshot " + number);
  }

  /** Ends what keeps the snapshots before this one. */
  static void endBefore(Connection source, Move move, int number) throws SQLException {
    for (int earlier = 1; earlier < number; earlier++) {
      end(source, application(move, earlier));
    }
  }

  /**
   * Takes the snapshot, unless an earlier attempt has, and needs it until it is lost.
   *
   * @return why it is lost
   */
  String keep() throws SQLException {
    Heartbeats.beat("about to take snapshot " + number);
    String name = Names.applicationName(move.migration(), "need-snapshot");
    try (Connection look = sessions.holder(name)) {
      need(look);
      String[] why = new String[1];
      Heartbeats.during(
          () -> Progress.of("snapshot %d is kept by the source".formatted(number)),
          () -> Heartbeats.abort(look),
          () -> why[0] = watch(look));
      return why[0];
    } finally {
      letItWait();
    }
  }

  private String watch(Connection look) throws SQLException {
    try {
      begin(look);
      while (true) {
        if (!isKept(look)) {
          goOn(look);
        }
        Pause.of(LOOK);
      }
    } catch (Snapshots.Gone e) {
      return why(look);
    }
  }

  /** Shared: any number of workers may need it. */
  private void need(Connection look) throws SQLException {
    try (Statement statement = look.createStatement()) {
      statement.execute("SELECT pg_catalog.pg_advisory_lock_shared(" + key(look) + ")");
    }
  }

  private long key(Connection look) throws SQLException {
    try (PreparedStatement select =
        look.prepareStatement("SELECT pg_catalog.hashtextextended('whimbrel needs ' || ?, 0)")) {
      select.setString(1, application);
      try (ResultSet row = select.executeQuery()) {
        row.next();
        return row.getLong(1);
      }
    }
  }

  private void begin(Connection look) throws SQLException, Snapshots.Gone {
    try (Connection target = target()) {
      CopyGenerations generations = new CopyGenerations(target);
      if (generations.find(number).isPresent()) {
        return;
      }
      CloneTarget.requireClaim(target, move);
      // One that an attempt left behind before it was recorded: nobody can find its snapshot.
      end(look, application);
      Connection session = open();
      String snapshot = Snapshots.take(session);
      String identity = Snapshots.identity(session);
      String lsn = lsn(session);
      letWait(look, session);
      try {
        target.setAutoCommit(false);
        mustBeWanted(target, generations);
        generations.begin(number, "", snapshot, lsn, identity);
        target.commit();
      } catch (SQLException | RuntimeException e) {
        // This one alone: a newer attempt may keep one of the same name by now.
        endOwn(look, session);
        throw e;
      }
    }
  }

  private void endOwn(Connection look, Connection session) throws SQLException {
    try (PreparedStatement end =
        look.prepareStatement(
            "SELECT pg_catalog.pg_terminate_backend(pid) FROM pg_catalog.pg_stat_activity"
                + " WHERE application_name = ? AND pid = ?")) {
      end.setString(1, application);
      end.setInt(2, session.unwrap(PGConnection.class).getBackendPID());
      end.executeQuery().close();
    }
  }

  /** An attempt that comes late must not take a snapshot for a run that has ended. */
  private void mustBeWanted(Connection target, CopyGenerations generations) throws SQLException {
    CloneTarget.requireClaim(target, move);
    if (generations.last() >= number) {
      throw Failures.transientFailure("Snapshot %d has been taken already".formatted(number));
    }
  }

  /** Its session was ended, and others may still see the snapshot: one more keeps it from now. */
  private void goOn(Connection look) throws SQLException, Snapshots.Gone {
    letItWait();
    Connection session = open();
    try (Connection target = target()) {
      CopyGenerations generations = new CopyGenerations(target);
      // Recorded before it is kept: whoever comes in between must find a name that lives.
      generations.export(number, generations.enter(session, number));
      letWait(look, session);
    }
  }

  private Connection open() throws SQLException {
    Connection session = sessions.keeper(application);
    keeper = session;
    return session;
  }

  private Connection target() throws SQLException {
    return databases.open(
        move.target(), Names.applicationName(move.migration(), "need-snapshot"), ANSWER);
  }

  private void letWait(Connection look, Connection session) throws SQLException {
    String sql = WAIT.formatted(key(look), patience.toMillis());
    waiting = AtOnce.beside("snapshot", () -> ended(session, sql));
    Instant deadline = Instant.now().plus(ANSWER);
    while (!isKept(look)) {
      Optional<String> ended = ended();
      if (ended.isPresent() || Instant.now().isAfter(deadline)) {
        throw Failures.needsHelp(
            "Cannot keep a snapshot on the source: "
                + ended.orElse("its session does not begin to wait"),
            "mend what the message names, then run the clone again",
            null);
      }
      Pause.of(Duration.ofMillis(50));
    }
  }

  /** Never returns while the snapshot is kept; what ended it in words. */
  private static Optional<String> ended(Connection session, String sql) {
    try {
      Verbatim.execute(session, sql);
      return Optional.of("nobody needed it");
    } catch (SQLException e) {
      return Optional.of(SqlFailures.firstLine(e));
    }
  }

  private Optional<String> ended() throws SQLException {
    FutureTask<Optional<String>> begun = waiting;
    return begun == null || !begun.isDone() ? Optional.empty() : AtOnce.ended(begun);
  }

  /** Lets go of the session without a word: its server goes on waiting. */
  private void letItWait() {
    Connection session = keeper;
    keeper = null;
    if (session != null) {
      Heartbeats.abort(session);
    }
  }

  private boolean isKept(Connection look) throws SQLException {
    try (PreparedStatement select =
        look.prepareStatement(
            "SELECT FROM pg_catalog.pg_stat_activity WHERE application_name = ?"
                + " AND state = 'active' AND datname = pg_catalog.current_database()")) {
      select.setString(1, application);
      try (ResultSet row = select.executeQuery()) {
        return row.next();
      }
    }
  }

  private static void end(Connection source, String application) throws SQLException {
    try (PreparedStatement end =
        source.prepareStatement(
            "SELECT pg_catalog.pg_terminate_backend(pid) FROM pg_catalog.pg_stat_activity"
                + " WHERE application_name = ? AND datname = pg_catalog.current_database()")) {
      end.setString(1, application);
      end.executeQuery().close();
    }
  }

  private static String lsn(Connection session) throws SQLException {
    try (Statement statement = session.createStatement();
        ResultSet row =
            statement.executeQuery(
                "SELECT CASE WHEN pg_catalog.pg_is_in_recovery() THEN pg_catalog.pg_last_wal_replay_lsn()"
                    + " ELSE pg_catalog.pg_current_wal_insert_lsn() END::text")) {
      row.next();
      return row.getString(1);
    }
  }

  private String why(Connection look) throws SQLException {
    try (Connection target = target()) {
      String identity = String.valueOf(new CopyGenerations(target).identity(number));
      return SnapshotLoss.why(look, identity, ended());
    }
  }
}
