package dev.whimbrel.postgres;

import dev.whimbrel.activity.Failures;
import dev.whimbrel.activity.Move;
import dev.whimbrel.activity.Progress;
import dev.whimbrel.postgres.CopyStages.Meeting;
import java.nio.ByteBuffer;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.List;

/**
 * The slot from which one stream goes on where two have met. It is created behind the publication
 * of all tables, and waits for every transaction that is open: none that it will ever send has
 * written before. It is brought to the end of the marker's transaction, which is read from it, and
 * copied there: a slot that was only advanced may fall back when its server crashes.
 */
final class MeetingSlot implements AutoCloseable {
  /** A message of a transaction's begin: a letter, position, time, number. */
  private static final int NUMBER_AT = 17;

  /** One of its commit: a letter, flags, position, end, time. */
  private static final int END_AT = 10;

  /** What is read in a moment. */
  private static final long NEAR = 16L << 20;

  private final Connection source;
  private final Connection reading;
  private final Move move;
  private final CopySessions sessions;
  private final Names names;
  private final ForwardPublisher publisher;

  private MeetingSlot(Connection source, Connection reading, Move move, CopySessions sessions) {
    this.source = source;
    this.reading = reading;
    this.move = move;
    this.sessions = sessions;
    this.names = new Names(move.migration());
    this.publisher = new ForwardPublisher(source, names);
  }

  /**
   * Opens a session of its own for what reads the source's log, however long that takes.
   *
   * @param source the session that holds the stream's lock, in autocommit mode
   */
  static MeetingSlot open(
      Connection source, Move move, CopySessions sessions, JoinProgress progress)
      throws SQLException {
    Connection reading = progress.of(sessions.patient(application(move)));
    try {
      // Whoever comes late does not end the session of another one.
      Answers.text(source, "SELECT 1");
      StepLock.take(reading, "meeting " + move.migration());
      return new MeetingSlot(source, reading, move, sessions);
    } catch (SQLException | RuntimeException e) {
      reading.close();
      throw e;
    }
  }

  private static String application(Move move) {
    return Names.applicationName(move.migration(), "join-stage");
  }

  /** Creates it anew. Waits for the transactions that are open, as long as it takes. */
  void create(JoinProgress progress) throws SQLException {
    try (Connection creator = progress.of(sessions.creator(application(move)))) {
      // So that whoever ends the stream ends a slot's creation too.
      StepLock.take(creator, "slot " + move.migration());
      // One that was frozen up to here would leave a slot behind that nobody drops.
      ReleasedSlots.refuseNew(source, move.migration());
      drop();
      progress.asking(() -> waiting(creator));
      // Without a snapshot, releases before August 2024 wait for nobody where others decode.
      Verbatim.execute(
          creator,
          "CREATE_REPLICATION_SLOT %s LOGICAL pgoutput EXPORT_SNAPSHOT"
              .formatted(Quoting.identifier(names.meetingSlot())));
    }
    // It begins where its creation began, perhaps hours ago.
    advance(progress);
  }

  /** Brings it to where the log ends, before the marker is written. */
  void advance(JoinProgress progress) throws SQLException {
    progress.at(Progress.of("slot " + names.meetingSlot() + " is brought to where the log ends"));
    Answers.text(
        reading,
        "SELECT pg_replication_slot_advance(%s, pg_current_wal_flush_lsn())"
            .formatted(Quoting.literal(names.meetingSlot())));
  }

  /** Whether more has been written since it was brought there than is read in a moment. */
  boolean isFar() throws SQLException {
    return Answers.holds(
        source,
        "SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), confirmed_flush_lsn) > %d FROM pg_replication_slots WHERE slot_name = %s"
            .formatted(NEAR, Quoting.literal(names.meetingSlot())));
  }

  private Progress waiting(Connection creator) {
    String line = "creating slot " + names.meetingSlot() + ", which waits for open transactions";
    try {
      List<String> open = SlotWaits.transactions(source);
      return Progress.of(open.isEmpty() ? line : line + ": " + String.join("; ", open));
    } catch (SQLException e) {
      // The lock is gone with its session: who has it now makes a slot of his own.
      Heartbeats.abort(creator);
      return Progress.of(line);
    }
  }

  /** Keeps no log any more. Again is harmless. */
  void drop() throws SQLException {
    publisher.dropSlot(names.meetingSlot());
  }

  /** Where the marker's transaction ends in the source's log, as the slot tells it. */
  String locate(Meeting meeting) throws SQLException {
    requireSlot();
    // A peek keeps every row of its answer in the server's files until it is read: not those of
    // before.
    Answers.text(
        reading,
        "SELECT max(pg_replication_slot_advance(slot_name, %1$s)::text) FROM pg_replication_slots WHERE slot_name = %2$s AND confirmed_flush_lsn < %1$s::pg_lsn"
            .formatted(Quoting.literal(meeting.before()), Quoting.literal(names.meetingSlot())));
    long own = Long.parseLong(meeting.transaction());
    try (Statement statement = reading.createStatement();
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

  /** A slot that begins there is on disk when this returns. Again is harmless. */
  void keep(String lsn) throws SQLException {
    String copied = names.metSlot();
    if (isAt(copied, lsn)) {
      return;
    }
    publisher.dropSlot(copied);
    requireSlot();
    String meeting = Quoting.literal(names.meetingSlot());
    Answers.text(
        reading,
        "SELECT pg_replication_slot_advance(%s, %s)".formatted(meeting, Quoting.literal(lsn)));
    Answers.text(
        reading,
        "SELECT pg_copy_logical_replication_slot(%s, %s)"
            .formatted(meeting, Quoting.literal(copied)));
    if (!isAt(copied, lsn)) {
      throw Failures.defect(
          "Replication slot %s does not begin at %s, where the streams have met"
              .formatted(copied, lsn));
    }
  }

  private boolean isAt(String slot, String lsn) throws SQLException {
    return Answers.holds(
        source,
        "SELECT confirmed_flush_lsn = %s::pg_lsn AND wal_status <> 'lost' FROM pg_replication_slots WHERE slot_name = %s"
            .formatted(Quoting.literal(lsn), Quoting.literal(slot)));
  }

  private void requireSlot() throws SQLException {
    if (!Answers.holds(
        source,
        "SELECT wal_status <> 'lost' FROM pg_replication_slots WHERE slot_name = "
            + Quoting.literal(names.meetingSlot()))) {
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

  @Override
  public void close() throws SQLException {
    reading.close();
  }
}
