package dev.whimbrel.migration;

import dev.whimbrel.activity.Move;
import dev.whimbrel.activity.Preflight;
import dev.whimbrel.activity.PreflightReport;
import dev.whimbrel.runbook.Runbook;

/** The plan, as {@link PlanWorkflow} describes it. */
public final class PlanRun implements PlanWorkflow {
  @Override
  public PreflightReport plan(Runbook runbook) {
    return Timeouts.call(Preflight.class, Timeouts.LOOK, "plan: look at both databases")
        .preflight(Move.of(runbook))
        .with(Plans.all(runbook));
  }
}
