package dev.whimbrel.activity;

import java.util.List;

/**
 * Whether the switchover and its way back are ready.
 *
 * @param canGoBack whether rollback will be possible after the hand-over
 * @param predictedPauseMillis how long writes will be held up
 * @param findings what stands in the way or should be known
 * @param epoch the epoch in which the source was found to be the truth; a switchover that rests on
 *     this readiness begins in no other
 * @param line one line in an operator's words
 * @param lastClosing the number of the source's last closing, which an earlier migration of the
 *     same name may have made; 0 where it was never closed, as in histories of before
 */
public record Readiness(
    boolean canGoBack,
    long predictedPauseMillis,
    List<Finding> findings,
    long epoch,
    String line,
    int lastClosing) {}
