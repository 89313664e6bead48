package dev.whimbrel.activity;

import java.time.Instant;
import org.jspecify.annotations.Nullable;

/**
 * What a switchover ended with.
 *
 * @param writesGoTo the side that takes the writes now
 * @param epoch its epoch in {@code whimbrel.authority}
 * @param at when the hand-over was committed, by the losing server's clock; null if there never was
 *     one and the side was the truth all along
 * @param writePauseMillis from the first lock to the open target, by the worker's clock; 0 when
 *     nothing was held up
 * @param roundTrips sequential round trips inside the pause
 * @param handedOver whether the truth has moved by this call or an earlier attempt of it
 * @param canGoBack whether a stream runs back from the new truth to the losing side
 * @param line one line in an operator's words
 */
public record HandOver(
    Side writesGoTo,
    long epoch,
    @Nullable Instant at,
    long writePauseMillis,
    int roundTrips,
    boolean handedOver,
    boolean canGoBack,
    String line) {}
