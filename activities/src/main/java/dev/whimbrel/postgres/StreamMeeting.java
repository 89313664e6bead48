package dev.whimbrel.postgres;

import dev.whimbrel.activity.Failures;
import dev.whimbrel.activity.Move;
import dev.whimbrel.activity.Progress;
import dev.whimbrel.activity.Side;
import dev.whimbrel.postgres.CopyStages.Meeting;
import dev.whimbrel.postgres.CopyStages.Stage;
import io.temporal.failure.ApplicationFailure;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.UUID;

/**
 * Brings the stream of a stage, and the one of the stages before it, to one position of the
 * source's log, and leaves a slot that begins there: one stream can go on from it with all tables.
 *
 * <p>A marker is written for both streams in one transaction. On the target its rows have been
 * begun to be inserted by a transaction that waits: so each stream applies everything that was
 * committed before the marker, and waits at it. That same transaction ends both subscriptions when
 * both wait, takes its rows back and is committed: a worker that wakes up then can bring the marker
 * and nothing behind it, since it looks at its subscription before each transaction. What it finds
 * applied is on disk with it.
 */
final class StreamMeeting {
  private static final String WRITER = "stages";

  /** Longer than streams that have just caught up take for a marker; both wait for as long. */
  private static final Duration ARRIVES = Duration.ofSeconds(10);

  /** A stream by which a marker takes longer would hardly bring one in time. */
  private static final Duration CAUGHT_UP = ARRIVES.dividedBy(2);

  /** How often the slot is brought near again, where the log grows faster than streams catch up. */
  private static final int APPROACHES = 3;

  private static final String NOT_ARRIVED = "WB001";

  private final Connection source;
  private final Connection target;
  private final Move move;
  private final Stage stage;
  private final Names names;
  private final Names ofStage;
  private final CopyStages stages;
  private final ForwardPublisher publisher;
  private final CarriedTables carried;

  /** Works through the sessions that hold the stream's lock, in autocommit mode. */
  StreamMeeting(Connection source, Connection target, Move move, Stage stage) {
    this.source = source;
    this.target = target;
    this.move = move;
    this.stage = stage;
    this.names = new Names(move.migration());
    this.ofStage = Names.ofStage(move.migration());
    this.stages = new CopyStages(target);
    this.publisher = new ForwardPublisher(source, names);
    this.carried = new CarriedTables(source, target, move, stage);
  }

  /** Returns when both streams have caught up. */
  interface CatchUp {
    /** Returns when a marker comes by each in less than this. */
    void await(Duration limit) throws SQLException;
  }

  /**
   * Lets both meet, and drops both. Again is harmless.
   *
   * @param catchUp is awaited before they are held
   */
  void run(CopySessions sessions, JoinProgress progress, CatchUp catchUp) throws SQLException {
    try (MeetingSlot slot = MeetingSlot.open(source, move, sessions, progress)) {
      Optional<Meeting> noted = stages.meeting();
      Meeting meeting = noted.isPresent() ? noted.get() : meet(slot, progress, catchUp);
      String lsn = meeting.lsn();
      if (lsn == null) {
        lsn = slot.locate(meeting);
        stages.located(lsn);
      }
      slot.keep(lsn);
      for (Names each : List.of(ofStage, names)) {
        new ForwardSubscriber(target, each).drop();
        publisher.dropSlot(each.forwardSubscription());
      }
      target.setAutoCommit(false);
      new CopyGenerations(target).joined(names.metSlot(), lsn);
      stages.joined(stage);
      target.commit();
      target.setAutoCommit(true);
    }
  }

  private Meeting meet(MeetingSlot slot, JoinProgress progress, CatchUp catchUp)
      throws SQLException {
    for (Names each : List.of(names, ofStage)) {
      AwaitedStream.refuse(
          source,
          Stream.leaving(Side.SOURCE, each),
          "two streams are brought to the same position",
          "retry");
    }
    // Behind it nobody could tell any more what was not carried before.
    carried.requirePublished();
    requireApplied();
    try {
      publisher.add(carried.ofStage());
      slot.create(progress);
      // What the slot has waited for may take its time, and the slot stands still meanwhile.
      awaitNear(slot, progress, catchUp);
      carried.requirePublished();
      requireApplied();
      progress.at(Progress.of("two streams are brought to the same position"));
      target.setAutoCommit(false);
      Meeting meeting = hold();
      target.commit();
      target.setAutoCommit(true);
      return meeting;
    } catch (SQLException | RuntimeException e) {
      letGo(slot);
      throw e;
    }
  }

  /** Once the streams have met, what the slot is behind is read while both stand still. */
  private void awaitNear(MeetingSlot slot, JoinProgress progress, CatchUp catchUp)
      throws SQLException {
    Duration most = Deadline.least(move.maxLag(), CAUGHT_UP);
    catchUp.await(most);
    for (int i = 0; i < APPROACHES && slot.isFar(); i++) {
      slot.advance(progress);
      catchUp.await(most);
    }
  }

  /**
   * What a person is told to copy must not be what an attempt before has published of the stage.
   */
  private void requireApplied() throws SQLException {
    try {
      carried.requireApplied();
    } catch (ApplicationFailure e) {
      if (Failures.NEEDS_HELP.equals(e.getType())) {
        publisher.remove(carried.ofStage());
      }
      throw e;
    }
  }

  /**
   * Lets both streams go on, and keeps no log for an attempt that may be long in coming. What the
   * first one is sent beyond its tables it passes by. Where the commit may have been done, only
   * what it has noted counts.
   */
  private void letGo(MeetingSlot slot) {
    try {
      for (Connection each : List.of(target, source)) {
        if (!each.getAutoCommit()) {
          each.rollback();
          each.setAutoCommit(true);
        }
      }
      if (stages.meeting().isEmpty()) {
        slot.drop();
      }
    } catch (SQLException | RuntimeException again) {
      // Perhaps a server is away; the failure itself is told, and the next attempt begins so.
      Heartbeats.abort(target);
      Heartbeats.abort(source);
    }
  }

  private Meeting hold() throws SQLException {
    UUID marker = UUID.randomUUID();
    Verbatim.execute(
        target,
        "SET LOCAL idle_in_transaction_session_timeout = '10s'; SET LOCAL synchronous_commit = on;"
            + " SET LOCAL lock_timeout = '5s'; "
            + insertSql(marker));
    String waiting = Answers.text(target, "SELECT pg_current_xact_id()::xid");
    Meeting meeting = write(marker);
    awaitBoth(waiting);
    Verbatim.execute(
        target,
        String.join(
            "; ",
            "ALTER SUBSCRIPTION " + names.forwardSubscription() + " DISABLE",
            "ALTER SUBSCRIPTION " + ofStage.forwardSubscription() + " DISABLE",
            deleteSql(names, marker),
            deleteSql(ofStage, marker),
            CopyStages.meetSql(stage, marker.toString(), meeting)));
    return meeting;
  }

  private String insertSql(UUID marker) {
    return Markers.insertSql(names.forwardMarker(), marker, WRITER)
        + "; "
        + Markers.insertSql(ofStage.forwardMarker(), marker, WRITER);
  }

  private static String deleteSql(Names of, UUID marker) {
    return "DELETE FROM %s WHERE id = '%s'".formatted(of.forwardMarker(), marker);
  }

  /** Both rows in one transaction, which waits for no standby: both streams will wait for it. */
  private Meeting write(UUID marker) throws SQLException {
    String before = Answers.text(source, "SELECT pg_current_wal_flush_lsn()");
    source.setAutoCommit(false);
    Verbatim.execute(source, "SET LOCAL synchronous_commit = local; " + insertSql(marker));
    String transaction = Answers.text(source, "SELECT pg_current_xact_id()::xid");
    source.commit();
    source.setAutoCommit(true);
    String until = Answers.text(source, "SELECT pg_current_wal_insert_lsn()");
    return new Meeting(transaction, before, until, null);
  }

  /** Returns when both streams wait for this transaction of the target. */
  private void awaitBoth(String transaction) throws SQLException {
    try {
      Verbatim.execute(
          target,
          """
          DO $$
          DECLARE until timestamptz := clock_timestamp() + interval '%d milliseconds';
          BEGIN
            WHILE 2 > (SELECT count(DISTINCT w.subname) FROM pg_stat_subscription w
                        JOIN pg_locks l ON l.pid = w.pid
                       WHERE w.subname IN (%s, %s) AND l.locktype = 'transactionid'
                         AND NOT l.granted AND l.transactionid = '%s'::xid) LOOP
              IF clock_timestamp() > until THEN
                RAISE EXCEPTION 'the marker did not arrive' USING ERRCODE = '%s';
              END IF;
              PERFORM pg_sleep(0.002);
            END LOOP;
          END $$"""
              .formatted(
                  ARRIVES.toMillis(),
                  Quoting.literal(names.forwardSubscription()),
                  Quoting.literal(ofStage.forwardSubscription()),
                  transaction,
                  NOT_ARRIVED));
    } catch (SQLException e) {
      if (SqlFailures.is(e, NOT_ARRIVED)) {
        throw Failures.transientFailure(
            "A marker did not arrive on the target by both streams within %d s: %s or %s is behind, or stands still"
                .formatted(
                    ARRIVES.toSeconds(),
                    names.forwardSubscription(),
                    ofStage.forwardSubscription()));
      }
      throw e;
    }
  }
}
