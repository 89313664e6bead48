package dev.whimbrel.activity;

import dev.whimbrel.runbook.GuardSpec;

/**
 * One guard to watch.
 *
 * @param move the databases, for {@code sql} guards
 * @param guard what to watch
 * @param number its place in the runbook, from 1
 */
public record GuardRequest(Move move, GuardSpec guard, int number) {}
