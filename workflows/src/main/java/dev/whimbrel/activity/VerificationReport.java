package dev.whimbrel.activity;

import java.time.Instant;
import java.util.List;
import java.util.stream.Stream;

/**
 * The result of a comparison.
 *
 * @param at when it was finished; of one of the rounds in the background, which may take a day,
 *     when it began, so that its age is that of what was looked at first
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
 * @param hash how rows were hashed, {@code sha256} or {@code fast}
 * @param truth the side that took the writes
 * @param differingRows how many rows differ, which are among the differences
 * @param differing the first of these rows, in the order of their tables and keys: a thousand at
 *     most, and fewer where their keys are long
 */
public record VerificationReport(
    Instant at,
    int tables,
    long rows,
    long differences,
    long inFlux,
    List<String> findings,
    List<String> notCompared,
    List<String> stale,
    String hash,
    Side truth,
    long differingRows,
    List<DifferingRow> differing) {

  /** What was recorded before there was a choice of hashes has none of the last four. */
  public VerificationReport {
    hash = hash == null ? "sha256" : hash;
    truth = truth == null ? Side.SOURCE : truth;
    differing = differing == null ? List.of() : List.copyOf(differing);
  }

  /** A report of a comparison by SHA-256, of the source's rows, in which no row differs. */
  public VerificationReport(
      Instant at,
      int tables,
      long rows,
      long differences,
      long inFlux,
      List<String> findings,
      List<String> notCompared,
      List<String> stale) {
    this(
        at,
        tables,
        rows,
        differences,
        inFlux,
        findings,
        notCompared,
        stale,
        "sha256",
        Side.SOURCE,
        0,
        List.of());
  }

  /** The same, as old as this. */
  public VerificationReport asOf(Instant time) {
    return with(time, differing);
  }

  /** The same without the rows that differ, which are many. */
  public VerificationReport withoutRows() {
    return with(at, List.of());
  }

  private VerificationReport with(Instant time, List<DifferingRow> rowsThatDiffer) {
    return new VerificationReport(
        time,
        tables,
        rows,
        differences,
        inFlux,
        findings,
        notCompared,
        stale,
        hash,
        truth,
        differingRows,
        rowsThatDiffer);
  }

  /** Everything that was not compared, or cannot be judged. */
  public List<String> notJudged() {
    return Stream.concat(notCompared.stream(), stale.stream()).toList();
  }
}
