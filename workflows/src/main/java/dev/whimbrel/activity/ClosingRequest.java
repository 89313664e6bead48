package dev.whimbrel.activity;

import java.time.Duration;

/**
 * One closing of the source for an offline copy.
 *
 * @param move the databases
 * @param number counts the closings of one migration, from 1
 * @param expectedEpoch the epoch in which the switchover was prepared: an attempt that comes late
 *     finds a newer one and closes nothing
 * @param atMost after which the source opens by itself, whatever is under way
 */
public record ClosingRequest(Move move, int number, long expectedEpoch, Duration atMost) {}
