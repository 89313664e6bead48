package dev.whimbrel.activity;

import java.time.Instant;
import java.util.List;

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
 */
public record VerificationReport(
    Instant at,
    int tables,
    long rows,
    long differences,
    long inFlux,
    List<String> findings,
    List<String> notCompared) {}
