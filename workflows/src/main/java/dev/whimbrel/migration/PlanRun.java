package dev.whimbrel.migration;

import dev.whimbrel.activity.Forecast;
import dev.whimbrel.activity.Move;
import dev.whimbrel.activity.Preflight;
import dev.whimbrel.activity.PreflightReport;
import dev.whimbrel.activity.QueryProposal;
import dev.whimbrel.runbook.Runbook;
import io.temporal.failure.ActivityFailure;
import org.jspecify.annotations.Nullable;

/** The plan, as {@link PlanWorkflow} describes it. */
public final class PlanRun implements PlanWorkflow {
  private static final String PROPOSE = "plan: look for the source's most expensive queries";
  private static final String MEASURE = "plan: measure a sample of the copy";

  @Override
  public PreflightReport plan(Runbook runbook, @Nullable More more) {
    Move move = Move.of(runbook);
    PreflightReport report =
        Timeouts.call(Preflight.class, Timeouts.LOOK, "plan: look at both databases")
            .preflight(move)
            .with(Plans.all(runbook));
    if (more != null && more.sample()) {
      report = report.expecting(measured(move));
    }
    return more != null && more.queries() ? report.proposing(proposed(move)) : report;
  }

  private static QueryProposal proposed(Move move) {
    try {
      return Timeouts.call(Preflight.class, Timeouts.LOOK_ELSEWHERE, PROPOSE).proposeQueries(move);
    } catch (ActivityFailure e) {
      return QueryProposal.none(Judgement.help(PROPOSE, e).cause(), "plan again");
    }
  }

  /** A plan without a forecast is a plan: whatever keeps it from being made is told in it. */
  private static Forecast measured(Move move) {
    try {
      return Timeouts.call(Preflight.class, Timeouts.LOOK_ELSEWHERE, MEASURE).forecast(move);
    } catch (ActivityFailure e) {
      return Forecast.notMeasured(
          move.jobs(), "copy", Judgement.help(MEASURE, e).cause(), "plan again");
    }
  }
}
