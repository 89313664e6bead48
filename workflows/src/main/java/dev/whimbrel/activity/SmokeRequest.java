package dev.whimbrel.activity;

import dev.whimbrel.runbook.CheckSpec;
import java.util.List;

/**
 * A round of checks.
 *
 * @param move the databases, for {@code sql} checks
 * @param checks what to run
 * @param sourceAddresses the service's addresses on the source side, for {@code via: source}
 * @param targetAddresses the service's addresses on the target side, for {@code via: target}
 */
public record SmokeRequest(
    Move move,
    List<CheckSpec> checks,
    List<String> sourceAddresses,
    List<String> targetAddresses) {}
