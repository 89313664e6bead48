package dev.whimbrel.checks;

import dev.whimbrel.activity.Failures;
import dev.whimbrel.checks.GuardWindow.Kind;
import dev.whimbrel.checks.GuardWindow.Sample;
import dev.whimbrel.checks.GuardWindow.Verdict;
import dev.whimbrel.runbook.GuardSpec;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.ThreadFactory;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/**
 * Takes a sample at every interval, whether or not the one before has been answered, and whatever
 * the thread that reports is waiting for. A look that is not answered within its limit is bad; not
 * known where it would have asked somebody else than the service alone.
 */
final class GuardWatch implements AutoCloseable {
  /** Behind so many missed looks, and this, nothing is known any more. */
  private static final int MISSED = 3;

  private static final Duration HICCUP = Duration.ofSeconds(5);

  private final Look look;
  private final Duration limit;
  private final Kind late;
  private final int atOnce;
  private final Clock clock;
  private final GuardWindow window;
  private long looked;
  private final AtomicInteger running = new AtomicInteger();
  private final ScheduledExecutorService ticks =
      Executors.newSingleThreadScheduledExecutor(daemon());
  private final ScheduledFuture<?> ticking;
  private final ExecutorService looks = Executors.newCachedThreadPool(daemon());

  /** One look at the guard's subject. */
  interface Look {
    /** Looks; a failure to look is what was seen. */
    Seen look() throws InterruptedException;
  }

  /**
   * What one look has seen.
   *
   * @param text in words
   * @param pair what both sides did, for a guard that compares; otherwise null
   */
  record Seen(Kind kind, String text, SideBySide.@Nullable Pair pair) {
    Seen(Kind kind, String text) {
      this(kind, text, null);
    }
  }

  /**
   * @param limit how long one look may take before it counts as bad
   * @param atOnce how many looks may be under way; while so many are, none is started
   */
  GuardWatch(GuardSpec guard, Look look, Duration limit, int atOnce, Clock clock) {
    this.look = look;
    this.limit = limit;
    this.late = guard.prometheus() == null && guard.compare() == null ? Kind.BAD : Kind.UNKNOWN;
    this.atOnce = atOnce;
    this.clock = clock;
    this.window = new GuardWindow(guard, guard.interval().multipliedBy(MISSED).plus(HICCUP));
    this.ticking =
        ticks.scheduleAtFixedRate(
            this::tick, 0, Math.max(1, guard.interval().toMillis()), TimeUnit.MILLISECONDS);
  }

  /**
   * What is known now.
   *
   * @throws io.temporal.failure.ApplicationFailure {@code Transient} when nobody looks any more
   */
  synchronized Verdict judge() {
    if (ticking.isDone()) {
      throw Failures.transientFailure("Cannot watch on: the guard has stopped looking");
    }
    return window.judge(clock.instant());
  }

  synchronized @Nullable Instant heldSince() {
    return window.heldSince();
  }

  synchronized @Nullable Instant lastLooked() {
    return window.lastLooked();
  }

  /** How often this watch has looked. */
  synchronized long looks() {
    return looked;
  }

  private void tick() {
    Instant at = clock.instant();
    long start = System.nanoTime();
    synchronized (this) {
      looked++;
      window.look(at);
    }
    if (running.incrementAndGet() > atOnce) {
      running.decrementAndGet();
      return;
    }
    CompletableFuture<Seen> answer = new CompletableFuture<>();
    var thread =
        looks.submit(
            () -> {
              try {
                answer.complete(look.look());
              } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
              } catch (RuntimeException e) {
                // Such as a secret that this worker lacks: it tells nothing about the service.
                answer.complete(new Seen(Kind.UNKNOWN, String.valueOf(e.getMessage())));
              }
            });
    var unused =
        answer
            .completeOnTimeout(
                new Seen(late, "no answer within " + limit.toMillis() + " ms"),
                limit.toMillis(),
                TimeUnit.MILLISECONDS)
            .thenAccept(
                seen -> {
                  thread.cancel(true);
                  running.decrementAndGet();
                  add(at, Duration.ofNanos(System.nanoTime() - start), seen);
                });
  }

  private synchronized void add(Instant at, Duration took, Seen seen) {
    window.add(new Sample(at, took, seen.kind(), seen.text(), seen.pair()), clock.instant());
  }

  @Override
  public void close() {
    ticks.shutdownNow();
    looks.shutdownNow();
  }

  private static ThreadFactory daemon() {
    return work -> {
      Thread thread = new Thread(work, "guard");
      thread.setDaemon(true);
      return thread;
    };
  }
}
