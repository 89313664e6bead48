package dev.whimbrel.migration;

import org.jspecify.annotations.Nullable;

/**
 * A request to go back.
 *
 * @param by who, as claimed
 * @param reason why
 * @param acceptLoss whether writes that have not arrived on the source may be lost
 */
public record RollbackRequest(String by, @Nullable String reason, boolean acceptLoss) {}
