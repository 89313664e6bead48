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
 * Removes from the follower what is gone on the truth. Ranges with as many numbers, and the same
 * sum of them, on both sides hold the same ones: only the others travel. Two trips to each side, or
 * one where there are few objects, however many there are.
 */
final class RemovedObjects {
  /** Numbers that travel at once. */
  static final long NUMBERS = 20_000;

  private static final Range NOTHING = new Range(0, 0);

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
   * @return how many there are on the follower now, as {@link LargeObjectRows#COUNT} tells it; null
   *     where nothing was to be removed
   */
  @Nullable List<@Nullable String> run(boolean ofComments, long count, Runnable done)
      throws SQLException {
    if (count <= NUMBERS) {
      List<@Nullable String> now = remove(List.of(), ofComments);
      done.run();
      return now;
    }
    String asking = LargeObjectRows.ranges(ofComments);
    Map<Long, Range> here = ranges(truth.ask(asking));
    Map<Long, Range> there = ranges(follower.ask(opening + asking + closing));
    List<@Nullable String> now = null;
    List<Long> some = new ArrayList<>();
    long numbers = 0;
    for (Long range : there.keySet().stream().sorted().toList()) {
      Range right = here.getOrDefault(range, NOTHING);
      if (right.equals(there.get(range))) {
        continue;
      }
      if (!some.isEmpty() && numbers + right.count() > NUMBERS) {
        now = remove(some, ofComments);
        done.run();
        some.clear();
        numbers = 0;
      }
      some.add(range);
      numbers += right.count();
    }
    if (!some.isEmpty()) {
      now = remove(some, ofComments);
      done.run();
    }
    return now;
  }

  /** The numbers of a range: how many, and their sum. */
  private record Range(long count, long sum) {}

  /** In some ranges, or in all where none is given. */
  private List<@Nullable String> remove(List<Long> ranges, boolean ofComments) throws SQLException {
    String numbers =
        Objects.requireNonNull(
            last(truth.ask(LargeObjectRows.numbers(ranges, ofComments))).get(0).get(0));
    return last(follower.ask(
            opening
                + LargeObjectRows.removeOthers(ranges, numbers, ofComments)
                + LargeObjectRows.COUNT
                + closing))
        .get(0);
  }

  private static Map<Long, Range> ranges(List<List<List<@Nullable String>>> answer) {
    Map<Long, Range> ranges = new HashMap<>();
    for (List<@Nullable String> row : last(answer)) {
      ranges.put(
          Long.valueOf(Objects.requireNonNull(row.get(0))),
          new Range(
              Long.parseLong(Objects.requireNonNull(row.get(1))),
              Long.parseLong(Objects.requireNonNull(row.get(2)))));
    }
    return ranges;
  }

  private static List<List<@Nullable String>> last(List<List<List<@Nullable String>>> answer) {
    return answer.get(answer.size() - 1);
  }
}
