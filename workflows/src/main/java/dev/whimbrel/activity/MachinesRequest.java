package dev.whimbrel.activity;

import dev.whimbrel.runbook.ProvisionSpec;

/**
 * The machines of the target's side.
 *
 * @param migration the runbook's name, which everything that is made carries as a tag
 * @param provision which machines
 */
public record MachinesRequest(String migration, ProvisionSpec provision) {}
