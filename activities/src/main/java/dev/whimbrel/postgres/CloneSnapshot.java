package dev.whimbrel.postgres;

import dev.whimbrel.activity.CopyRequest;
import dev.whimbrel.activity.Failures;
import dev.whimbrel.activity.Move;
import dev.whimbrel.activity.Progress;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;

/** Has the source keep the snapshot of a clone: no slot begins there, and a standby may give it. */
final class CloneSnapshot {
  private static final Duration ANSWER = Duration.ofSeconds(30);
  private static final Duration LOOK = Duration.ofSeconds(1);

  private final Databases databases;
  private final Move move;
  private final int number;
  private final CopySessions sessions;
  private final KeptSnapshot kept;
  private final String application;

  /**
   * A snapshot that nobody has taken yet, or an earlier attempt.
   *
   * @param patience how long the source keeps it when nobody needs it
   */
  CloneSnapshot(Databases databases, CopyRequest request, Duration patience) {
    this.databases = databases;
    this.move = request.move();
    this.number = request.generation();
    this.sessions = new CopySessions(databases, move);
    this.kept = new KeptSnapshot(sessions, request, patience);
    this.application = Names.applicationName(move.migration(), "need-snapshot");
  }

  /**
   * Takes the snapshot, unless an earlier attempt has, and needs it until it is lost.
   *
   * @return why it is lost
   */
  String keep() throws SQLException {
    // No heartbeat before the session is open: until the first one the worker beats.
    try (Connection look = sessions.holder(application)) {
      kept.need(look);
      String[] why = new String[1];
      Heartbeats.during(
          () -> Progress.of("snapshot %d is kept by the source".formatted(number)),
          () -> {
            Heartbeats.abort(look);
            kept.leave();
          },
          () -> why[0] = watch(look));
      return why[0];
    } finally {
      kept.leave();
    }
  }

  private String watch(Connection look) throws SQLException {
    try {
      begin(look);
      while (true) {
        if (!kept.isKept(look)) {
          try (Connection target = target()) {
            kept.goOn(look, target);
          }
        }
        Pause.of(LOOK);
      }
    } catch (Snapshots.Gone e) {
      try (Connection target = target()) {
        return kept.why(look, new CopyGenerations(target));
      }
    }
  }

  private void begin(Connection look) throws SQLException {
    try (Connection target = target()) {
      CopyGenerations generations = new CopyGenerations(target);
      if (generations.find(number).isPresent()) {
        return;
      }
      CloneTarget.requireClaim(target, move);
      // One that an attempt left behind before it was recorded: nobody can find its snapshot.
      kept.end(look);
      Connection session = kept.open();
      String snapshot = Snapshots.take(session);
      String identity = Snapshots.identity(session);
      String lsn = lsn(session);
      try {
        kept.letWait(look, session);
        target.setAutoCommit(false);
        mustBeWanted(target, generations);
        generations.begin(number, "", snapshot, lsn, identity);
        target.commit();
      } catch (SQLException | RuntimeException e) {
        kept.endOwn(look, e);
        throw e;
      }
    }
  }

  /** An attempt that comes late must not take a snapshot for a run that has ended. */
  private void mustBeWanted(Connection target, CopyGenerations generations) throws SQLException {
    CloneTarget.requireClaim(target, move);
    if (generations.last() >= number) {
      throw Failures.transientFailure("Snapshot %d has been taken already".formatted(number));
    }
  }

  private Connection target() throws SQLException {
    return databases.open(move.target(), application, ANSWER);
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
}
