package dev.whimbrel.activity;

import java.time.Instant;
import java.util.List;
import java.util.stream.Stream;

/**
 * The result of a comparison.
 *
 * @param at when it was finished
 * @param tables tables compared
 * @param rows rows compared
 * @param differences rows and objects that differ
 * @param inFlux rows that kept changing while they were looked at, so that they could not be
 *     judged; a row that agreed when looked at again behind the stream is not among them
 * @param findings each difference with its object and key, at most a hundred
 * @param notCompared what could not be compared, with the reason
 * @param stale materialized views whose rows differ: nothing carries them, and each side's were
 *     made by its own last refresh. Comes and goes with every refresh, so that no approval rests on
 *     it
 */
public record VerificationReport(
    Instant at,
    int tables,
    long rows,
    long differences,
    long inFlux,
    List<String> findings,
    List<String> notCompared,
    List<String> stale) {

  /** Everything that was not compared, or cannot be judged. */
  public List<String> notJudged() {
    return Stream.concat(notCompared.stream(), stale.stream()).toList();
  }
}
