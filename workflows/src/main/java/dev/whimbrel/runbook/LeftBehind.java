package dev.whimbrel.runbook;

import com.fasterxml.jackson.annotation.JsonProperty;

/**
 * A role that writes to the source and does not follow, on purpose.
 *
 * @param role its name
 * @param because why; shown at the approval
 */
public record LeftBehind(
    @JsonProperty(required = true) String role, @JsonProperty(required = true) String because) {}
