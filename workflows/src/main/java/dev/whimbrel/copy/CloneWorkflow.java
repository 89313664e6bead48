package dev.whimbrel.copy;

import io.temporal.workflow.QueryMethod;
import io.temporal.workflow.WorkflowInterface;
import io.temporal.workflow.WorkflowMethod;

/**
 * Copies a database into an empty one as one snapshot shows it, without replication. Cancelling it
 * drops what was brought.
 *
 * <p>Its history holds {@link CloneStart#jobs()} and some eight activities a snapshot, whatever the
 * size of the database, and no more than {@link CloneRun#SNAPSHOTS} snapshots.
 */
@WorkflowInterface
public interface CloneWorkflow {
  /** The workflow's id is this and the clone's name. */
  String ID_PREFIX = "clone-";

  /** Memo: SHA-256 of the runbook file; set by the starter. */
  String RUNBOOK_HASH = "runbookHash";

  /** Memo: whether it is compared, {@code yes} or {@code no}; set by the starter. */
  String VERIFIED = "verified";

  /**
   * Memo: the {@link CloneResult} of one that was cancelled. Temporal closes such a workflow
   * without its result.
   */
  String ENDED_AS = "endedAs";

  /** Returns when the clone is an ordinary database, or nothing of it is left. Never fails. */
  @WorkflowMethod
  CloneResult make(CloneStart start);

  /** Where it is. */
  @QueryMethod
  CloneStatus status();
}
