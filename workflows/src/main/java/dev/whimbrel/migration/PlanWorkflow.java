package dev.whimbrel.migration;

import dev.whimbrel.activity.PreflightReport;
import dev.whimbrel.runbook.Runbook;
import io.temporal.workflow.WorkflowInterface;
import io.temporal.workflow.WorkflowMethod;
import org.jspecify.annotations.Nullable;

/** Looks at everything a runbook names and changes nothing: what {@code whimbrel plan} runs. */
@WorkflowInterface
public interface PlanWorkflow {

  /**
   * Runs preflight on a worker and returns its report.
   *
   * @param more what else is wanted; null, as from an older command line, for nothing
   */
  @WorkflowMethod
  PreflightReport plan(Runbook runbook, @Nullable More more);

  /**
   * What is asked of the servers beside what their catalogs say.
   *
   * @param sample how fast they are: some seconds of a copy that leaves nothing
   * @param queries the source's most expensive queries
   */
  record More(boolean sample, boolean queries) {
    /** The catalogs alone. */
    public static final More NOTHING = new More(false, false);
  }
}
