package dev.whimbrel.copy;

import dev.whimbrel.activity.Move;
import dev.whimbrel.activity.Outcome;
import io.temporal.workflow.WorkflowInterface;
import io.temporal.workflow.WorkflowMethod;

/**
 * Copies the rows, keys and indexes of one database, consistently. Fails as the step fails that
 * cannot go on; started again, it goes on from what is finished.
 *
 * <p>Its history holds {@link Move#jobs()} and three activities a generation, whatever the size of
 * the database: some sixty events with four jobs, and some eighty for each stage of its own. Pieces
 * are handed out on the target. Behind {@link CopyRun#LONG_HISTORY} events, as a source that loses
 * its snapshot again and again makes, it goes on under the same id in another run.
 */
@WorkflowInterface
public interface CopyWorkflow {
  /** The workflow's id is this and the id of the migration it belongs to. */
  String ID_SUFFIX = "-copy";

  /** Returns when everything is copied and every index of a table is built. */
  @WorkflowMethod
  Outcome copy(Move move);
}
