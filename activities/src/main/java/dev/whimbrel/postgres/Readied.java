package dev.whimbrel.postgres;

/**
 * What was made ready before writes are held up.
 *
 * @param lock the statement that locks every table, busiest last
 * @param readSequences the query that reads every sequence
 */
record Readied(String lock, String readSequences) {}
