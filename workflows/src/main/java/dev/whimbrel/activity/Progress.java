package dev.whimbrel.activity;

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
 *     side
 * @param heldSince since when a condition has held, ISO 8601, or null while it does not hold
 * @param lastLooked when the condition was last looked at, ISO 8601
 */
public record Progress(
    String line,
    @Nullable Long done,
    @Nullable Long total,
    @Nullable Long lagMillis,
    @Nullable Long lagBytes,
    @Nullable Long writesAtRisk,
    @Nullable String heldSince,
    @Nullable String lastLooked) {

  /** Progress that is only words. */
  public static Progress of(String line) {
    return new Progress(line, null, null, null, null, null, null, null);
  }
}
