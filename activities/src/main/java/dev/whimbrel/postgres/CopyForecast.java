package dev.whimbrel.postgres;

import dev.whimbrel.activity.Forecast;
import dev.whimbrel.activity.Forecast.Measured;
import dev.whimbrel.activity.Forecast.TableTime;
import dev.whimbrel.activity.Forecast.Times;
import dev.whimbrel.activity.Move;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What a sample says about the whole: rows by their size; an index by its size and the depth of its
 * sort, so n log n; the validation of a foreign key by its rows. As many are reckoned to be at work
 * at once as were measured at once, which is no more than the runbook's jobs.
 */
final class CopyForecast {
  private final CopySizes sizes;
  private final Measured measured;

  CopyForecast(CopySizes sizes, Measured measured) {
    this.sizes = sizes;
    this.measured = measured;
  }

  /** The piece of work that everything else waits for. */
  private record Chain(double seconds, String words) {}

  Forecast of(Move move) {
    double copy = 0;
    double indexes = 0;
    double keys = 0;
    double longestKeys = 0;
    Chain longest = new Chain(0, "");
    double last = 0;
    for (CopySizes.Table table : sizes.tables()) {
      copy += rows(table);
      indexes += indexes(table);
      keys += keys(table);
      longestKeys = Math.max(longestKeys, keys(table));
      Chain chain = chain(table);
      longest = chain.seconds() > longest.seconds() ? chain : longest;
      last = Math.max(last, chain.seconds() + (cut() ? rows(table) : 0));
    }
    double copied = Math.max(copy, longestAlone());
    double built = indexes / measured.sessions();
    double validated = Math.max(keys / measured.sessions(), longestKeys);
    double whole = Math.max(copied + built + validated, last);
    return new Forecast(
        move.jobs(),
        measured,
        new Times(
            about(copied),
            measured.index() == null ? null : about(built),
            measured.keyMillis() == null ? null : about(validated),
            about(whole),
            Math.round(longest.seconds()),
            longest.words()),
        largest(copy + built),
        Forecast.ONLINE,
        leavesOut(move),
        List.of());
  }

  private List<TableTime> largest(double whole) {
    List<TableTime> largest = new ArrayList<>();
    for (CopySizes.Table table :
        sizes.tables().subList(0, Math.min(Forecast.LARGEST, sizes.tables().size()))) {
      double work = rows(table) + indexes(table) / measured.sessions();
      largest.add(
          new TableTime(
              table.shown(),
              table.bytes(),
              table.indexBytes(),
              (int) Math.min(100, Math.round(100 * work / Math.max(0.001, whole))),
              about(rows(table)),
              measured.index() == null ? null : about(indexes(table))));
    }
    return largest;
  }

  /** Seconds for a table's rows by all who are at work. */
  private double rows(CopySizes.Table table) {
    return (double) table.bytes() / Math.max(1, measured.rate());
  }

  /** Whether several can read one table. */
  private boolean cut() {
    return CopyPlanner.readsRanges(sizes.major());
  }

  /** Seconds for a table that only one can read. */
  private double longestAlone() {
    return cut() || sizes.tables().isEmpty() ? 0 : alone(sizes.tables().get(0));
  }

  private double alone(CopySizes.Table table) {
    return (double) table.bytes() / Math.max(1, measured.aloneRate());
  }

  private double indexes(CopySizes.Table table) {
    return table.indexes().stream().mapToDouble(index -> index(table, index)).sum();
  }

  private double index(CopySizes.Table table, CopySizes.Index index) {
    if (measured.index() == null) {
      return 0;
    }
    double larger = (double) index.bytes() / Math.max(1, measured.indexBytes());
    double deeper = depth(rowsOf(table)) / depth(measured.indexRows());
    return measured.indexMillis() / 1000.0 * larger * Math.max(1, deeper);
  }

  private static double depth(long rows) {
    return Math.log((double) Math.max(2, rows));
  }

  private double keys(CopySizes.Table table) {
    Long millis = measured.keyMillis();
    return millis == null
        ? 0
        : millis / 1000.0 * table.foreignKeys() * rowsOf(table) / Math.max(1, measured.indexRows());
  }

  /** As the statistics say; where there are none, as many as the sample has for its size. */
  private long rowsOf(CopySizes.Table table) {
    return table.rows() > 0
        ? table.rows()
        : Math.round((double) measured.rows() * table.bytes() / Math.max(1, measured.bytes()));
  }

  /**
   * What no two can share: a table's rows where ranges of pages cannot be read, its largest index,
   * its foreign keys, of which one goes at a time.
   */
  private Chain chain(CopySizes.Table table) {
    double seconds = cut() ? 0 : alone(table);
    List<String> parts = new ArrayList<>();
    if (!cut()) {
      parts.add("its rows");
    }
    CopySizes.@Nullable Index largest =
        table.indexes().stream().max((a, b) -> Long.compare(a.bytes(), b.bytes())).orElse(null);
    if (largest != null && measured.index() != null) {
      seconds += index(table, largest);
      parts.add("its index " + largest.name());
    }
    if (keys(table) > 0) {
      seconds += keys(table);
      parts.add("its foreign keys");
    }
    return new Chain(seconds, table.shown() + ": " + String.join(", then ", parts));
  }

  private List<String> leavesOut(Move move) {
    List<String> out = new ArrayList<>();
    out.add("checkpoints of the target, and indexes in its log");
    out.add("what is written to the source meanwhile");
    out.add("statistics, the comparison, and everything else but rows, indexes and foreign keys");
    out.add("that a table may be bloated: its size on the source's disk is what is reckoned with");
    out.add("parallel workers, which make the build of a large index shorter");
    if (measured.index() == null) {
      out.add("indexes: %s has none that a sample can have".formatted(measured.table()));
    }
    if (sizes.hasOtherIndexes()) {
      out.add("that some indexes are no btrees: they are reckoned as if they were");
    }
    if (sizes.hasForeignKeys() && measured.keyMillis() == null) {
      out.add("foreign keys");
    }
    if (move.tables() != null) {
      out.add("what the runbook leaves out (replicate.tables)");
    }
    if (move.throttle() != null && move.throttle().bytesPerSecond() != null) {
      out.add("that replicate.throttle.rate may be what limits the rate that was measured");
    }
    if (Throttle.of(move).looks()) {
      out.add("the rests while others are at work on the source (replicate.throttle)");
    }
    return out;
  }

  private static long about(double seconds) {
    return Math.max(1, Math.round(seconds));
  }
}
