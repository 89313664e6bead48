package dev.whimbrel.postgres;

import dev.whimbrel.activity.Failures;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/** Does several things at once, each in a thread of its own. */
final class AtOnce {
  private AtOnce() {}

  /**
   * Does it to every one, also where it fails for another, and waits for all.
   *
   * @throws RuntimeException the first failure, in the order of the list; later ones are suppressed
   */
  static <T> void run(List<T> all, Consumer<T> work) {
    if (all.size() == 1) {
      work.accept(all.get(0));
      return;
    }
    List<FutureTask<@Nullable Void>> tasks = new ArrayList<>();
    for (T one : all) {
      FutureTask<@Nullable Void> task = new FutureTask<>(() -> work.accept(one), null);
      tasks.add(task);
      Thread thread = new Thread(task, "whimbrel-at-once");
      thread.setDaemon(true);
      thread.start();
    }
    FirstFailure failure = new FirstFailure();
    for (FutureTask<@Nullable Void> task : tasks) {
      try {
        task.get();
      } catch (ExecutionException e) {
        failure.add(
            e.getCause() instanceof RuntimeException cause ? cause : new IllegalStateException(e));
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        throw Failures.transientFailure("Interrupted: this worker is being stopped");
      }
    }
    failure.tellUnchecked();
  }

  /** What is asked of one side. */
  interface Question<T> {
    T ask() throws SQLException;
  }

  /**
   * Asks both sides at the same time.
   *
   * @param name of the thread that asks the follower
   * @throws SQLException the truth's failure, else the follower's, when both have ended
   */
  static <T> Pair.Read<T> both(String name, Question<T> truth, Question<T> follower)
      throws SQLException {
    FutureTask<T> beside = beside(name, follower::ask);
    T ofTruth;
    try {
      ofTruth = truth.ask();
    } catch (SQLException e) {
      try {
        ended(beside);
      } catch (SQLException other) {
        e.addSuppressed(other);
      }
      throw e;
    }
    return new Pair.Read<>(ofTruth, ended(beside));
  }

  /** Begins work in a thread of its own; {@link #ended} waits for it. */
  static <T extends @Nullable Object> FutureTask<T> beside(String name, Callable<T> work) {
    FutureTask<T> task = new FutureTask<>(work);
    Thread thread = new Thread(task, name);
    thread.setDaemon(true);
    thread.start();
    return task;
  }

  /**
   * Waits for work that was begun beside.
   *
   * @throws SQLException its failure, as it is; also where this thread is interrupted
   */
  static <T extends @Nullable Object> T ended(FutureTask<T> beside) throws SQLException {
    try {
      return beside.get();
    } catch (ExecutionException e) {
      if (e.getCause() instanceof SQLException said) {
        throw said;
      }
      if (e.getCause() instanceof RuntimeException failure) {
        throw failure;
      }
      throw new IllegalStateException(e.getCause());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new SQLException("interrupted while another session was at work", e);
    }
  }
}
