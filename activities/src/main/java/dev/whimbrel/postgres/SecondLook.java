package dev.whimbrel.postgres;

import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Looks again at rows that differed, while both databases go on. One round reads the truth, lets
 * the stream pass that point, reads the follower, and reads the truth again:
 *
 * <ul>
 *   <li>the follower holds what the truth holds now: the row is right;
 *   <li>the truth did not change, nor did the follower since the round before, and they differ: the
 *       row is wrong. Two rounds, since a row that was deleted and inserted again in between looks
 *       unchanged in one;
 *   <li>the follower had fewer rows, or more, than the truth in every one of many rounds: wrong
 *       too, however busy the row is;
 *   <li>otherwise it is looked at again, a bounded number of times, and then counted as in flux.
 * </ul>
 */
final class SecondLook {
  private static final int ROUNDS = 8;

  /** How often a count must be off in the same direction to be believed of a row in motion. */
  private static final int OFF_FOR_GOOD = 6;

  private static final Duration PAUSE = Duration.ofMillis(25);

  private final StreamPoint stream;

  SecondLook(StreamPoint stream) {
    this.stream = stream;
  }

  /** Reads the present state of some rows; what is absent may be left out. */
  interface Lookup {
    Map<List<String>, RowState> look(Connection connection, Collection<List<String>> identities)
        throws SQLException, InterruptedException;
  }

  /**
   * What became of the rows.
   *
   * @param wrong the rows that differ for good
   * @param inFlux rows that changed too often to be judged
   */
  record Verdict(Map<List<String>, Sides> wrong, Set<List<String>> inFlux) {}

  /** A row as it was on either side. */
  record Sides(RowState truth, RowState follower) {}

  Verdict judge(Pair pair, Collection<List<String>> candidates, Lookup lookup)
      throws SQLException, InterruptedException {
    Set<List<String>> open = new HashSet<>(candidates);
    Map<List<String>, Sides> last = new HashMap<>();
    Map<List<String>, Integer> off = new HashMap<>();
    Map<List<String>, Sides> wrong = new HashMap<>();
    for (int round = 0; round < ROUNDS && !open.isEmpty(); round++) {
      Thread.sleep(PAUSE.multipliedBy(round).toMillis());
      Map<List<String>, RowState> before = lookup.look(pair.truth(), open);
      stream.pass();
      Map<List<String>, RowState> there = lookup.look(pair.follower(), open);
      Map<List<String>, RowState> after = lookup.look(pair.truth(), open);
      for (List<String> row : List.copyOf(open)) {
        RowState first = before.getOrDefault(row, RowState.ABSENT);
        RowState second = after.getOrDefault(row, RowState.ABSENT);
        Sides sides = new Sides(second, there.getOrDefault(row, RowState.ABSENT));
        if (sides.follower().sameContent(second)) {
          open.remove(row);
        } else if (persists(first, sides, last.get(row))
            || Math.abs(off.merge(row, direction(first, sides), Integer::sum)) >= OFF_FOR_GOOD) {
          wrong.put(row, sides);
          open.remove(row);
        } else if (first.sameVersions(second)) {
          last.put(row, sides);
        } else {
          last.remove(row);
        }
      }
    }
    return new Verdict(wrong, open);
  }

  private static boolean persists(RowState first, Sides now, @Nullable Sides last) {
    return last != null
        && first.sameVersions(now.truth())
        && last.truth().sameVersions(now.truth())
        && last.follower().sameVersions(now.follower());
  }

  /** -1 when the follower had fewer rows than the truth at both looks, 1 when more, else 0. */
  private static int direction(RowState first, Sides sides) {
    long there = sides.follower().count();
    if (there < Math.min(first.count(), sides.truth().count())) {
      return -1;
    }
    return there > Math.max(first.count(), sides.truth().count()) ? 1 : 0;
  }
}
