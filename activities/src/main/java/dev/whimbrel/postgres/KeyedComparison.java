package dev.whimbrel.postgres;

import dev.whimbrel.activity.DifferingRow;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Compares a stretch of a table with a key block by block, each with a short statement of its own.
 * Where both servers sort the key alike, a block is a range of it. Where they may not (text under a
 * language's collation, enums), a block is a list of keys taken from the truth, and a second walk,
 * over the follower's keys, finds what only the follower has.
 */
final class KeyedComparison {
  private static final int FIRST_BLOCK = 5_000;
  private static final int SMALLEST_BLOCK = 500;
  private static final int LARGEST_RANGE = 200_000;

  /** Lists of keys travel to the worker and back. */
  private static final int LARGEST_LIST = 20_000;

  private static final Duration QUICK = Duration.ofMillis(300);
  private static final Duration SLOW = Duration.ofSeconds(2);

  /** Rows looked at again at once. */
  private static final int BATCH = 1_000;

  /** With so many rows wrong, more of them would tell nothing new. */
  private static final int ENOUGH = 1_000;

  private final ComparedTable table;
  private final KeyedRows reader;
  private final Pair pair;
  private final SecondLook secondLook;
  private final Tally tally;
  private final Breath breath;
  private final Block.Range stretch;
  private int size = FIRST_BLOCK;
  private boolean busy;
  private int wrong;

  /** Compares the rows of a stretch. */
  KeyedComparison(
      ComparedTable table,
      RowHash hash,
      Block.Range stretch,
      Pair pair,
      SecondLook secondLook,
      Tally tally,
      Breath breath) {
    this.stretch = stretch;
    this.table = table;
    this.reader = new KeyedRows(table, hash);
    this.pair = pair;
    this.secondLook = secondLook;
    this.tally = tally;
    this.breath = breath;
  }

  /** Compares a stretch of a key that both servers sort alike. */
  void ranges() throws SQLException, InterruptedException {
    @Nullable List<String> after = stretch.after();
    while (true) {
      long start = System.nanoTime();
      Block.Range left = new Block.Range(after, stretch.upTo());
      @Nullable List<String> upTo = reader.boundary(pair.truth(), left, size);
      compare(upTo == null ? left : new Block.Range(after, upTo));
      // Also behind the last one: most databases have more small tables than large ones.
      adapt(Duration.ofNanos(System.nanoTime() - start), LARGEST_RANGE);
      if (hasEnough(after) || upTo == null) {
        return;
      }
      after = upTo;
    }
  }

  /**
   * Compares the rows that the truth has in a stretch of its own order: what only the follower has
   * is left to {@link #extraKeys}.
   */
  void keys() throws SQLException, InterruptedException {
    @Nullable List<String> after = stretch.after();
    while (true) {
      long start = System.nanoTime();
      List<List<String>> keys =
          reader.keys(pair.truth(), new Block.Range(after, stretch.upTo()), size);
      if (keys.isEmpty()) {
        return;
      }
      compare(new Block.Keys(keys));
      adapt(Duration.ofNanos(System.nanoTime() - start), LARGEST_LIST);
      if (hasEnough(after)) {
        return;
      }
      after = keys.get(keys.size() - 1);
    }
  }

  /** Looks for rows that only the follower has, in a stretch of the follower's order. */
  void extraKeys() throws SQLException, InterruptedException {
    @Nullable List<String> after = stretch.after();
    while (true) {
      long start = System.nanoTime();
      List<List<String>> keys =
          reader.keys(pair.follower(), new Block.Range(after, stretch.upTo()), LARGEST_LIST);
      if (keys.isEmpty()) {
        return;
      }
      lookAgain(reader.absent(pair.truth(), keys));
      breath.after(Duration.ofNanos(System.nanoTime() - start), pair);
      if (hasEnough(after)) {
        return;
      }
      after = keys.get(keys.size() - 1);
    }
  }

  /**
   * Whether it gives up; what is left unjudged is noted then.
   *
   * @param after where the last block began: its own last rows were not judged either
   */
  private boolean hasEnough(@Nullable List<String> after) {
    if (wrong < ENOUGH) {
      return false;
    }
    tally.notCompared(
        "%s: not every row%s%s, since %d rows there and before differ"
            .formatted(
                table.label(),
                after == null ? "" : " behind " + keyed(after),
                stretch.upTo() == null ? "" : " up to " + keyed(stretch.upTo()),
                wrong));
    return true;
  }

  private void compare(Block block) throws SQLException, InterruptedException {
    if (!busy) {
      Pair.Read<Sums> sums = pair.both(side -> reader.sums(side, block));
      if (sums.truth().equals(sums.follower())) {
        tally.rows(sums.truth().count());
        return;
      }
    }
    // Where one block was changing, the next one is likely to: its parts are asked for at once.
    Pair.Read<Map<Integer, Sums>> parts = pair.both(side -> reader.parts(side, block));
    tally.rows(parts.truth().values().stream().mapToLong(Sums::count).sum());
    Set<Integer> differing = differing(parts.truth(), parts.follower(), Sums.NONE);
    busy = !differing.isEmpty();
    narrow(block, differing);
  }

  private void narrow(Block block, Set<Integer> differing)
      throws SQLException, InterruptedException {
    if (differing.isEmpty()) {
      return;
    }
    Pair.Read<Map<List<String>, RowState>> rows =
        pair.both(side -> reader.rows(side, block, differing));
    Map<List<String>, RowState> truth = rows.truth();
    Map<List<String>, RowState> follower = rows.follower();
    Set<List<String>> keys = new HashSet<>(truth.keySet());
    keys.addAll(follower.keySet());
    keys.removeIf(
        key ->
            truth
                .getOrDefault(key, RowState.ABSENT)
                .sameContent(follower.getOrDefault(key, RowState.ABSENT)));
    lookAgain(keys);
  }

  private static <K, V> Set<K> differing(Map<K, V> one, Map<K, V> other, V absent) {
    Set<K> differing = new HashSet<>(one.keySet());
    differing.addAll(other.keySet());
    differing.removeIf(
        key -> one.getOrDefault(key, absent).equals(other.getOrDefault(key, absent)));
    return differing;
  }

  private void lookAgain(Collection<List<String>> candidates)
      throws SQLException, InterruptedException {
    List<List<String>> all = new ArrayList<>(candidates);
    for (int from = 0; from < all.size() && wrong < ENOUGH; from += BATCH) {
      List<List<String>> batch = all.subList(from, Math.min(all.size(), from + BATCH));
      SecondLook.Verdict verdict =
          secondLook.judge(
              pair,
              batch,
              (connection, keys) ->
                  reader.rows(connection, new Block.Keys(List.copyOf(keys)), null));
      tally.inFlux(table, verdict.inFlux());
      for (Map.Entry<List<String>, SecondLook.Sides> row : verdict.wrong().entrySet()) {
        wrong++;
        report(row.getKey(), row.getValue());
      }
    }
  }

  private void report(List<String> key, SecondLook.Sides sides) throws SQLException {
    Map<String, String> named = new LinkedHashMap<>();
    for (int i = 0; i < key.size(); i++) {
      named.put(table.key().get(i), key.get(i));
    }
    boolean onTruth = sides.truth().count() > 0;
    String what = what(key, sides);
    tally.finding(
        table.label() + " " + keyed(key) + ": " + what,
        new DifferingRow(
            table.label(), named, what, new Repair(table, tally.truthSide()).ofKey(key, onTruth)));
  }

  private String what(List<String> key, SecondLook.Sides sides) throws SQLException {
    long truth = sides.truth().count();
    long follower = sides.follower().count();
    if (follower == 0) {
      return "missing on the " + tally.follower();
    }
    if (truth == 0) {
      return "only on the " + tally.follower();
    }
    if (truth != follower) {
      return "%d rows on the %s, %d on the %s"
          .formatted(truth, tally.truth(), follower, tally.follower());
    }
    Set<String> columns = wrong <= BATCH / 10 ? reader.columnsThatDiffer(pair, key) : Set.of();
    return "differs" + (columns.isEmpty() ? "" : " in " + String.join(", ", columns));
  }

  private String keyed(List<String> values) {
    return "(" + String.join(", ", table.key()) + ")=(" + String.join(", ", values) + ")";
  }

  private void adapt(Duration took, int largest) throws SQLException, InterruptedException {
    breath.after(took, pair);
    if (took.compareTo(QUICK) < 0) {
      size = Math.min(largest, size * 2);
    } else if (took.compareTo(SLOW) > 0) {
      size = Math.max(SMALLEST_BLOCK, size / 2);
    }
  }
}
