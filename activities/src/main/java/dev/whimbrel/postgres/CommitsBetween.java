package dev.whimbrel.postgres;

import dev.whimbrel.activity.Failures;
import java.nio.ByteBuffer;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.Arrays;
import java.util.Set;
import java.util.stream.Collectors;

/**
 * Which transactions a stream brings before a marker though a snapshot does not see them: a commit
 * stands in the log before it is seen. Reads the log by a temporary slot, which is gone with its
 * session.
 */
final class CommitsBetween {
  /** A message of a transaction's begin: a letter, position, time, number. */
  private static final int NUMBER_AT = 17;

  private static final long EPOCH = 1L << 32;

  private final Connection session;
  private final String slot;
  private final Stream stream;
  private String from = "";
  private String until = "";

  private CommitsBetween(Connection session, String slot, Stream stream) {
    this.session = session;
    this.slot = slot;
    this.stream = stream;
  }

  /**
   * Creates the slot; waits for the transactions that are open.
   *
   * @throws io.temporal.failure.ApplicationFailure {@code Transient} where they do not end
   */
  static CommitsBetween open(Connection session, Stream stream, String migration)
      throws SQLException {
    String slot =
        "whimbrel_%s_position_%s"
            .formatted(
                migration.replace('-', '_'), Answers.text(session, "SELECT pg_backend_pid()"));
    try {
      Answers.text(
          session,
          "SELECT pg_create_logical_replication_slot(%s, 'pgoutput', true)"
              .formatted(Quoting.literal(slot)));
      return new CommitsBetween(session, slot, stream);
    } catch (SQLException e) {
      if (!SqlFailures.is(e, SqlFailures.QUERY_CANCELED)) {
        throw e;
      }
      throw Failures.transientFailure(
          "A transaction of the source has been open for more than a minute: before it ends, no position of the stream is known");
    }
  }

  /** From here on the log is read. */
  void begin() throws SQLException {
    from = Answers.text(session, "SELECT pg_current_wal_flush_lsn()");
  }

  /** Up to here it is read: the marker stands before it. */
  void until(String position) {
    until = position;
  }

  /** Waits until the transaction with this number waits for a lock; not for long. */
  void awaitWaiting(String transaction, Duration limit) throws SQLException {
    Deadline deadline = new Deadline(limit);
    String waits =
        "SELECT EXISTS (SELECT FROM pg_locks w JOIN pg_locks o ON o.pid = w.pid"
            + " WHERE w.locktype = 'advisory' AND NOT w.granted AND o.locktype = 'transactionid'"
            + " AND o.granted AND o.transactionid = '"
            + transaction
            + "'::xid)";
    while (!Answers.holds(session, waits) && !deadline.passed()) {
      Pause.of(Duration.ofMillis(1));
    }
  }

  /**
   * Whether the snapshot sees everything that the stream brings before the marker.
   *
   * @param snapshot as {@code pg_snapshot} writes it
   * @param marker the number of the marker's transaction, which has been committed
   */
  boolean none(String snapshot, String marker) throws SQLException {
    String name = Quoting.literal(slot);
    Answers.text(
        session,
        "SELECT pg_replication_slot_advance(slot_name, greatest(confirmed_flush_lsn, '%s'))"
                .formatted(from)
            + " FROM pg_replication_slots WHERE slot_name = "
            + name);
    Seen seen = Seen.of(snapshot);
    long own = Long.parseLong(marker);
    boolean none = true;
    boolean found = false;
    try (Statement statement = session.createStatement();
        ResultSet begins =
            statement.executeQuery(
                "SELECT substring(data FROM 1 FOR 21) FROM pg_logical_slot_get_binary_changes("
                    + name
                    + ", "
                    + Quoting.literal(until)
                    + "::pg_lsn, NULL, 'proto_version', '1',"
                    + " 'publication_names', "
                    + Quoting.literal(stream.publicationNames())
                    + ") WHERE get_byte(data, 0) = 66")) {
      while (begins.next()) {
        long number = Integer.toUnsignedLong(ByteBuffer.wrap(begins.getBytes(1)).getInt(NUMBER_AT));
        found |= number == own;
        none &= found || seen.sees(number);
      }
    }
    return none && found;
  }

  /**
   * A snapshot.
   *
   * @param least below it all have ended
   * @param next from it on none has ended
   * @param open those between that have not
   */
  record Seen(long least, long next, Set<Long> open) {

    static Seen of(String snapshot) {
      String[] parts = snapshot.split(":", -1);
      return new Seen(
          Long.parseLong(parts[0]),
          Long.parseLong(parts[1]),
          Arrays.stream(parts[2].split(",", -1))
              .filter(number -> !number.isEmpty())
              .map(Long::valueOf)
              .collect(Collectors.toSet()));
    }

    /** Whether it sees a transaction, told by the lower half of its number. */
    boolean sees(long lower) {
      long number = (next / EPOCH) * EPOCH + lower;
      if (number > next + EPOCH / 2) {
        number -= EPOCH;
      } else if (number < next - EPOCH / 2) {
        number += EPOCH;
      }
      return number < least || (number < next && !open.contains(number));
    }
  }
}
