package dev.whimbrel.migration;

import org.jspecify.annotations.Nullable;

/**
 * A decision about a parked step.
 *
 * @param by who, as claimed
 * @param reason why; required to skip
 * @param step the step's id, or null for all parked steps
 */
public record StepDecision(String by, @Nullable String reason, @Nullable String step) {}
