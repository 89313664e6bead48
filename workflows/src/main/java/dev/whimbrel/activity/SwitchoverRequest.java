package dev.whimbrel.activity;

import java.time.Duration;
import org.jspecify.annotations.Nullable;

/**
 * One switchover, in either direction.
 *
 * @param move the databases
 * @param to the side that shall be the truth
 * @param pauseBudget how long writes may be held up
 * @param patience how long to wait for a side that cannot be reached before asking for help
 * @param acceptLossBy who accepts that writes which have not arrived are lost, or null when nobody
 *     does
 * @param reason why, for the record
 */
public record SwitchoverRequest(
    Move move,
    Side to,
    Duration pauseBudget,
    Duration patience,
    @Nullable String acceptLossBy,
    @Nullable String reason) {}
