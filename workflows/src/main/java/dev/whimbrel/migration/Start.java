package dev.whimbrel.migration;

import dev.whimbrel.runbook.Runbook;

/**
 * What a migration is started with: an envelope around the runbook, so that more can be added
 * later.
 *
 * @param runbook the move
 * @param runbookHash SHA-256 of the file, hexadecimal
 * @param searchAttributes whether Whimbrel's search attributes are registered; upserting an unknown
 *     one would stop the workflow for good
 * @param startedBy who started it
 */
public record Start(
    Runbook runbook, String runbookHash, boolean searchAttributes, String startedBy) {}
