package dev.whimbrel.activity;

/**
 * What a step achieved.
 *
 * @param line one line in an operator's words, with figures: {@code 14 tables, 312 columns created}
 */
public record Outcome(String line) {}
