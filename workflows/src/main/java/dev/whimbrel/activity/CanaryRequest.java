package dev.whimbrel.activity;

import dev.whimbrel.runbook.CanarySpec;
import java.util.List;

/**
 * A look at both stacks before the first percent.
 *
 * @param move the databases; the source's is the truth
 * @param canary what is asked
 * @param sourceAddresses the service's addresses on the source side
 * @param targetAddresses the service's addresses on the target side
 */
public record CanaryRequest(
    Move move, CanarySpec canary, List<String> sourceAddresses, List<String> targetAddresses) {}
