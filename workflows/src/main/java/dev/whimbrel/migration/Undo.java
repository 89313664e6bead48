package dev.whimbrel.migration;

import dev.whimbrel.activity.Outcome;
import io.temporal.failure.TemporalFailure;
import io.temporal.workflow.CancellationScope;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * What takes back what was done: one undo for each thing in the world, registered before that
 * thing's first change, carried out newest first.
 */
final class Undo {
  private record Entry(Step step, boolean barrier, Function<Step, Outcome> work) {}

  private final Deque<Entry> entries = new ArrayDeque<>();

  /** Registers an undo before which nothing older is touched. Again is harmless. */
  void barrier(Step step, Function<Step, Outcome> work) {
    register(new Entry(step, true, work));
  }

  /** Registers an undo whose failure is named in the result and stops nothing. */
  void tidying(Step step, Function<Step, Outcome> work) {
    register(new Entry(step, false, work));
  }

  private void register(Entry entry) {
    // What would be undone is not begun any more.
    CancellationScope.throwCanceled();
    if (entries.stream().noneMatch(known -> known.step() == entry.step())) {
      entries.push(entry);
    }
  }

  /** Lets a known undo come before all the others that are known by now. */
  void raise(Step step) {
    entries.stream()
        .filter(entry -> entry.step() == step)
        .findFirst()
        .ifPresent(
            entry -> {
              entries.remove(entry);
              entries.push(entry);
            });
  }

  /** What would be done, newest first. */
  List<Step> steps() {
    return entries.stream().map(Entry::step).toList();
  }

  /**
   * Takes everything back, newest first. A barrier waits for a person when it fails.
   *
   * @param first what is taken back before everything else, or null
   * @return tidying that failed, each with its reason
   */
  List<String> all(Runner runner, @Nullable Step first) {
    if (first != null) {
      raise(first);
    }
    List<String> leftOver = new ArrayList<>();
    while (!entries.isEmpty()) {
      Entry entry = entries.pop();
      if (entry.barrier()) {
        runner.run(entry.step(), entry.work());
        continue;
      }
      try {
        if (!runner.once(entry.step(), entry.work())) {
          leftOver.add(entry.step().title() + ": skipped");
        }
      } catch (TemporalFailure e) {
        if (CancellationScope.current().isCancelRequested()) {
          throw e;
        }
        leftOver.add(entry.step().title() + ": " + Judgement.help(entry.step(), e).cause());
      }
    }
    return leftOver;
  }
}
