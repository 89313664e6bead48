package dev.whimbrel.activity;

/**
 * How a generation begins.
 *
 * @param bytesAgain bytes that an earlier generation had copied and this one copies once more
 * @param line what was kept and what begins anew
 */
public record CopyOpening(long bytesAgain, String line) {}
