package dev.whimbrel.activity;

import java.time.Instant;

/**
 * A guard's threshold was passed.
 *
 * @param guard its place in the runbook, from 1
 * @param at when
 * @param line what was measured and what was allowed
 */
public record Breach(int guard, Instant at, String line) {}
