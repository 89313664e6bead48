package dev.whimbrel.activity;

import java.time.Instant;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What queries have said on both sides. Holds none of the values that they returned.
 *
 * @param at when the last one was asked
 * @param results one for each, in the order of the file
 */
public record QueriesReport(Instant at, List<Result> results) {

  /** What is known of one query. */
  public enum Verdict {
    /** The same rows, in the same order where it says one. */
    SAME,
    /** The same rows in another order than the one that it says. */
    OTHER_ORDER,
    /** Other rows, again and again at the same position. */
    DIFFERS,
    /** It fails on one side alone. */
    FAILS_ON_ONE,
    /** Nothing can be said of its rows. */
    NOT_COMPARED,
    /** Its rows were not to be compared. */
    TIME_ONLY
  }

  /**
   * One query.
   *
   * @param name what people call it
   * @param line where it stands in its file
   * @param rows rows on the source
   * @param sourceMillis how long it takes on the source's server, or null where that is not known
   * @param targetMillis the same of the target
   * @param slower whether the target is slower by so much that somebody should know
   * @param note what there is to say
   */
  public record Result(
      String name,
      int line,
      Verdict verdict,
      long rows,
      @Nullable Double sourceMillis,
      @Nullable Double targetMillis,
      boolean slower,
      @Nullable String note) {}

  /** Copies the list. */
  public QueriesReport {
    results = results == null ? List.of() : List.copyOf(results);
  }
}
