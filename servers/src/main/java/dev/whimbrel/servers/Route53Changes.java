package dev.whimbrel.servers;

import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;

/**
 * The changes that were made and are not served yet, in their order. A change is in sync from the
 * moment at which the zone is served as it was right after it.
 */
final class Route53Changes implements AutoCloseable {
  private record Pending(String id, long due, List<Route53Set> after) {}

  private final Deque<Pending> pending = new ArrayDeque<>();
  private final Consumer<List<Route53Set>> publish;
  private final ScheduledExecutorService clock =
      Executors.newSingleThreadScheduledExecutor(
          task -> {
            Thread thread = new Thread(task, "route53-propagation");
            thread.setDaemon(true);
            return thread;
          });
  private Duration delay = Duration.ZERO;

  Route53Changes(Consumer<List<Route53Set>> publish) {
    this.publish = publish;
  }

  /** How long changes that are made from now on take until they are served. */
  synchronized void delay(Duration time) {
    delay = time;
  }

  /**
   * A change was made.
   *
   * @param after the whole zone right after it
   */
  synchronized void made(String id, List<Route53Set> after) {
    pending.add(new Pending(id, System.nanoTime() + delay.toNanos(), after));
    if (delay.isZero()) {
      publishDue();
    } else {
      Future<?> unused =
          clock.schedule(this::publishDue, delay.toMillis() + 1, TimeUnit.MILLISECONDS);
    }
  }

  /** Whether a change is served, as far as it was made here. */
  synchronized boolean inSync(String id) {
    return pending.stream().noneMatch(each -> each.id().equals(id));
  }

  /** Serves everything that was changed so far, whatever the delay. */
  synchronized void publishAll() {
    List<Pending> all = new ArrayList<>(pending);
    pending.clear();
    all.forEach(each -> publish.accept(each.after()));
  }

  private synchronized void publishDue() {
    long now = System.nanoTime();
    // None overtakes an earlier one.
    while (!pending.isEmpty() && pending.getFirst().due() - now <= 0) {
      publish.accept(pending.removeFirst().after());
    }
  }

  @Override
  public void close() {
    clock.shutdownNow();
  }
}
