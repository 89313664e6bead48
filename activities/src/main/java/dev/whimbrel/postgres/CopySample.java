package dev.whimbrel.postgres;

import dev.whimbrel.activity.Forecast.Measured;
import dev.whimbrel.activity.Move;
import dev.whimbrel.activity.Progress;
import dev.whimbrel.postgres.SampledTable.Part;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.FutureTask;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/**
 * Copies a sample the way rows will go, through this worker: first by one session, then by several
 * at once, which then build an index at once. Bounded in time and bytes, and nothing is left.
 */
final class CopySample {
  /** All of it; a person waits at a terminal. */
  static final Duration LIMIT = Duration.ofSeconds(20);

  /** Less of a table is not worth a measurement: starting takes longer than copying. */
  static final long LEAST = 16L << 20;

  /** A table of few pages with large rows cannot be sampled in even parts. */
  static final long FEWEST_PAGES = 64;

  /** More sessions than these are not tried on a server that is in use. */
  static final int MOST_SESSIONS = 4;

  /** Tells how much the next ones should be. */
  private static final long PROBE = 1L << 20;

  private static final long MOST = 32L << 20;

  /** How long one session should be at it: longer than a moment's luck. */
  private static final Duration ALONE = Duration.ofMillis(1500);

  /** Shorter than this is mostly luck. */
  private static final Duration ENOUGH = Duration.ofMillis(500);

  /** How long all of them should be at it where together they are no faster than one. */
  private static final Duration TOGETHER = Duration.ofMillis(2500);

  private final CopySessions opener;
  private final Move move;
  private final SampledTable table;
  private final Duration limit;
  private final Deadline deadline;
  private final List<SampleLane> lanes = new CopyOnWriteArrayList<>();

  /** A sample that is not taken yet. */
  CopySample(Databases databases, Move move, SampledTable table, Duration limit) {
    this.opener = CopySessions.ofASample(databases, move);
    this.move = move;
    this.table = table;
    this.limit = limit;
    this.deadline = new Deadline(limit);
  }

  /**
   * Takes it.
   *
   * @param keys whether there are foreign keys to validate
   * @throws SQLException also where it takes too long, or finds no rows
   */
  Measured take(boolean keys) throws SQLException {
    Measured[] result = new Measured[1];
    try {
      Heartbeats.during(this::beat, this::abort, () -> result[0] = measure(keys));
      return result[0];
    } catch (SQLException e) {
      if (deadline.passed() || SqlFailures.is(e, SqlFailures.QUERY_CANCELED)) {
        throw new SQLException(
            "a sample of %s takes longer than it may, which is %d s in all and %d s of reading at a stretch"
                .formatted(shown(), limit.toSeconds(), SampleLane.READING.toSeconds()),
            SqlFailures.QUERY_CANCELED,
            e);
      }
      throw e;
    } finally {
      lanes.forEach(SampleLane::close);
    }
  }

  private Measured measure(boolean keys) throws SQLException {
    int count = sessions();
    int parts = count + 2;
    Alone alone = alone(2 * table.pages() / parts);

    List<SampleLane> together = open(count);
    List<Part> theirs = new ArrayList<>();
    long each = moving(alone.bytes(), alone.copied(), TOGETHER) / count;
    for (int i = 0; i < count; i++) {
      theirs.add(table.part(2 + i, parts, Math.min(MOST, each)));
    }
    AtomicLong rows = new AtomicLong();
    atOnce(together, lane -> rows.addAndGet(lane.copy(theirs.get(together.indexOf(lane)))));
    if (rows.get() == 0) {
      throw new SQLException("a sample of %s found no rows".formatted(shown()), "02000");
    }
    long began = together.stream().mapToLong(SampleLane::began).min().orElseThrow();
    long ended = together.stream().mapToLong(SampleLane::ended).max().orElseThrow();
    // Each of these asks twice.
    Duration asking = together.get(0).roundTrip().multipliedBy(2);
    List<Long> stored = new ArrayList<>();
    for (SampleLane lane : together) {
      stored.add(lane.stored());
    }
    Duration log =
        atOnce(together, lane -> lane.log(stored.get(together.indexOf(lane)))).minus(asking);
    Duration index = Duration.ZERO;
    long indexBytes = 0;
    @Nullable Long keyMillis = null;
    if (!table.index().isEmpty()) {
      index = atOnce(together, SampleLane::index).minus(asking);
      indexBytes = together.get(0).indexBytes();
      keyMillis =
          keys
              ? millis(
                  atOnce(together.subList(0, 1), SampleLane::lookUp)
                      .minus(asking.multipliedBy(3).dividedBy(2)))
              : null;
    }
    return new Measured(
        Look.shortName(table.relation()),
        table.format(),
        count,
        rows.get(),
        together.stream().mapToLong(SampleLane::travelled).sum(),
        theirs.stream().mapToLong(this::bytes).sum(),
        millis(Duration.ofNanos(ended - began)),
        millis(log),
        alone.bytes(),
        alone.millis(),
        table.index().isEmpty() ? null : Quoting.plain(String.join(", ", table.index())),
        rows.get() / count,
        indexBytes,
        millis(index),
        keyMillis);
  }

  /**
   * One session alone.
   *
   * @param millis with its part of the target's log
   * @param copied milliseconds without it
   */
  private record Alone(long bytes, long millis, long copied) {}

  /** Copies more and more of the table's first pages, until it takes long enough to be believed. */
  private Alone alone(long pages) throws SQLException {
    List<SampleLane> one = open(1);
    SampleLane lane = one.get(0);
    Duration asking = lane.roundTrip().multipliedBy(2);
    long at = 0;
    long wanted = PROBE;
    while (true) {
      Part part = new Part(at, Math.max(1, Math.min(pages - at, wanted / table.bytesOfAPage())));
      long before = lane.stored();
      atOnce(one, first -> first.copy(part));
      long copied = millis(Duration.ofNanos(lane.ended() - lane.began()));
      at += part.pages();
      // What is left must not be less than what was.
      if (copied >= ENOUGH.toMillis() || bytes(part) >= MOST || at + part.pages() > pages) {
        long stored = lane.stored() - before;
        long log = millis(atOnce(one, first -> first.log(stored)).minus(asking));
        lanes.remove(lane);
        lane.close();
        return new Alone(bytes(part), copied + log, copied);
      }
      long next = copied < 100 ? bytes(part) * 8 : moving(bytes(part), copied, ALONE);
      wanted = Math.min(MOST, Math.max(2 * bytes(part), next));
    }
  }

  private long bytes(Part part) {
    return part.pages() * table.bytesOfAPage();
  }

  /** Bytes that move in a time. */
  private static long moving(long bytes, long millis, Duration time) {
    return Math.max(PROBE, bytes * time.toMillis() / Math.max(1, millis));
  }

  private static long millis(Duration time) {
    return Math.max(1, time.toMillis());
  }

  private int sessions() {
    return Math.min(MOST_SESSIONS, move.jobs());
  }

  private List<SampleLane> open(int count) throws SQLException {
    List<SampleLane> opened = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      SampleLane lane = SampleLane.open(opener, table, Throttle.of(move, sessions()), deadline);
      lanes.add(lane);
      opened.add(lane);
      if (deadline.passed()) {
        throw new SQLException("connecting took too long", SqlFailures.QUERY_CANCELED);
      }
    }
    return opened;
  }

  private interface Work {
    void on(SampleLane lane) throws SQLException;
  }

  /** How long it takes until all have done it. */
  private static Duration atOnce(List<SampleLane> lanes, Work work) throws SQLException {
    long began = System.nanoTime();
    List<FutureTask<Boolean>> tasks = new ArrayList<>();
    for (SampleLane lane : lanes) {
      tasks.add(
          AtOnce.beside(
              "sample",
              () -> {
                work.on(lane);
                return true;
              }));
    }
    FirstFailure failure = new FirstFailure();
    for (FutureTask<Boolean> task : tasks) {
      try {
        AtOnce.ended(task);
      } catch (SQLException e) {
        failure.add(e);
      } catch (RuntimeException e) {
        failure.add(e);
      }
    }
    failure.tell();
    return Duration.ofNanos(System.nanoTime() - began);
  }

  /** Asked every second; nothing that hangs outlives the deadline. */
  private Progress beat() {
    if (deadline.passed()) {
      abort();
    }
    return Progress.of("copying a sample of " + shown());
  }

  private void abort() {
    lanes.forEach(SampleLane::abort);
  }

  private String shown() {
    return Look.shortName(table.relation());
  }
}
