package dev.whimbrel.activity;

import dev.whimbrel.activity.PreflightReport.DatabaseUser;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * How far an activity is: the details of its heartbeat, and where its next attempt goes on from.
 *
 * @param line one line in an operator's words
 * @param done units done, such as bytes or tables, or null where nothing is counted
 * @param total units in all
 * @param lagMillis travel time of the latest marker
 * @param lagBytes WAL not yet confirmed by the other side
 * @param writesAtRisk changes on the side that takes the writes which have not reached the other
 *     side, {@link #NOT_KNOWN}, or null where nobody looks for them
 * @param heldSince since when a condition has held, ISO 8601, or null while it does not hold
 * @param lastLooked when the condition was last looked at, ISO 8601
 * @param looks how often this attempt has looked, or null where that is not counted
 * @param users who was seen to use the source, or null where nobody looks for them
 * @param obstacle what a rollback would stop at now, or null
 * @param warning what somebody should know before it does harm, or null
 * @param verification what the latest of several comparisons has found, without its rows; null
 *     before the first, and where nothing is compared
 */
public record Progress(
    String line,
    @Nullable Long done,
    @Nullable Long total,
    @Nullable Long lagMillis,
    @Nullable Long lagBytes,
    @Nullable Long writesAtRisk,
    @Nullable String heldSince,
    @Nullable String lastLooked,
    @Nullable Long looks,
    @Nullable List<DatabaseUser> users,
    @Nullable String obstacle,
    @Nullable String warning,
    @Nullable VerificationReport verification) {

  /** There are writes at risk, and nobody can say how many. */
  public static final long NOT_KNOWN = -1;

  /** Progress whose looks are not counted. */
  public Progress(
      String line,
      @Nullable Long done,
      @Nullable Long total,
      @Nullable Long lagMillis,
      @Nullable Long lagBytes,
      @Nullable Long writesAtRisk,
      @Nullable String heldSince,
      @Nullable String lastLooked) {
    this(
        line,
        done,
        total,
        lagMillis,
        lagBytes,
        writesAtRisk,
        heldSince,
        lastLooked,
        null,
        null,
        null,
        null,
        null);
  }

  /** The same in other words. */
  public Progress said(String words) {
    return with(words, looks, users, obstacle, warning, verification);
  }

  /** The same, with the number of looks so far. */
  public Progress after(long looksSoFar) {
    return with(line, looksSoFar, users, obstacle, warning, verification);
  }

  /** The same, with who was seen to use the source. */
  public Progress having(List<DatabaseUser> seen) {
    return with(line, looks, seen, obstacle, warning, verification);
  }

  /** The same, with what a rollback would stop at. */
  public Progress stopping(@Nullable String found) {
    return with(line, looks, users, found, warning, verification);
  }

  /** The same, with what somebody should know before it does harm. */
  public Progress warning(@Nullable String words) {
    return with(line, looks, users, obstacle, words, verification);
  }

  /** The same, with what the latest comparison has found. */
  public Progress finding(@Nullable VerificationReport report) {
    return with(line, looks, users, obstacle, warning, report);
  }

  private Progress with(
      String words,
      @Nullable Long looksSoFar,
      @Nullable List<DatabaseUser> seen,
      @Nullable String found,
      @Nullable String said,
      @Nullable VerificationReport report) {
    return new Progress(
        words,
        done,
        total,
        lagMillis,
        lagBytes,
        writesAtRisk,
        heldSince,
        lastLooked,
        looksSoFar,
        seen,
        found,
        said,
        report);
  }

  /** Progress that is only words. */
  public static Progress of(String line) {
    return new Progress(line, null, null, null, null, null, null, null);
  }
}
