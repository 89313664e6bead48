package dev.whimbrel.postgres;

import java.time.Duration;
import java.util.List;

/**
 * Keeps an attempt's sessions alive while it waits, and stops at the deadline: a process that hangs
 * gives writes back even though its threads still run.
 */
final class Pinger implements AutoCloseable {
  /** A quarter of the dead man's switch. */
  static final Duration INTERVAL = Duration.ofMillis(500);

  private final List<Thread> threads;
  private volatile long stopAt;
  private volatile boolean closed;

  Pinger(List<Session> sessions, Duration limit) {
    this.stopAt = System.nanoTime() + limit.toNanos();
    // A thread each: a server that does not answer must not silence the ping of the other one.
    this.threads = sessions.stream().map(session -> new Thread(() -> run(session))).toList();
    for (Thread thread : threads) {
      thread.setName("whimbrel-pinger");
      thread.setDaemon(true);
      thread.start();
    }
  }

  /** Moves the deadline. */
  void until(Duration fromNow) {
    stopAt = System.nanoTime() + fromNow.toNanos();
  }

  @Override
  public void close() {
    closed = true;
    threads.forEach(Thread::interrupt);
  }

  private void run(Session session) {
    while (!closed) {
      if (stopAt - System.nanoTime() > 0) {
        session.ping();
      }
      try {
        Thread.sleep(INTERVAL.toMillis() / 4);
      } catch (InterruptedException e) {
        return;
      }
    }
  }
}
