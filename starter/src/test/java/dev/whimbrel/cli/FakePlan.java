package dev.whimbrel.cli;

import dev.whimbrel.activity.Finding;
import dev.whimbrel.activity.Forecast;
import dev.whimbrel.activity.PreflightReport;
import dev.whimbrel.activity.QueryProposal;
import dev.whimbrel.migration.PlanWorkflow;
import dev.whimbrel.runbook.Runbook;
import java.time.Instant;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** A plan that finds a blocker in runbooks whose service is called "blocked". */
public class FakePlan implements PlanWorkflow {
  private static final Forecast MEASURED =
      new Forecast(
          8,
          new Forecast.Measured(
              "orders",
              "binary",
              4,
              500_000,
              90_000_000,
              120_000_000,
              1_500,
              500,
              30_000_000,
              1_000,
              "id",
              125_000,
              3_000_000,
              250,
              40L),
          new Forecast.Times(66, 30L, 4L, 100, 62, "orders: its index by_day"),
          List.of(new Forecast.TableTime("orders", 2_400_000_000L, 300_000_000, 61, 40, 22L)),
          Forecast.ONLINE,
          List.of("what is written to the source meanwhile"),
          List.of());

  @Override
  public PreflightReport plan(Runbook runbook, @Nullable More more) {
    PreflightReport report = preflight(runbook);
    if (more != null && more.queries()) {
      report =
          report.proposing(
              runbook.service().equals("tiny")
                  ? QueryProposal.none("it counts no statements", null)
                  : new QueryProposal("SELECT 1;\n", List.of()));
    }
    if (more == null || !more.sample()) {
      return report;
    }
    return report.expecting(
        runbook.service().equals("tiny")
            ? Forecast.notMeasured(4, "orders", "the largest table holds 8 KB", null)
            : MEASURED);
  }

  private static PreflightReport preflight(Runbook runbook) {
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
