package dev.whimbrel.activity;

/**
 * What one caller has copied.
 *
 * @param pieces pieces of work that it finished
 * @param snapshotLost whether it stopped because the generation's snapshot is gone
 */
public record CopyShare(int pieces, boolean snapshotLost) {}
