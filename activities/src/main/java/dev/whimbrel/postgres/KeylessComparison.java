package dev.whimbrel.postgres;

import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/**
 * Compares a table without a key as a multiset of rows: rows are dealt into parts by their own
 * hash, and the parts that differ are narrowed to hashes with how often each is there. Every pass
 * scans the whole table, some pages a statement.
 */
final class KeylessComparison {
  private static final int FEWEST_PARTS = 256;
  private static final int MOST_PARTS = 65_536;
  private static final int ROWS_A_PART = 200;
  private static final int PASSES = 3;

  /** 64 MB with the usual page of 8 kB. */
  private static final int PAGES = 8_192;

  /** Rows held in memory at once, of each side. */
  private static final int ROWS_AT_ONCE = 200_000;

  /** More scans of the whole table than this are not made for its last rows. */
  private static final int MOST_GROUPS = 10;

  private static final int BATCH = 1_000;
  private static final int ENOUGH = 1_000;

  private final ComparedTable table;
  private final RowReader reader;
  private final Pair pair;
  private final Tally tally;
  private final int partCount;
  private int wrong;

  KeylessComparison(ComparedTable table, Pair pair, Tally tally) {
    this.table = table;
    this.reader = new RowReader(table);
    this.pair = pair;
    this.tally = tally;
    long wanted = Math.max(FEWEST_PARTS, Math.min(MOST_PARTS, table.rows() / ROWS_A_PART));
    this.partCount = Math.toIntExact(Long.highestOneBit(wanted));
  }

  void run(StreamPoint stream) throws SQLException, InterruptedException {
    @Nullable Set<Integer> differing = null;
    long rows = 0;
    for (int pass = 0; pass < PASSES && (differing == null || !differing.isEmpty()); pass++) {
      Sums[] truth = parts(pair.truth(), differing);
      stream.pass();
      Sums[] follower = parts(pair.follower(), differing);
      if (pass == 0) {
        rows = List.of(truth).stream().mapToLong(Sums::count).sum();
        tally.rows(rows);
      }
      differing = differing(truth, follower);
    }
    if (differing != null && !differing.isEmpty()) {
      narrow(List.copyOf(new TreeSet<>(differing)), rows, new SecondLook(stream));
    }
  }

  /** Whether both sides hold the same rows at one look each; for tables that no stream feeds. */
  boolean looksEqual() throws SQLException {
    Pair.Read<Sums[]> both = pair.both(side -> parts(side, null));
    return differing(both.truth(), both.follower()).isEmpty();
  }

  private void narrow(List<Integer> parts, long rows, SecondLook secondLook)
      throws SQLException, InterruptedException {
    long partsAtOnce = Math.max(1, ROWS_AT_ONCE / Math.max(1, rows / partCount));
    int step = (int) Math.min(parts.size(), partsAtOnce);
    int end = (int) Math.min(parts.size(), (long) step * MOST_GROUPS);
    if (end < parts.size()) {
      tally.notCompared(
          ("%s: row by row as a whole, since it has no key and %d of its %d parts were changing; %d"
                  + " of them were. Fix: give it a primary key, or verify when it is quieter")
              .formatted(table.label(), parts.size(), partCount, end));
    }
    for (int from = 0; from < end && wrong < ENOUGH; from += step) {
      Set<Integer> group = new HashSet<>(parts.subList(from, Math.min(end, from + step)));
      Map<List<String>, RowState> truth = rowsOf(pair.truth(), group);
      Map<List<String>, RowState> follower = rowsOf(pair.follower(), group);
      Set<List<String>> candidates = new HashSet<>(truth.keySet());
      candidates.addAll(follower.keySet());
      candidates.removeIf(
          row ->
              truth.getOrDefault(row, RowState.ABSENT).count()
                  == follower.getOrDefault(row, RowState.ABSENT).count());
      lookAgain(candidates, secondLook);
    }
    if (wrong >= ENOUGH) {
      tally.notCompared(
          "%s: the rest of its rows, since %d rows differ".formatted(table.label(), wrong));
    }
  }

  private void lookAgain(Collection<List<String>> candidates, SecondLook secondLook)
      throws SQLException, InterruptedException {
    List<List<String>> all = new ArrayList<>(candidates);
    for (int from = 0; from < all.size() && wrong < ENOUGH; from += BATCH) {
      List<List<String>> batch = all.subList(from, Math.min(all.size(), from + BATCH));
      SecondLook.Verdict verdict = secondLook.judge(pair, batch, this::identities);
      tally.inFlux(verdict.inFlux().size());
      verdict
          .wrong()
          .values()
          .forEach(
              sides -> {
                wrong++;
                tally.difference(finding(sides.truth(), sides.follower()));
              });
    }
  }

  private String finding(RowState truth, RowState follower) {
    boolean onTruth = truth.count() > 0;
    return "%s: %d on the %s, %d on the %s of the row at ctid %s of the %s"
        .formatted(
            table.label(),
            truth.count(),
            tally.truth(),
            follower.count(),
            tally.follower(),
            onTruth ? truth.place() : follower.place(),
            onTruth ? tally.truth() : tally.follower());
  }

  private Map<List<String>, RowState> identities(
      Connection connection, Collection<List<String>> identities) throws SQLException {
    Map<List<String>, RowState> rows = new HashMap<>();
    for (Block.Pages pages : pages(connection)) {
      Map<List<String>, RowState> some = new HashMap<>();
      reader.addIdentities(connection, pages, identities, some);
      some.forEach((row, state) -> rows.merge(row, state, RowReader::together));
    }
    return rows;
  }

  private Map<List<String>, RowState> rowsOf(Connection connection, Set<Integer> group)
      throws SQLException {
    Map<List<String>, RowState> rows = new HashMap<>();
    for (Block.Pages pages : pages(connection)) {
      reader.addRows(connection, pages, partCount, group, rows);
    }
    return rows;
  }

  private Sums[] parts(Connection connection, @Nullable Set<Integer> only) throws SQLException {
    Sums[] parts = new Sums[partCount];
    Arrays.fill(parts, Sums.NONE);
    for (Block.Pages pages : pages(connection)) {
      reader.addParts(connection, pages, parts, only);
    }
    return parts;
  }

  private static Set<Integer> differing(Sums[] truth, Sums[] follower) {
    Set<Integer> differing = new HashSet<>();
    for (int part = 0; part < truth.length; part++) {
      if (!truth[part].equals(follower[part])) {
        differing.add(part);
      }
    }
    return differing;
  }

  /** The whole table at once before PostgreSQL 14, which cannot begin a scan in its middle. */
  private List<Block.Pages> pages(Connection connection) throws SQLException {
    List<Block.Pages> ranges = new ArrayList<>();
    if (connection.getMetaData().getDatabaseMajorVersion() < 14) {
      return List.of(new Block.Pages(0, -1));
    }
    long all = pageCount(connection);
    for (long from = 0; from == 0 || from < all; from += PAGES) {
      boolean last = from + PAGES >= all;
      ranges.add(new Block.Pages(from, last ? -1 : from + PAGES));
    }
    return ranges;
  }

  private long pageCount(Connection connection) throws SQLException {
    String size =
        "select pg_relation_size(cast(? as regclass)) / current_setting('block_size')::int8";
    try (PreparedStatement statement = connection.prepareStatement(size)) {
      statement.setString(1, Quoting.qualified(table.schema(), table.name()));
      try (ResultSet row = statement.executeQuery()) {
        row.next();
        return row.getLong(1);
      }
    }
  }
}
