package dev.whimbrel.postgres;

import dev.whimbrel.postgres.LargeObjectPass.Server;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * Removes from the follower what is gone on the truth. The follower has everything of the truth, so
 * that ranges with as many numbers on both sides hold the same ones: only the others travel. Two
 * trips to each side, or one where there are few objects, however many there are.
 */
final class RemovedObjects {
  /** Numbers that travel at once. */
  static final long NUMBERS = 20_000;

  private final Server truth;
  private final Server follower;
  private final String opening;
  private final String closing;

  /**
   * A removal to be run once.
   *
   * @param opening what each message to the follower begins with
   * @param closing what it ends with
   */
  RemovedObjects(Server truth, Server follower, String opening, String closing) {
    this.truth = truth;
    this.follower = follower;
    this.opening = opening;
    this.closing = closing;
  }

  /**
   * Removes objects, or only comments.
   *
   * @param count how many the truth has
   * @param done told after each message
   */
  void run(boolean ofComments, long count, Runnable done) throws SQLException {
    if (count <= NUMBERS) {
      remove(List.of(), ofComments);
      done.run();
      return;
    }
    String asking = LargeObjectRows.ranges(ofComments);
    Map<Long, Long> here = ranges(truth.ask(asking));
    Map<Long, Long> there = ranges(follower.ask(opening + asking + closing));
    List<Long> some = new ArrayList<>();
    long numbers = 0;
    for (Long range : there.keySet().stream().sorted().toList()) {
      long right = here.getOrDefault(range, 0L);
      if (right == Objects.requireNonNull(there.get(range))) {
        continue;
      }
      if (!some.isEmpty() && numbers + right > NUMBERS) {
        remove(some, ofComments);
        done.run();
        some.clear();
        numbers = 0;
      }
      some.add(range);
      numbers += right;
    }
    if (!some.isEmpty()) {
      remove(some, ofComments);
      done.run();
    }
  }

  /** In some ranges, or in all where none is given. */
  private void remove(List<Long> ranges, boolean ofComments) throws SQLException {
    String numbers =
        Objects.requireNonNull(
            last(truth.ask(LargeObjectRows.numbers(ranges, ofComments))).get(0).get(0));
    follower.ask(
        opening + LargeObjectRows.removeOthers(ranges, numbers, ofComments) + "SELECT 1" + closing);
  }

  private static Map<Long, Long> ranges(List<List<List<@Nullable String>>> answer) {
    Map<Long, Long> ranges = new HashMap<>();
    for (List<@Nullable String> row : last(answer)) {
      ranges.put(
          Long.valueOf(Objects.requireNonNull(row.get(0))),
          Long.valueOf(Objects.requireNonNull(row.get(1))));
    }
    return ranges;
  }

  private static List<List<@Nullable String>> last(List<List<List<@Nullable String>>> answer) {
    return answer.get(answer.size() - 1);
  }
}
