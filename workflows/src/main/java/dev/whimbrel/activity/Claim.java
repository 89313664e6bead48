package dev.whimbrel.activity;

/**
 * What a migration holds once it has claimed both databases.
 *
 * @param epoch the epoch in which the source is the truth
 * @param line one line in an operator's words
 */
public record Claim(long epoch, String line) {}
