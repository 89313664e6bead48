package dev.whimbrel.migration;

import org.jspecify.annotations.Nullable;

/**
 * Something a person decided.
 *
 * @param by who, as claimed
 * @param reason why
 */
public record Decision(String by, @Nullable String reason) {}
