package dev.whimbrel.activity;

import java.time.Instant;

/**
 * A closing that stands.
 *
 * @param number the closing
 * @param since when the source was closed, by its own clock
 * @param until when it opens by itself at the latest, by its own clock
 * @param line one line in an operator's words
 */
public record Closed(int number, Instant since, Instant until, String line) {}
