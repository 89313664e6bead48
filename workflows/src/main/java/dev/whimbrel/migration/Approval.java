package dev.whimbrel.migration;

import org.jspecify.annotations.Nullable;

/**
 * An approval.
 *
 * @param by who, as claimed
 * @param reason why
 * @param findings hash of the findings that were shown, or null for those shown now
 */
public record Approval(String by, @Nullable String reason, @Nullable String findings) {}
