package dev.whimbrel.postgres;

import dev.whimbrel.activity.CopyRequest;
import java.time.Duration;

/** The holder of a snapshot, on a thread of its own. */
final class Holder implements AutoCloseable {
  final CopyRequest request;
  private final Thread thread;

  Holder(PostgresCopy copy, CopyRequest request) {
    this.request = request;
    this.thread = new Thread(() -> hold(copy, request), "holder");
    thread.start();
  }

  private static void hold(PostgresCopy copy, CopyRequest request) {
    try {
      copy.holdSnapshot(request);
    } catch (RuntimeException e) {
      if (!Thread.currentThread().isInterrupted()) {
        throw e;
      }
    }
  }

  @Override
  public void close() {
    thread.interrupt();
    Wait.until("the holder ends", Duration.ofSeconds(30), () -> !thread.isAlive());
  }
}
