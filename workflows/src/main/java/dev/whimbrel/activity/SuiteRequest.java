package dev.whimbrel.activity;

import dev.whimbrel.runbook.SuiteSpec;

/**
 * One run of a suite.
 *
 * @param on where it writes; ready, and nobody has written there yet
 * @param suite what is run
 */
public record SuiteRequest(SuiteClone on, SuiteSpec suite) {}
