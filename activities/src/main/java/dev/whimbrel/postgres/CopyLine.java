package dev.whimbrel.postgres;

import dev.whimbrel.postgres.CopyList.Totals;
import java.time.Duration;
import java.time.Instant;
import org.jspecify.annotations.Nullable;

/** How far a copy is, how fast it goes and how long it will take, in words. */
final class CopyLine {
  private final Instant begun;
  private @Nullable Long first;

  /** Counts the rate from here. */
  CopyLine(Instant begun) {
    this.begun = begun;
  }

  /**
   * {@code 2.1 GB of 4.0 GB copied in 31,213,870 rows, 310 MB in 4,120,031 rows under way, 3 of 7
   * tables, 2 of 16 indexes, 24 MB/s, rows for about 2 min more}.
   */
  String of(Totals totals, RowsUnderWay underWay, Instant now) {
    return "%s of %s copied in %,d rows%s, %d of %d tables, %d of %d indexes%s"
        .formatted(
            Size.words(totals.bytesDone()),
            Size.words(totals.bytes()),
            totals.rows(),
            underWay.bytes() == 0 ? "" : ", " + words(underWay),
            totals.tablesDone(),
            totals.tables(),
            totals.builtIndexes(),
            totals.indexes(),
            rate(totals, moved(totals, underWay), now));
  }

  private static String words(RowsUnderWay underWay) {
    return Size.words(underWay.bytes())
        + (underWay.rows() == 0 ? "" : " in %,d rows".formatted(underWay.rows()))
        + " under way";
  }

  /** What is sent may be more than what it takes on the disk. */
  private static long moved(Totals totals, RowsUnderWay underWay) {
    return Math.min(totals.bytes(), totals.bytesDone() + underWay.bytes());
  }

  private String rate(Totals totals, long moved, Instant now) {
    Long from = first;
    if (from == null) {
      first = moved;
      return "";
    }
    long seconds = Duration.between(begun, now).toSeconds();
    if (seconds == 0 || moved <= from || totals.bytesDone() == totals.bytes()) {
      return "";
    }
    long perSecond = Math.max(1, (moved - from) / seconds);
    Duration left = Duration.ofSeconds((totals.bytes() - moved) / perSecond);
    return ", %s/s%s"
        .formatted(
            Size.words(perSecond),
            left.isZero() ? "" : ", rows for about " + words(left) + " more");
  }

  private static String words(Duration left) {
    return left.toMinutes() == 0
        ? left.toSeconds() + " s"
        : left.toHours() == 0
            ? left.toMinutes() + " min"
            : left.toHours() + " h " + left.toMinutesPart() + " min";
  }
}
