package dev.whimbrel.lab;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * Clients that write all the time, each over one long-lived session, straight over JDBC. They enter
 * every answer into the ledger and never repeat a write. A session that broke, or that was told
 * that the database is closed, is replaced by a new one at the place as it is then.
 */
public final class Writers implements AutoCloseable {
  private final List<Thread> threads = new ArrayList<>();
  private final AtomicInteger generation = new AtomicInteger();
  private volatile boolean stopped;

  private Writers(Ledger ledger, Place place, int count, int perSecond, int rows) {
    long pauseNanos = perSecond == 0 ? 0 : TimeUnit.SECONDS.toNanos(1) * count / perSecond;
    for (int i = 1; i <= count; i++) {
      Writer writer =
          new Writer(ledger, place, i, pauseNanos, rows, () -> stopped, () -> generation.get());
      Thread thread = new Thread(writer, "writer-" + i);
      thread.setDaemon(true);
      threads.add(thread);
      thread.start();
    }
  }

  /** Starts {@code count} clients that write as fast as the database answers. */
  public static Writers start(Ledger ledger, Place place, int count) {
    return new Writers(ledger, place, count, 0, 1);
  }

  /** Starts {@code count} clients that write at most {@code perSecond} times a second together. */
  public static Writers start(Ledger ledger, Place place, int count, int perSecond) {
    return start(ledger, place, count, perSecond, 1);
  }

  /**
   * As {@link #start(Ledger, Place, int, int)}, where every other insert writes several rows in one
   * transaction; each row is a write of its own in the ledger.
   */
  static Writers start(Ledger ledger, Place place, int count, int perSecond, int rows) {
    return new Writers(ledger, place, count, perSecond, rows);
  }

  /** Lets every client open a new session before its next write. */
  public void reconnect() {
    generation.incrementAndGet();
  }

  /**
   * Stops after each client's current write.
   *
   * @throws IllegalStateException if a client is still waiting for an answer after a minute
   */
  @Override
  public void close() {
    stopped = true;
    try {
      for (Thread thread : threads) {
        thread.join(TimeUnit.MINUTES.toMillis(1));
        if (thread.isAlive()) {
          throw new IllegalStateException(thread.getName() + " is still waiting for an answer");
        }
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
