package dev.whimbrel.postgres;

import dev.whimbrel.activity.Failures;
import dev.whimbrel.activity.Progress;
import io.temporal.failure.TemporalFailure;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.CompletionService;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorCompletionService;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Consumer;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * Several threads, each with a pair of sessions of its own, that work a list of tasks off. A task
 * may be cut into parts, which come before every other task.
 */
final class Crew {
  private static final Duration HEARTBEAT = Duration.ofSeconds(1);

  private final Opener opener;
  private final Refusal refused;
  private final int jobs;
  private final Deque<Task> tasks = new ArrayDeque<>();
  private final Queue<Pair> pairs = new ConcurrentLinkedQueue<>();
  private int atWork;
  private long total;

  /**
   * A crew that has nothing to do yet.
   *
   * @param refused told of a task that the server refuses
   */
  Crew(int jobs, Opener opener, Refusal refused) {
    this.jobs = Math.max(1, jobs);
    this.opener = opener;
    this.refused = refused;
  }

  /** Opens a pair of sessions. */
  interface Opener {
    Pair open() throws SQLException;

    /** Does a task in sessions that others do next. */
    default void apart(Pair pair, Work work) throws SQLException, InterruptedException {
      work.run(pair);
    }
  }

  /** Decides whether a failure is one task's alone; throws it on where it is not. */
  interface Refusal {
    void of(String subject, SQLException e) throws SQLException;
  }

  /** What is done with a pair of sessions. */
  interface Work {
    void run(Pair pair) throws SQLException, InterruptedException;
  }

  /** A piece of work with its own name in messages. */
  record Task(String subject, Work work) {}

  synchronized void add(Task task) {
    tasks.addLast(task);
    total++;
  }

  /** How far it is, for a heartbeat. */
  synchronized Progress progress(String line) {
    return new Progress(line, total - tasks.size(), total, null, null, null, null, null);
  }

  /** Works all tasks off; throws the first failure that is not one task's alone. */
  void work(Consumer<Progress> heartbeat, Supplier<String> line) throws SQLException {
    ExecutorService threads = Executors.newFixedThreadPool(jobs, Crew::daemon);
    try {
      CompletionService<Crew> running = new ExecutorCompletionService<>(threads);
      for (int i = 0; i < jobs; i++) {
        running.submit(this::drain);
      }
      for (int ended = 0; ended < jobs; ) {
        if (ended(running)) {
          ended++;
        } else {
          heartbeat.accept(progress(line.get()));
        }
      }
    } finally {
      // Reached with sessions still open only when the work is given up.
      clear();
      threads.shutdownNow();
      pairs.forEach(Pair::abort);
    }
  }

  /** One thread of this name that ends with the worker. */
  static Thread daemon(Runnable work) {
    Thread thread = new Thread(work, "verification");
    thread.setDaemon(true);
    return thread;
  }

  /** Waits a moment for one of the threads; throws what it failed with. */
  static <T> boolean ended(CompletionService<T> running) throws SQLException {
    try {
      Future<T> next = running.poll(HEARTBEAT.toMillis(), TimeUnit.MILLISECONDS);
      if (next != null) {
        next.get();
      }
      return next != null;
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw Failures.transientFailure("Cannot go on comparing: the worker is shutting down");
    } catch (ExecutionException e) {
      if (e.getCause() instanceof SQLException sql) {
        throw sql;
      }
      if (e.getCause() instanceof TemporalFailure failure) {
        throw failure;
      }
      throw new IllegalStateException(e.getCause());
    }
  }

  /**
   * Does parts of a task, by the thread that calls and by whoever else is free meanwhile, and
   * returns when all are done.
   *
   * @param own the caller's sessions
   * @throws SQLException the first failure of one of them, in the order of the list
   */
  void together(Pair own, List<Work> works) throws SQLException, InterruptedException {
    List<Part> parts = works.stream().map(Part::new).toList();
    offer(parts);
    for (Part part : parts) {
      part.run(own);
    }
    for (Part part : parts) {
      part.await();
    }
  }

  private synchronized void offer(List<Part> parts) {
    // The caller begins with the first of them, the others with the last.
    for (Part part : parts) {
      tasks.addFirst(new Task("", part::run));
      total++;
    }
    notifyAll();
  }

  private Crew drain() throws SQLException, InterruptedException {
    try (Pair pair = opener.open()) {
      pairs.add(pair);
      for (Task task = next(); task != null; task = next()) {
        try {
          opener.apart(pair, task.work());
        } catch (SQLException e) {
          // What one object does not allow says nothing about the others.
          refused.of(task.subject(), e);
        } finally {
          done();
        }
      }
      pairs.remove(pair);
      return this;
    }
  }

  /** Waits while others are at work, since they may cut theirs into parts; null at the end. */
  private synchronized @Nullable Task next() throws InterruptedException {
    while (tasks.isEmpty() && atWork > 0) {
      wait();
    }
    Task task = tasks.poll();
    if (task != null) {
      atWork++;
    }
    return task;
  }

  private synchronized void done() {
    atWork--;
    notifyAll();
  }

  private synchronized void clear() {
    tasks.clear();
  }

  /** Work that is done once, by whoever comes first. */
  private static final class Part {
    private final Work work;
    private final AtomicBoolean taken = new AtomicBoolean();
    private final CountDownLatch done = new CountDownLatch(1);
    private final FirstFailure failure = new FirstFailure();

    Part(Work work) {
      this.work = work;
    }

    /** Its failure is the task's to which it belongs. */
    void run(Pair pair) throws InterruptedException {
      if (taken.getAndSet(true)) {
        return;
      }
      try {
        work.run(pair);
      } catch (SQLException e) {
        failure.add(e);
      } catch (RuntimeException e) {
        failure.add(e);
      } catch (InterruptedException e) {
        failure.add(new SQLException("interrupted while it was at work", e));
        throw e;
      } finally {
        done.countDown();
      }
    }

    void await() throws SQLException, InterruptedException {
      done.await();
      failure.tell();
    }
  }
}
