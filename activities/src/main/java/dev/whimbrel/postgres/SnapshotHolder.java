package dev.whimbrel.postgres;

import dev.whimbrel.activity.CopyRequest;
import dev.whimbrel.activity.Failures;
import dev.whimbrel.activity.Move;
import dev.whimbrel.activity.Progress;
import dev.whimbrel.activity.Side;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.atomic.AtomicReference;

/** Creates the slot of a generation with its snapshot, and keeps the snapshot. */
final class SnapshotHolder {
  private static final Duration ANSWER = Duration.ofSeconds(30);
  private static final Duration LOOK = Duration.ofSeconds(1);

  private final Databases databases;
  private final Move move;
  private final int generation;
  private final Names names;
  private final String application;
  private final CopySessions sessions;

  SnapshotHolder(Databases databases, CopyRequest request) {
    this.databases = databases;
    this.move = request.move();
    this.generation = request.generation();
    this.names = new Names(move.migration());
    this.application = Names.applicationName(move.migration(), "hold-snapshot");
    this.sessions = new CopySessions(databases, move);
  }

  /**
   * Returns never: ends when the activity is cancelled, or when the snapshot is lost.
   *
   * @throws io.temporal.failure.ApplicationFailure {@code Transient} when it was lost
   */
  void hold() throws SQLException {
    Heartbeats.beat("about to hold snapshot " + generation);
    try (Connection session = sessions.holder(application)) {
      // One holder at a time, whatever an older one that woke up again may still have in mind.
      StepLock.take(session, "snapshot " + move.migration());
      if (move.offline()) {
        beginClosed(session);
      } else {
        begin(session);
      }
      LiveStream live = new LiveStream(session, move);
      AtomicReference<Progress> seen =
          new AtomicReference<>(Progress.of("snapshot %d is held".formatted(generation)));
      Heartbeats.during(
          seen::get,
          () -> Heartbeats.abort(session),
          () -> {
            while (true) {
              String line =
                  move.offline()
                      ? "snapshot %d is held".formatted(generation)
                      : "snapshot %d is held, %s of WAL kept".formatted(generation, kept(session));
              if (move.staged()) {
                live.look();
              }
              seen.set(live.saidWith(line));
              Pause.of(LOOK);
            }
          });
    }
  }

  /** The source is closed for the copy: nothing is written behind the snapshot. */
  private void beginClosed(Connection session) throws SQLException {
    Authority.require(session, move.migration(), Side.SOURCE);
    // Before the snapshot: it shows all that was written before the source was closed.
    String behind = ClosedCopy.behind(ClosedCopy.closing(move, session));
    String own = Snapshots.take(session);
    record(
        own,
        behind,
        Answers.text(session, "SELECT pg_catalog.pg_current_wal_insert_lsn()"),
        Snapshots.identity(session));
  }

  private void begin(Connection session) throws SQLException {
    try (Connection creator = sessions.creator(application)) {
      // So that whoever ends the stream ends a slot's creation too.
      StepLock.take(creator, "slot " + move.migration());
      // One that was frozen up to here would leave a slot behind that nobody drops.
      Authority.require(session, move.migration(), Side.SOURCE);
      ReleasedSlots.refuseNew(session, move.migration());
      dropSlot(session);
      String[] made = new String[2];
      Heartbeats.during(
          Progress.of("creating slot " + slot() + ", which waits for open transactions"),
          creator,
          () -> createSlot(creator, made));
      String own = Snapshots.enter(session, List.of(made[0]), null, generation);
      record(own, slot(), made[1], Snapshots.identity(session));
    } catch (Snapshots.Gone e) {
      throw Failures.transientFailure(e.getMessage() + " before anybody could read it");
    }
  }

  private void createSlot(Connection creator, String[] made) throws SQLException {
    try (Statement statement = creator.createStatement();
        ResultSet row =
            statement.executeQuery(
                "CREATE_REPLICATION_SLOT "
                    + Quoting.identifier(slot())
                    + " LOGICAL pgoutput EXPORT_SNAPSHOT")) {
      row.next();
      made[0] = row.getString("snapshot_name");
      made[1] = row.getString("consistent_point");
    }
  }

  /** A snapshot that nobody could find would be held in vain. */
  private void record(String snapshot, String behind, String lsn, String identity)
      throws SQLException {
    try (Connection target = databases.open(move.target(), application, ANSWER)) {
      CopyGenerations generations = new CopyGenerations(target);
      target.setAutoCommit(false);
      generations.begin(generation, behind, snapshot, lsn, identity);
      target.commit();
    }
  }

  /** One that an attempt left behind which was given up before anybody read its snapshot. */
  private void dropSlot(Connection session) throws SQLException {
    try (Statement statement = session.createStatement()) {
      statement.execute(
          "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = "
              + Quoting.literal(slot()));
    }
  }

  private String kept(Connection session) throws SQLException {
    try (Statement statement = session.createStatement();
        ResultSet row =
            statement.executeQuery(
                "SELECT pg_catalog.pg_size_pretty(pg_catalog.pg_current_wal_lsn() - restart_lsn)"
                    + " FROM pg_catalog.pg_replication_slots WHERE wal_status <> 'lost'"
                    + " AND slot_name = "
                    + Quoting.literal(slot()))) {
      if (row.next()) {
        return row.getString(1);
      }
    }
    throw Failures.transientFailure(
        "The source has lost replication slot "
            + slot()
            + ": look for max_slot_wal_keep_size and idle_replication_slot_timeout");
  }

  private String slot() {
    return names.copySlot(generation);
  }
}
