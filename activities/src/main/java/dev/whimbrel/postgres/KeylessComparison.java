package dev.whimbrel.postgres;

import dev.whimbrel.activity.DifferingRow;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Duration;
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
 * scans the whole table, some pages a statement, by as many sessions as are free: sums do not ask
 * for an order. A row that moves to other pages meanwhile may be seen twice or not at all, as one
 * may that changes: its part is looked at again.
 */
final class KeylessComparison {
  private static final int FEWEST_PARTS = 256;
  private static final int MOST_PARTS = 65_536;
  private static final int ROWS_A_PART = 200;
  private static final int PASSES = 3;

  /** Rows held in memory at once, of each side. */
  private static final int ROWS_AT_ONCE = 200_000;

  /** More scans of the whole table than this are not made for its last rows. */
  private static final int MOST_GROUPS = 10;

  private static final int BATCH = 1_000;
  private static final int ENOUGH = 1_000;

  private final ComparedTable table;
  private final KeylessRows reader;
  private final Pair pair;
  private final Crew crew;
  private final Tally tally;
  private final Breath breath;
  private final int partCount;
  private final int pagesAtOnce;
  private int wrong;

  /** Compares by so many pages with one statement. */
  KeylessComparison(
      ComparedTable table,
      RowHash hash,
      Pair pair,
      Crew crew,
      Tally tally,
      Breath breath,
      int pagesAtOnce) {
    this.table = table;
    this.reader = new KeylessRows(table, hash);
    this.pair = pair;
    this.crew = crew;
    this.tally = tally;
    this.breath = breath;
    this.pagesAtOnce = pagesAtOnce;
    long wanted = Math.max(FEWEST_PARTS, Math.min(MOST_PARTS, table.rows() / ROWS_A_PART));
    this.partCount = Math.toIntExact(Long.highestOneBit(wanted));
  }

  void run(StreamPoint stream) throws SQLException, InterruptedException {
    // At the same time first: that is half of the time, and enough where nobody writes.
    Pair.Read<Sums[]> both = parts();
    long rows = List.of(both.truth()).stream().mapToLong(Sums::count).sum();
    tally.rows(rows);
    Set<Integer> differing = differing(both.truth(), both.follower());
    for (int pass = 1; pass < PASSES && !differing.isEmpty(); pass++) {
      Sums[] truth = parts(Pair::truth, differing);
      stream.pass();
      differing = differing(truth, parts(Pair::follower, differing));
    }
    if (!differing.isEmpty()) {
      narrow(List.copyOf(new TreeSet<>(differing)), rows, new SecondLook(stream));
    }
  }

  /** Whether both sides hold the same rows at one look each; for tables that no stream feeds. */
  boolean looksEqual() throws SQLException, InterruptedException {
    Pair.Read<Sums[]> both = parts();
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
      Map<List<String>, RowState> truth = rowsOf(Pair::truth, group);
      Map<List<String>, RowState> follower = rowsOf(Pair::follower, group);
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
                report(sides.truth(), sides.follower());
              });
    }
  }

  private void report(RowState truth, RowState follower) {
    boolean onTruth = truth.count() > 0;
    String side = onTruth ? tally.truth() : tally.follower();
    String place = onTruth ? truth.place() : follower.place();
    String counts =
        "%d on the %s, %d on the %s"
            .formatted(truth.count(), tally.truth(), follower.count(), tally.follower());
    tally.finding(
        "%s: %s of the row at ctid %s of the %s".formatted(table.label(), counts, place, side),
        // No commands: when they are run, another row may have come to this place.
        new DifferingRow(table.label(), Map.of("ctid", place + " of the " + side), counts, null));
  }

  private Map<List<String>, RowState> identities(
      Connection connection, Collection<List<String>> identities)
      throws SQLException, InterruptedException {
    Map<List<String>, RowState> rows = new HashMap<>();
    scan(
        side(connection),
        (session, pages) -> reader.addIdentities(session, pages, identities, rows));
    return rows;
  }

  private Side side(Connection connection) {
    return connection == pair.truth() ? Pair::truth : Pair::follower;
  }

  private Map<List<String>, RowState> rowsOf(Side side, Set<Integer> group)
      throws SQLException, InterruptedException {
    Map<List<String>, RowState> rows = new HashMap<>();
    scan(side, (session, pages) -> reader.addRows(session, pages, partCount, group, rows));
    return rows;
  }

  private Sums[] parts(Side side, @Nullable Set<Integer> only)
      throws SQLException, InterruptedException {
    Sums[] parts = none();
    scan(side, (session, pages) -> reader.addParts(session, pages, parts, only));
    return parts;
  }

  /** The sums of both sides, of which neither waits for the other. */
  private Pair.Read<Sums[]> parts() throws SQLException, InterruptedException {
    Pair.Read<Sums[]> sums = new Pair.Read<>(none(), none());
    List<Block.Pages> ofTruth = pages(pair.truth());
    List<Block.Pages> ofFollower = pages(pair.follower());
    List<Crew.Work> works = new ArrayList<>();
    for (int i = 0; i < Math.max(ofTruth.size(), ofFollower.size()); i++) {
      int number = i;
      works.add(
          own ->
              own.both(
                  session -> {
                    boolean onTruth = session == own.truth();
                    List<Block.Pages> all = onTruth ? ofTruth : ofFollower;
                    if (number < all.size()) {
                      Sums[] parts = onTruth ? sums.truth() : sums.follower();
                      reader.addParts(session, all.get(number), parts, null);
                    }
                    return number;
                  }));
    }
    together(works);
    return sums;
  }

  private void scan(Side side, Scan scan) throws SQLException, InterruptedException {
    List<Crew.Work> works = new ArrayList<>();
    for (Block.Pages pages : pages(side.of(pair))) {
      works.add(own -> scan.read(side.of(own), pages));
    }
    together(works);
  }

  private void together(List<Crew.Work> works) throws SQLException, InterruptedException {
    List<Crew.Work> timed = new ArrayList<>();
    for (Crew.Work work : works) {
      timed.add(
          own -> {
            long start = System.nanoTime();
            Planning.byScans(own);
            work.run(own);
            breath.after(Duration.ofNanos(System.nanoTime() - start), own);
          });
    }
    crew.together(pair, timed);
  }

  /** One of a pair's sessions. */
  private interface Side {
    Connection of(Pair pair);
  }

  /** Reads some pages of one side. */
  private interface Scan {
    void read(Connection session, Block.Pages pages) throws SQLException;
  }

  private Sums[] none() {
    Sums[] parts = new Sums[partCount];
    Arrays.fill(parts, Sums.NONE);
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
    for (long from = 0; from == 0 || from < all; from += pagesAtOnce) {
      boolean last = from + pagesAtOnce >= all;
      ranges.add(new Block.Pages(from, last ? -1 : from + pagesAtOnce));
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
