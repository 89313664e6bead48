package dev.whimbrel.activity;

import dev.whimbrel.runbook.TrafficSpec;

/**
 * A share of the traffic.
 *
 * @param migration the runbook's name
 * @param traffic what sets it
 * @param share the target's percent, 0 to 100; 0 leaves everything as it was before the migration
 */
public record ShareRequest(String migration, TrafficSpec traffic, int share) {}
