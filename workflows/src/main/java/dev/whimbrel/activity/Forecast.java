package dev.whimbrel.activity;

import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * How long it would take to move the rows, as far as a sample tells.
 *
 * @param jobs how many work at once, as the runbook says
 * @param measured what was measured, or null where nothing could be
 * @param times what follows from it, or null with it
 * @param largest the largest tables, the largest first, at most {@link #LARGEST}
 * @param method the method that is advised
 * @param leavesOut what the times do not hold
 * @param findings why nothing was measured, where that is so
 */
public record Forecast(
    int jobs,
    @Nullable Measured measured,
    @Nullable Times times,
    List<TableTime> largest,
    String method,
    List<String> leavesOut,
    List<Finding> findings) {

  /** How many tables are told one by one. */
  public static final int LARGEST = 5;

  /** The service goes on meanwhile, whether all comes at once or in stages. */
  public static final String ONLINE = "online";

  /** Names the check in the findings. */
  public static final String CHECK = "forecast";

  /** Copies the lists; what is missing is empty. */
  public Forecast {
    largest = largest == null ? List.of() : List.copyOf(largest);
    leavesOut = leavesOut == null ? List.of() : List.copyOf(leavesOut);
    findings = findings == null ? List.of() : List.copyOf(findings);
  }

  /** Advice without figures. */
  public static Forecast notMeasured(int jobs, String subject, String why, @Nullable String fix) {
    return new Forecast(
        jobs,
        null,
        null,
        List.of(),
        ONLINE,
        List.of(),
        List.of(
            new Finding(
                Finding.Level.NOTE,
                CHECK,
                subject,
                "the copy was not measured, so that its time is an assumption: " + why + ".",
                fix)));
  }

  /**
   * What a sample has shown. Sizes are those that the table has on the source's disk, so that they
   * can be compared with the sizes of tables.
   *
   * @param table the table that the rows are from
   * @param format how they travelled, {@code binary} or {@code text}
   * @param sessions how many copied at once
   * @param rows rows that they moved
   * @param travelled bytes that they moved
   * @param bytes what these rows take on the source's disk
   * @param copyMillis how long they took, all of them together
   * @param logMillis how long the target took to write as much to its log
   * @param aloneBytes the same of one session alone
   * @param aloneMillis how long that one took, with its part of the log
   * @param index columns of an index that each of them built at the same time, or null where the
   *     table has none that a sample can have
   * @param indexRows rows in one of these indexes
   * @param indexBytes its size
   * @param indexMillis how long it took
   * @param keyMillis how long looking each of {@code indexRows} rows up took, as a foreign key's
   *     validation does; null where there is none to validate, or no index
   */
  public record Measured(
      String table,
      String format,
      int sessions,
      long rows,
      long travelled,
      long bytes,
      long copyMillis,
      long logMillis,
      long aloneBytes,
      long aloneMillis,
      @Nullable String index,
      long indexRows,
      long indexBytes,
      long indexMillis,
      @Nullable Long keyMillis) {

    /** Bytes a second of the table's size, of all sessions together, with the target's log. */
    public long rate() {
      return bytes * 1000 / Math.max(1, copyMillis + logMillis);
    }

    /** The same of one session alone. */
    public long aloneRate() {
      return aloneBytes * 1000 / Math.max(1, aloneMillis);
    }
  }

  /**
   * Seconds, all of them about.
   *
   * @param copy rows of all tables
   * @param indexes all indexes, or null where none was measured
   * @param foreignKeys validation of all foreign keys; null where that was not measured
   * @param whole all of it; the indexes of one table are built while others are copied
   * @param atLeast below which no number of jobs brings it; 0 where everything can be shared
   * @param because the piece that it does not get below, which nobody can share
   */
  public record Times(
      long copy,
      @Nullable Long indexes,
      @Nullable Long foreignKeys,
      long whole,
      long atLeast,
      String because) {}

  /**
   * One table.
   *
   * @param table its name
   * @param bytes its size without indexes
   * @param indexBytes the size of its indexes
   * @param percent its share of the work
   * @param copySeconds its rows, by as many sessions as can share it
   * @param indexSeconds its indexes, one after the other; null where none was measured
   */
  public record TableTime(
      String table,
      long bytes,
      long indexBytes,
      int percent,
      long copySeconds,
      @Nullable Long indexSeconds) {}
}
