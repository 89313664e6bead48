package dev.whimbrel.lab;

import static org.assertj.core.api.Assertions.assertThat;

import dev.whimbrel.migration.MigrationStatus;
import dev.whimbrel.migration.MigrationStatus.State;
import java.time.Duration;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import java.util.function.Predicate;

/**
 * The waits of one journey: counts in each the looks of its watcher and the events that it added,
 * and keeps a table of them.
 */
final class Waits {
  private static final int MOST_EVENTS_OF_A_WAIT = 10;

  private final Journey journey;
  private final Looks looks;
  private final int polls;
  private final Duration limit;
  private final StringBuilder table = new StringBuilder();

  /**
   * @param polls how many looks each wait must see
   * @param limit how long a wait may take until it has seen them
   */
  Waits(Journey journey, Looks looks, int polls, Duration limit) {
    this.journey = journey;
    this.looks = looks;
    this.polls = polls;
    this.limit = limit;
  }

  void awaitStep(String step) {
    await(step, status -> step.equals(status.step()));
  }

  void await(String step, State state) {
    await(step, status -> step.equals(status.step()) && status.state() == state);
  }

  private void await(String what, Predicate<MigrationStatus> wanted) {
    journey.await(
        what,
        status -> {
          looks.count();
          return wanted.test(status);
        });
  }

  /** Waits until a watcher has looked once more: then its wait has begun. */
  void awaitLook(String watcher) {
    long before = looks.soFar(watcher);
    await(watcher, status -> looks.soFar(watcher) > before);
  }

  /** Counts until a wait that ends by itself is over. */
  void whole(String wait, String step, String watcher) {
    watch(wait, watcher, polls, () -> step.equals(journey.status().step()));
  }

  /** Counts through a wait in which nobody looks at all, for as long as its state lasts. */
  void unwatched(String wait, State state) {
    watch(wait, "nobody", 0, () -> journey.status().state() == state);
  }

  /** Counts until there were enough looks, in a wait that goes on until somebody ends it. */
  void part(String wait, String watcher) {
    long before = looks.soFar(watcher);
    watch(wait, watcher, polls, () -> looks.soFar(watcher) - before < polls);
  }

  private void watch(String wait, String watcher, int atLeast, BooleanSupplier goesOn) {
    long began = System.nanoTime();
    long before = looks.count();
    Map<String, Long> first = looks.soFar();
    long after = before;
    while (goesOn.getAsBoolean()) {
      assertThat(System.nanoTime() - began)
          .as("%s: %s at %s", wait, looks.soFar(), journey.whereItIs())
          .isLessThan(limit.toNanos());
      LockSupport.parkNanos(Duration.ofMillis(250).toNanos());
      long now = looks.count();
      // The wait's own end is an event, or a few.
      after = goesOn.getAsBoolean() ? now : after;
    }
    Map<String, Long> seen = new TreeMap<>(looks.soFar());
    seen.replaceAll((type, count) -> count - first.getOrDefault(type, 0L));
    seen.values().removeIf(count -> count == 0);
    String row =
        "| %s | %d s | %s | %d |"
            .formatted(
                wait,
                Duration.ofNanos(System.nanoTime() - began).toSeconds(),
                seen,
                after - before);
    table.append(row).append('\n');
    System.out.println("campaign: " + row);
    assertThat(seen.getOrDefault(watcher, 0L)).as(wait).isGreaterThanOrEqualTo(atLeast);
    assertThat(after - before).as(wait).isLessThanOrEqualTo(MOST_EVENTS_OF_A_WAIT);
  }

  /** The waits so far, one a line, in Markdown. */
  String table() {
    return table.toString();
  }
}
