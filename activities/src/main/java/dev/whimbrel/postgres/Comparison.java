package dev.whimbrel.postgres;

import dev.whimbrel.activity.Progress;
import dev.whimbrel.activity.VerificationReport;
import dev.whimbrel.activity.VerifyRequest;
import dev.whimbrel.runbook.TablesSpec;
import java.sql.SQLException;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.concurrent.CompletionService;
import java.util.concurrent.ExecutorCompletionService;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;
import java.util.function.Supplier;

/** One comparison of everything that both databases hold. */
final class Comparison {
  private final ComparedSides sides;
  private final String hash;
  private final Breath breath;
  private final Cuts cuts;
  private final Tally tally;
  private final Crew crew;
  private volatile String planning = "listing the tables";

  /**
   * A comparison to be run once.
   *
   * @param jobs how many pairs of sessions are at work
   */
  Comparison(Databases databases, VerifyRequest request, Breath breath, Cuts cuts, int jobs) {
    this(new LiveSides(databases, request), request.hash(), breath, cuts, jobs);
  }

  /** A comparison of other sides than two databases with a stream between them. */
  Comparison(ComparedSides sides, String hash, Breath breath, Cuts cuts, int jobs) {
    this.sides = sides;
    this.hash = hash;
    this.breath = breath;
    this.cuts = cuts;
    this.tally = new Tally(sides.truth());
    this.crew = new Crew(jobs, sides, (subject, e) -> tally.notCompared(reason(subject, e)));
  }

  VerificationReport run(Consumer<Progress> heartbeat) throws SQLException {
    Instant began = Instant.now();
    try (StreamPoint stream = sides.stream()) {
      beside(
          stream::pass, () -> Progress.of("waiting for the stream to carry a marker"), heartbeat);
      RowHash rows = plan(stream, heartbeat);
      crew.work(heartbeat, () -> tally.line() + breath.words());
      beside(
          this::keepUnjudged,
          () -> Progress.of("noting the rows that could not be judged"),
          heartbeat);
      return tally.report(Instant.now(), rows).begun(began);
    }
  }

  /** A comparison of days does not fail for what only helps to look once more. */
  private void keepUnjudged() {
    try {
      sides.keep(tally.unjudged());
    } catch (SQLException e) {
      tally.notCompared(
          "rows in flux: not noted for a look behind the fence (%s)".formatted(e.getSQLState()));
    }
  }

  /** Lists what there is to compare; its sessions are closed before the long work begins. */
  private RowHash plan(StreamPoint stream, Consumer<Progress> heartbeat) throws SQLException {
    try (Pair catalogs = sides.open()) {
      RowHash rows = RowHash.of(hash, catalogs);
      try {
        beside(() -> addTasks(catalogs, stream, rows), () -> Progress.of(planning), heartbeat);
        return rows;
      } catch (SQLException | RuntimeException e) {
        // A statement may still be running.
        catalogs.abort();
        throw e;
      }
    }
  }

  /** Does what one statement may hold up for long, with heartbeats meanwhile. */
  private static void beside(
      Preparing work, Supplier<Progress> progress, Consumer<Progress> heartbeat)
      throws SQLException {
    ExecutorService thread = Executors.newSingleThreadExecutor(Crew::daemon);
    try {
      CompletionService<Boolean> running = new ExecutorCompletionService<>(thread);
      running.submit(
          () -> {
            work.run();
            return true;
          });
      do {
        heartbeat.accept(progress.get());
      } while (!Crew.ended(running));
    } finally {
      thread.shutdownNow();
    }
  }

  /** What comes before the comparison itself. */
  private interface Preparing {
    void run() throws SQLException;
  }

  private void addTasks(Pair catalogs, StreamPoint stream, RowHash rows) throws SQLException {
    Selection ofTruth = Selection.on(sides.truth(), sides.move(), catalogs.truth());
    Selection ofFollower = Selection.on(sides.truth().other(), sides.move(), catalogs.follower());
    TablesSpec tables = sides.move().tables();
    if (tables != null && !tables.leftOut().isEmpty()) {
      // By the runbook: an approval that rests on it must not fall with tables that come and go.
      tally.notCompared("left out by the runbook: " + tables.leftOut());
    }
    TablePairing pairing = TablePairing.of(catalogs, tally);
    add("catalogs", pair -> new CatalogComparison(pair, tally, sides.truth(), sides.move()).run());
    add(
        "sequences",
        pair -> new SequenceComparison(pair, sides.truth(), tally, sides.whatOfSequences()).run());
    List<ComparedTable> compared =
        new ArrayList<>(
            pairing.pair(
                sides.read(catalogs.truth(), ofTruth, "r", "f"),
                sides.read(catalogs.follower(), ofFollower, "r", "f")));
    // The largest first, so that nobody is left alone with it at the end.
    compared.sort(Comparator.comparingLong(ComparedTable::rows).reversed());
    for (ComparedTable table : compared) {
      planning = "looking where to cut " + table.label();
      if (table.hasKey()) {
        addStretches(table, catalogs, stream, rows);
      } else {
        add(
            table.label(),
            pair -> {
              new KeylessComparison(table, rows, pair, crew, tally, breath, cuts.pages())
                  .run(stream);
              tally.table();
            });
      }
    }
    for (ComparedTable view :
        pairing.pair(
            sides.read(catalogs.truth(), ofTruth, "m"),
            sides.read(catalogs.follower(), ofFollower, "m"))) {
      add(view.label(), pair -> compareView(view, rows, pair));
    }
    add("large objects", pair -> new LargeObjectComparison(pair, tally, sides.goesOn()).run());
  }

  private void add(String subject, Crew.Work work) {
    crew.add(new Crew.Task(subject, work));
  }

  /** What both servers sort alike is walked once, anything else in the order of each of them. */
  private void addStretches(ComparedTable table, Pair catalogs, StreamPoint stream, RowHash rows)
      throws SQLException {
    Stretches cut = new Stretches(rows, cuts.rows());
    List<Block.Range> ofTruth = stretches(cut, table, catalogs, true);
    List<Block.Range> ofFollower =
        table.sortsAlike() ? List.of() : stretches(cut, table, catalogs, false);
    AtomicInteger left = new AtomicInteger(ofTruth.size() + ofFollower.size());
    for (Block.Range stretch : ofTruth) {
      addStretch(
          table,
          stretch,
          stream,
          rows,
          left,
          table.sortsAlike() ? KeyedComparison::ranges : KeyedComparison::keys);
    }
    for (Block.Range stretch : ofFollower) {
      addStretch(table, stretch, stream, rows, left, KeyedComparison::extraKeys);
    }
  }

  /** A table that cannot be read is one stretch, whose comparison will say so. */
  private List<Block.Range> stretches(
      Stretches cut, ComparedTable table, Pair catalogs, boolean onTruth) throws SQLException {
    List<Block.Range> found = new ArrayList<>();
    try {
      sides.apart(
          catalogs, pair -> found.addAll(cut.of(table, onTruth ? pair.truth() : pair.follower())));
      return found;
    } catch (SQLException e) {
      reason(table.label(), e);
      return List.of(new Block.Range(null, null));
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new SQLException("interrupted while tables were cut", e);
    }
  }

  private void addStretch(
      ComparedTable table,
      Block.Range stretch,
      StreamPoint stream,
      RowHash rows,
      AtomicInteger left,
      Walk walk) {
    add(
        table.label(),
        pair -> {
          Planning.byIndexes(pair);
          walk.of(
              new KeyedComparison(
                  table, rows, stretch, pair, new SecondLook(stream), tally, breath));
          if (left.decrementAndGet() == 0) {
            tally.table();
          }
        });
  }

  /** A way to go through a stretch. */
  private interface Walk {
    void of(KeyedComparison stretch) throws SQLException, InterruptedException;
  }

  private void compareView(ComparedTable view, RowHash rows, Pair pair)
      throws SQLException, InterruptedException {
    if (!new KeylessComparison(view, rows, pair, crew, tally, breath, cuts.pages()).looksEqual()) {
      tally.stale(
          "materialized view %s: its rows differ, as they do when it was refreshed at another time. Fix: REFRESH MATERIALIZED VIEW %s;"
              .formatted(view.label(), Quoting.qualified(view.schema(), view.name())));
    }
  }

  /** Why an object cannot be compared; throws on where the fault is not the object's. */
  private static String reason(String subject, SQLException e) throws SQLException {
    String state = e.getSQLState() == null ? "" : e.getSQLState();
    String message = e.getMessage() == null ? "" : e.getMessage().lines().findFirst().orElse("");
    if (state.equals(SqlFailures.INSUFFICIENT_PRIVILEGE)) {
      return "%s: %s. Fix: GRANT SELECT, and where row-level security is on, ALTER ROLE … BYPASSRLS"
          .formatted(subject, message);
    }
    boolean ofTheObject =
        state.equals(SqlFailures.QUERY_CANCELED)
            || state.equals(SqlFailures.LOCK_NOT_AVAILABLE)
            || state.equals(SqlFailures.UNDEFINED_TABLE)
            || state.startsWith("22")
            || state.startsWith("54")
            || state.equals("XX000")
            || state.equals("42703");
    if (!ofTheObject) {
      throw e;
    }
    return subject + ": " + message;
  }
}
