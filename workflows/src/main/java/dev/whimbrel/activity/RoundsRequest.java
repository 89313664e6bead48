package dev.whimbrel.activity;

import java.time.Duration;

/**
 * Comparisons one after the other.
 *
 * @param verify each of them
 * @param every how long it rests before each
 */
public record RoundsRequest(VerifyRequest verify, Duration every) {}
