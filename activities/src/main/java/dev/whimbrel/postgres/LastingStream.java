package dev.whimbrel.postgres;

import dev.whimbrel.activity.Side;
import java.sql.SQLException;
import java.time.Duration;

/**
 * A point of a stream for a comparison of days, which needs it now and then. What lies between two
 * clouds may have forgotten its sessions meanwhile: after a silence they are asked, and opened anew
 * where one does not answer.
 */
final class LastingStream implements StreamPoint {
  private static final Duration ANSWER = Duration.ofSeconds(5);

  private final Crew.Opener opener;
  private final Side from;
  private final Duration silence;
  private volatile Pair pair;
  private volatile boolean closed;
  private long used = System.nanoTime();

  /** A stream whose sessions count as doubtful after so long a silence. */
  LastingStream(Crew.Opener opener, Side from, Duration silence) throws SQLException {
    this.opener = opener;
    this.from = from;
    this.silence = silence;
    this.pair = opener.open();
  }

  @Override
  public synchronized void pass() throws SQLException {
    if (System.nanoTime() - used >= silence.toNanos() && !answers()) {
      renew();
    }
    try {
      StreamPoint.pass(pair, from);
    } finally {
      used = System.nanoTime();
    }
  }

  private boolean answers() throws SQLException {
    int seconds = Math.toIntExact(ANSWER.toSeconds());
    return pair.truth().isValid(seconds) && pair.follower().isValid(seconds);
  }

  private void renew() throws SQLException {
    Pair lost = pair;
    pair = opener.open();
    lost.abort();
    if (closed) {
      // Given up meanwhile: whoever closed it may have seen the lost ones only.
      pair.abort();
      throw new SQLException("the comparison has ended");
    }
  }

  @Override
  public void close() throws SQLException {
    closed = true;
    pair.close();
  }
}
