package dev.whimbrel.postgres;

import dev.whimbrel.activity.Side;
import java.sql.SQLException;
import java.time.Duration;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicLong;
import org.postgresql.core.BaseConnection;
import org.postgresql.core.TransactionState;
import org.postgresql.util.PSQLException;
import org.postgresql.util.PSQLState;

/**
 * Rows from one server to the other, in memory: what the target does not take yet, the source does
 * not send. Counts bytes, for progress and so that a standstill is noticed. It needs the same
 * little memory for rows of any size.
 */
final class RowPipe {
  /** How long a server's own words are waited for where its connection broke. */
  private static final Duration LAST_WORDS = Duration.ofSeconds(2);

  private final AtomicLong bytes = new AtomicLong();
  private final Throttle throttle;
  private final long limit;
  private volatile long began;
  private volatile long ended;

  /** A pipe that moves rows as fast as both servers go. */
  RowPipe() {
    this(Throttle.none());
  }

  /** A pipe that is held up now and then. */
  RowPipe(Throttle throttle) {
    this(throttle, Long.MAX_VALUE);
  }

  /** A pipe that fails where it would move more bytes than these, in all of its runs together. */
  RowPipe(Throttle throttle, long limit) {
    this.throttle = throttle;
    this.limit = limit;
  }

  /** Bytes moved so far, by every run of this pipe; may be asked by another thread. */
  long bytes() {
    return bytes.get();
  }

  /** When the last run began to move rows, by {@link System#nanoTime}. */
  long began() {
    return began;
  }

  /** When the target had taken all of the last run's rows. */
  long ended() {
    return ended;
  }

  /**
   * Runs {@code COPY … TO STDOUT} into {@code COPY … FROM STDIN}. Where it fails, neither session
   * is of any use.
   *
   * @return rows that the target took
   */
  long run(RowSession source, String out, RowSession target, String in) throws SQLException {
    requireTransaction(source);
    requireTransaction(target);
    try {
      CopyStream from = new CopyStream(source, Side.SOURCE);
      CopyStream into = new CopyStream(target, Side.TARGET);
      into.begin(in, 'G');
      from.begin(out, 'H');
      began = System.nanoTime();
      FutureTask<Long> taken = AtOnce.beside("copy-answer", () -> listen(into, source));
      long sent;
      try {
        sent = pump(from, into, taken);
        into.end();
      } catch (SQLException e) {
        throw lastWords(taken, e);
      }
      long rows = AtOnce.ended(taken);
      ended = System.nanoTime();
      if (rows != sent) {
        throw new PSQLException(
            "the source sent %d rows, the target took %d".formatted(sent, rows),
            PSQLState.DATA_ERROR);
      }
      return rows;
    } catch (SQLException | RuntimeException e) {
      source.abort();
      target.abort();
      throw e;
    }
  }

  /** What the target refuses ends the source's part too, which may have nothing to send yet. */
  private static long listen(CopyStream into, RowSession source) throws SQLException {
    try {
      return into.awaitEnd();
    } catch (SQLException e) {
      source.abort();
      throw e;
    }
  }

  /** A failure could not take back what was copied outside of one. */
  private static void requireTransaction(RowSession session) throws SQLException {
    if (session.connection().unwrap(BaseConnection.class).getTransactionState()
        != TransactionState.OPEN) {
      throw new IllegalStateException("Rows move in open transactions only");
    }
  }

  /** Moves all rows, and says how many the source had. */
  private long pump(CopyStream from, CopyStream into, FutureTask<Long> taken) throws SQLException {
    byte[] piece = new byte[CopyStream.PIECE];
    int length = from.read(piece);
    while (length > 0) {
      if (taken.isDone()) {
        AtOnce.ended(taken);
        throw new PSQLException("the target ended COPY before its rows did", PSQLState.DATA_ERROR);
      }
      into.write(piece, length);
      if (bytes.addAndGet(length) > limit) {
        throw new PSQLException(
            "there are more than %s of rows".formatted(Size.words(limit)), PSQLState.OUT_OF_MEMORY);
      }
      throttle.moved(length);
      length = from.read(piece);
    }
    return from.awaitEnd();
  }

  /** What a server says of a failure tells more than that its connection broke. */
  private static SQLException lastWords(FutureTask<Long> taken, SQLException broken) {
    if (!PSQLState.CONNECTION_FAILURE.getState().equals(broken.getSQLState())) {
      return broken;
    }
    try {
      taken.get(LAST_WORDS.toMillis(), TimeUnit.MILLISECONDS);
      return broken;
    } catch (ExecutionException e) {
      return e.getCause() instanceof SQLException said ? said : broken;
    } catch (TimeoutException e) {
      return broken;
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return broken;
    }
  }
}
