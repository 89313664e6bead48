package dev.whimbrel.postgres;

import dev.whimbrel.activity.Failures;
import dev.whimbrel.activity.Move;
import dev.whimbrel.activity.Progress;
import dev.whimbrel.activity.Side;
import dev.whimbrel.postgres.CopyStages.Meeting;
import dev.whimbrel.postgres.CopyStages.Stage;
import java.nio.ByteBuffer;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
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
 *
 * <p>The slot was created behind the publication of all tables, and waited for every transaction
 * that was open: none that it will ever send has written before. It is brought to the end of the
 * marker's transaction, which is read from it, and copied there: a slot that was only advanced may
 * fall back when its server crashes.
 */
final class StreamMeeting {
  private static final String WRITER = "stages";

  /** Longer than streams that have caught up take for a marker; both wait for as long. */
  private static final Duration ARRIVES = Duration.ofSeconds(30);

  private static final String NOT_ARRIVED = "WB001";

  /** A message of a transaction's begin: a letter, position, time, number. */
  private static final int NUMBER_AT = 17;

  /** One of its commit: a letter, flags, position, end, time. */
  private static final int END_AT = 10;

  private final Connection source;
  private final Connection target;
  private final Move move;
  private final Stage stage;
  private final Names names;
  private final Names ofStage;
  private final CopyStages stages;
  private final ForwardPublisher publisher;
  private final CopySessions sessions;

  /** Works through the sessions that hold the stream's lock, in autocommit mode. */
  StreamMeeting(
      Connection source, Connection target, Move move, Stage stage, CopySessions sessions) {
    this.sessions = sessions;
    this.source = source;
    this.target = target;
    this.move = move;
    this.stage = stage;
    this.names = new Names(move.migration());
    this.ofStage = Names.ofStage(move.migration());
    this.stages = new CopyStages(target);
    this.publisher = new ForwardPublisher(source, names);
  }

  /**
   * Lets both meet, and drops both. Again is harmless.
   *
   * @param soFar what the one stream will carry
   */
  void run(Selection soFar) throws SQLException {
    Optional<Meeting> noted = stages.meeting();
    Meeting meeting = noted.isPresent() ? noted.get() : meet(soFar);
    String lsn = meeting.lsn();
    if (lsn == null) {
      lsn = locate(meeting);
      stages.located(lsn);
    }
    keepSlot(names.metSlot(), lsn);
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

  private Meeting meet(Selection soFar) throws SQLException {
    for (Names each : List.of(names, ofStage)) {
      AwaitedStream.refuse(
          source,
          Stream.leaving(Side.SOURCE, each),
          "two streams are brought to the same position",
          "retry");
    }
    try {
      publisher.publishAnew(soFar);
      publisher.dropSlot(names.meetingSlot());
      createSlot();
      target.setAutoCommit(false);
      Meeting meeting = hold();
      target.commit();
      target.setAutoCommit(true);
      return meeting;
    } catch (SQLException | RuntimeException e) {
      letGo();
      throw e;
    }
  }

  /** Waits for the transactions that are open, as long as it takes. */
  private void createSlot() throws SQLException {
    try (Connection creator =
        sessions.creator(Names.applicationName(move.migration(), "join-stage"))) {
      // So that whoever ends the stream ends a slot's creation too.
      StepLock.take(creator, "slot " + move.migration());
      Heartbeats.during(
          Progress.of(
              "creating slot " + names.meetingSlot() + ", which waits for open transactions"),
          creator,
          () ->
              Verbatim.execute(
                  creator,
                  "CREATE_REPLICATION_SLOT %s LOGICAL pgoutput NOEXPORT_SNAPSHOT"
                      .formatted(Quoting.identifier(names.meetingSlot()))));
    }
  }

  /**
   * Lets both streams go on, and keeps no log for an attempt that may be long in coming. What the
   * first one is sent beyond its tables it passes by. Where the commit may have been done, only
   * what it has noted counts.
   */
  private void letGo() {
    try {
      for (Connection each : List.of(target, source)) {
        if (!each.getAutoCommit()) {
          each.rollback();
          each.setAutoCommit(true);
        }
      }
      if (stages.meeting().isEmpty()) {
        publisher.dropSlot(names.meetingSlot());
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
    source.setAutoCommit(false);
    Verbatim.execute(source, "SET LOCAL synchronous_commit = local; " + insertSql(marker));
    String transaction = Answers.text(source, "SELECT pg_current_xact_id()::xid");
    source.commit();
    source.setAutoCommit(true);
    String until = Answers.text(source, "SELECT pg_current_wal_insert_lsn()");
    return new Meeting(transaction, until, null);
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

  /** Where the marker's transaction ends in the source's log, as the slot tells it. */
  private String locate(Meeting meeting) throws SQLException {
    requireSlot();
    long own = Long.parseLong(meeting.transaction());
    try (Statement statement = source.createStatement();
        ResultSet messages =
            statement.executeQuery(
                "SELECT substring(data FROM 1 FOR 26) FROM pg_logical_slot_peek_binary_changes(%s, %s::pg_lsn, NULL, 'proto_version', '1', 'publication_names', %s) WHERE get_byte(data, 0) IN (66, 67)"
                    .formatted(
                        Quoting.literal(names.meetingSlot()),
                        Quoting.literal(meeting.until()),
                        Quoting.literal(Quoting.identifier(names.forwardPublication()))))) {
      boolean found = false;
      while (messages.next()) {
        ByteBuffer message = ByteBuffer.wrap(messages.getBytes(1));
        if (message.get(0) == 'B') {
          found = Integer.toUnsignedLong(message.getInt(NUMBER_AT)) == own;
        } else if (found) {
          long end = message.getLong(END_AT);
          return "%X/%X".formatted(end >>> Integer.SIZE, end & 0xFFFFFFFFL);
        }
      }
    }
    throw lost("the marker at which both streams wait is not in its log");
  }

  /** A slot that begins there is on disk when this returns. */
  private void keepSlot(String copied, String lsn) throws SQLException {
    if (isAt(copied, lsn)) {
      return;
    }
    publisher.dropSlot(copied);
    requireSlot();
    String meeting = Quoting.literal(names.meetingSlot());
    Answers.text(
        source,
        "SELECT pg_replication_slot_advance(%s, %s)".formatted(meeting, Quoting.literal(lsn)));
    Answers.text(
        source,
        "SELECT pg_copy_logical_replication_slot(%s, %s)"
            .formatted(meeting, Quoting.literal(copied)));
    if (!isAt(copied, lsn)) {
      throw Failures.defect(
          "Replication slot %s does not begin at %s, where the streams have met"
              .formatted(copied, lsn));
    }
  }

  private boolean isAt(String slot, String lsn) throws SQLException {
    return Answers.text(
            source,
            "SELECT confirmed_flush_lsn = %s::pg_lsn AND wal_status <> 'lost' FROM pg_replication_slots WHERE slot_name = %s"
                .formatted(Quoting.literal(lsn), Quoting.literal(slot)))
        .equals("t");
  }

  private void requireSlot() throws SQLException {
    if (!Answers.text(
            source,
            "SELECT wal_status <> 'lost' FROM pg_replication_slots WHERE slot_name = "
                + Quoting.literal(names.meetingSlot()))
        .equals("t")) {
      throw lost("changes that the target does not have are no longer kept for it");
    }
  }

  private RuntimeException lost(String why) {
    return Failures.needsHelp(
        "The source has lost replication slot %s: %s".formatted(names.meetingSlot(), why),
        "roll back and start again; look for max_slot_wal_keep_size and"
            + " idle_replication_slot_timeout, or for who dropped the slot",
        "whimbrel rollback " + move.migration());
  }
}
