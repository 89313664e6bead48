package dev.whimbrel.postgres;

/**
 * What was made ready before writes are held up.
 *
 * @param lock the statement that locks every table, busiest last
 * @param readSequences the query that reads every sequence
 * @param readFingerprint the query for the figure of the losing side's catalog
 * @param fingerprint that figure, on which everything was looked at
 */
record Readied(String lock, String readSequences, String readFingerprint, String fingerprint) {}
