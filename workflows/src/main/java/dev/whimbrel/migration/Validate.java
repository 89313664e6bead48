package dev.whimbrel.migration;

import static dev.whimbrel.migration.Timeouts.call;

import dev.whimbrel.activity.Checks;
import dev.whimbrel.activity.QueriesReport;
import dev.whimbrel.activity.QueriesRequest;
import dev.whimbrel.activity.Side;
import dev.whimbrel.activity.Verification;
import dev.whimbrel.activity.VerificationReport;
import io.temporal.workflow.Workflow;

/** Proves the copy before anybody depends on it. */
final class Validate {
  private final Migration migration;

  Validate(Migration migration) {
    this.migration = migration;
  }

  void run() {
    migration.comparisons.yieldTo(() -> verify(Step.VERIFY_DATA));
    queries();
    new SuiteOnClone(migration).run();
    smoke(Step.SMOKE);
    new CanarySteps(migration).run();
  }

  /** Compares both databases; differences park, and only a person goes on with them. */
  void verify(Step step) {
    VerificationReport report =
        migration.steps.attempt(
            step,
            now -> {
              long asked = migration.comparisons.asked();
              VerificationReport fresh =
                  call(Verification.class, Timeouts.WORK, now)
                      .verify(migration.comparisons.request(Side.SOURCE));
              migration.learn(fresh);
              migration.comparisons.answer(asked);
              Judgement.refuseDifferences(fresh);
              return fresh;
            },
            Judgement::line,
            step.skippable());
    if (report == null) {
      migration.goOnUnverified();
    }
  }

  /** Asks both sides the same; only a person goes on where they do not answer alike. */
  private void queries() {
    if (migration.queries.isEmpty() || !known()) {
      migration.board.notConfigured(Step.QUERIES);
      return;
    }
    QueriesRequest request = new QueriesRequest(migration.move, migration.queries);
    migration.steps.attempt(
        Step.QUERIES,
        step -> {
          QueriesReport report =
              call(Verification.class, Timeouts.WORK, step).compareQueries(request);
          migration.learn(report);
          QueryJudgement.refuseDifferences(report);
          return report;
        },
        QueryJudgement::line,
        Step.QUERIES.skippable());
  }

  /** A worker of an older release may have gone past this, though the start holds queries. */
  private static boolean known() {
    return Workflow.getVersion("queries", Workflow.DEFAULT_VERSION, 1) == 1;
  }

  /** Runs the team's checks against the target. */
  void smoke(Step step) {
    if (migration.runbook.validate().smoke().isEmpty()) {
      migration.board.notConfigured(step);
      return;
    }
    migration.steps.run(
        step, now -> call(Checks.class, Timeouts.WORK, now).smoke(migration.smoke()));
  }
}
