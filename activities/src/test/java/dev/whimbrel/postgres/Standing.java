package dev.whimbrel.postgres;

import dev.whimbrel.activity.HandOver;
import dev.whimbrel.activity.SwitchoverRequest;
import dev.whimbrel.secrets.Secrets;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/** A switchover in a thread that stands still at a point, while its process lives on. */
final class Standing {
  private final CountDownLatch there = new CountDownLatch(1);
  private final CountDownLatch go = new CountDownLatch(1);
  private final CompletableFuture<HandOver> end;

  Standing(Checkpoints.Point point, SwitchoverRequest request) {
    PostgresSwitchover late =
        new PostgresSwitchover(
            new Secrets(),
            at -> {
              if (at == point && there.getCount() > 0) {
                there.countDown();
                await(go);
              }
            });
    end = CompletableFuture.supplyAsync(() -> late.handOver(request));
  }

  void awaitThere() {
    await(there);
  }

  HandOver goOn() throws Exception {
    go.countDown();
    return end.get(60, TimeUnit.SECONDS);
  }

  /** Goes on, and tells the end: its line, or what failed. */
  String howItEnds() throws InterruptedException, TimeoutException {
    go.countDown();
    try {
      return end.get(60, TimeUnit.SECONDS).line();
    } catch (ExecutionException e) {
      return String.valueOf(e.getCause());
    }
  }

  private static void await(CountDownLatch latch) {
    try {
      if (!latch.await(60, TimeUnit.SECONDS)) {
        throw new AssertionError("not within a minute");
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new AssertionError("interrupted", e);
    }
  }
}
