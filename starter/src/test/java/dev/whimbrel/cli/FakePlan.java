package dev.whimbrel.cli;

import dev.whimbrel.activity.Finding;
import dev.whimbrel.activity.PreflightReport;
import dev.whimbrel.migration.PlanWorkflow;
import dev.whimbrel.runbook.Runbook;
import java.time.Instant;
import java.util.List;

/** A plan that finds a blocker in runbooks whose service is called "blocked". */
public class FakePlan implements PlanWorkflow {
  @Override
  public PreflightReport plan(Runbook runbook) {
    Finding warning =
        new Finding(Finding.Level.WARNING, "workers", "task queue", "one worker serves it.", null);
    Finding blocker =
        new Finding(
            Finding.Level.BLOCKER,
            "replica-identity",
            "public.orders",
            "UPDATE and DELETE cannot be replicated: no primary key.",
            "ALTER TABLE public.orders REPLICA IDENTITY FULL;");
    return new PreflightReport(
        Instant.EPOCH,
        runbook.service().equals("blocked") ? List.of(blocker, warning) : List.of(warning),
        List.of(new PreflightReport.DatabaseUser("app", "192.0.2.7", "shop", true, "manual")),
        "15.15",
        "18.1",
        4_000_000_000L,
        41,
        true);
  }
}
