package dev.whimbrel.migration;

import dev.whimbrel.runbook.QuerySpec;
import dev.whimbrel.runbook.Runbook;
import java.util.List;

/**
 * What a migration is started with: an envelope around the runbook, so that more can be added
 * later.
 *
 * @param runbook the move
 * @param runbookHash SHA-256 of the file, hexadecimal
 * @param searchAttributes whether Whimbrel's search attributes are registered; upserting an unknown
 *     one would stop the workflow for good
 * @param startedBy who started it
 * @param queries what stood in the file that the runbook names under {@code validate.queries}; an
 *     older command line sends none
 */
public record Start(
    Runbook runbook,
    String runbookHash,
    boolean searchAttributes,
    String startedBy,
    List<QuerySpec> queries) {

  /** Copies the list; what is missing is empty. */
  public Start {
    queries = queries == null ? List.of() : List.copyOf(queries);
  }

  /** A start without queries. */
  public Start(Runbook runbook, String runbookHash, boolean searchAttributes, String startedBy) {
    this(runbook, runbookHash, searchAttributes, startedBy, List.of());
  }
}
