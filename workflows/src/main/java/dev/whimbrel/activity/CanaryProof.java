package dev.whimbrel.activity;

import java.time.Instant;
import java.util.List;

/**
 * What both stacks have shown before the first percent.
 *
 * @param at when they were asked
 * @param findings what stands in the way, and what was not looked at
 * @param addedMillis how much slower the target's stack answers than the source's, at the median;
 *     never below 0
 * @param line one line in an operator's words, with figures
 */
public record CanaryProof(Instant at, List<Finding> findings, long addedMillis, String line) {}
