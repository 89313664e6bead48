package dev.whimbrel.activity;

import java.time.Instant;
import java.util.List;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * The result of a comparison.
 *
 * @param at from when its age is counted: when it was finished; of one of the rounds in the
 *     background, which may take a day, when it began, so that its age is that of what was looked
 *     at first
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
 * @param began when it began; null in what was recorded before that was told
 * @param ended when it was finished; null in what was recorded before that was told
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
    List<DifferingRow> differing,
    @Nullable Instant began,
    @Nullable Instant ended) {

  /** What was recorded before there was a choice of hashes has none of the last six. */
  public VerificationReport {
    hash = hash == null ? "sha256" : hash;
    truth = truth == null ? Side.SOURCE : truth;
    differing = differing == null ? List.of() : List.copyOf(differing);
  }

  /** A report that does not tell how long the comparison took. */
  public VerificationReport(
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
    this(
        at,
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
        differing,
        null,
        null);
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
    return with(time, differing, began, ended);
  }

  /** The same without the rows that differ, which are many. */
  public VerificationReport withoutRows() {
    return with(at, List.of(), began, ended);
  }

  /** The same, of a comparison that began then and has just been finished. */
  public VerificationReport begun(Instant time) {
    return with(at, differing, time, at);
  }

  private VerificationReport with(
      Instant time,
      List<DifferingRow> rowsThatDiffer,
      @Nullable Instant start,
      @Nullable Instant end) {
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
        rowsThatDiffer,
        start,
        end);
  }

  /** Everything that was not compared, or cannot be judged. */
  public List<String> notJudged() {
    return Stream.concat(notCompared.stream(), stale.stream()).toList();
  }
}
