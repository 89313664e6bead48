package dev.whimbrel.postgres;

import dev.whimbrel.activity.Side;
import java.nio.ByteBuffer;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import org.postgresql.util.PSQLException;
import org.postgresql.util.PSQLState;

/**
 * What a replication slot's stream says, in pieces: the driver would hold every message as a whole,
 * and one holds a row, which may have hundreds of megabytes. The slot stays as it is. Messages are
 * those of PostgreSQL's "Streaming Replication Protocol".
 */
final class ChangeStream implements PgOutput.Bytes {
  /** The server ends a stream of which it hears nothing for a minute. */
  private static final Duration SIGN_OF_LIFE = Duration.ofSeconds(10);

  /** Microseconds between 1970 and PostgreSQL's own beginning of time, 2000. */
  private static final long EPOCH_MICROS = 946_684_800_000_000L;

  private final CopyStream stream;
  private final ServerMessages messages;
  private final Duration silence;
  private long reached;
  private Instant told = Instant.now();

  /**
   * Begins to read.
   *
   * @param session speaks the replication protocol
   * @param silence how long the server may say nothing new
   */
  ChangeStream(
      RowSession session, Side side, String slot, List<String> publications, Duration silence)
      throws SQLException {
    session.patience(silence);
    this.silence = silence;
    this.stream = new CopyStream(session, side);
    this.messages = stream.messages();
    stream.begin(
        "START_REPLICATION SLOT %s LOGICAL 0/0 (proto_version '1', publication_names %s)"
            .formatted(
                Quoting.identifier(slot), Quoting.literal(Stream.publicationNames(publications))),
        'W');
  }

  /**
   * Waits for the next message of {@code pgoutput}.
   *
   * @return the letter that says what it is
   * @throws SQLException also where nothing new came for too long
   */
  byte next() throws SQLException {
    Instant heard = Instant.now();
    while (messages.next()) {
      byte kind = take();
      long before = reached;
      if (kind == 'w') {
        position(take(3 * Long.BYTES));
        report(false);
        return take();
      }
      if (kind == 'k') {
        position(take(2 * Long.BYTES));
        report(take() == 1);
      }
      if (reached > before) {
        heard = Instant.now();
      } else if (Duration.between(heard, Instant.now()).compareTo(silence) > 0) {
        break;
      }
    }
    throw new PSQLException(
        "the replication slot has had nothing new to say for "
            + silence.toMinutes()
            + " min, or its server has ended it",
        PSQLState.CONNECTION_FAILURE);
  }

  private void position(byte[] header) {
    ByteBuffer numbers = ByteBuffer.wrap(header);
    numbers.getLong();
    reached = Math.max(reached, ByteBuffer.wrap(header).getLong());
  }

  /** Says what has arrived; nothing is done with, so that the slot keeps all of it. */
  private void report(boolean asked) throws SQLException {
    if (!asked && Duration.between(told, Instant.now()).compareTo(SIGN_OF_LIFE) < 0) {
      return;
    }
    told = Instant.now();
    long micros = told.toEpochMilli() * 1000 - EPOCH_MICROS;
    ByteBuffer status = ByteBuffer.allocate(1 + 4 * Long.BYTES + 1);
    status.put((byte) 'r').putLong(reached).putLong(0).putLong(0).putLong(micros).put((byte) 0);
    stream.answer(status.array());
  }

  /** Whether the message says more. */
  boolean hasMore() {
    return messages.left() > 0;
  }

  /** Ends the stream, so that the slot is free when this returns. */
  void end() throws SQLException {
    stream.end();
    messages.awaitReady();
  }

  @Override
  public byte[] take(int count) throws SQLException {
    return messages.take(count);
  }

  @Override
  public void skip(int count) throws SQLException {
    messages.skip(count);
  }
}
