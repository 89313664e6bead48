package dev.whimbrel.activity;

import dev.whimbrel.runbook.RetireSpec;

/**
 * The machines of the source's side.
 *
 * @param migration the runbook's name
 * @param retire which machines
 */
public record RetireRequest(String migration, RetireSpec retire) {}
