package dev.whimbrel.migration;

import dev.whimbrel.activity.PreflightReport;
import dev.whimbrel.runbook.Runbook;
import io.temporal.workflow.WorkflowInterface;
import io.temporal.workflow.WorkflowMethod;

/** Looks at everything a runbook names and changes nothing: what {@code whimbrel plan} runs. */
@WorkflowInterface
public interface PlanWorkflow {

  /** Runs preflight on a worker and returns its report. */
  @WorkflowMethod
  PreflightReport plan(Runbook runbook);
}
