package dev.whimbrel.migration;

import static dev.whimbrel.migration.Timeouts.call;

import dev.whimbrel.activity.Failures;
import dev.whimbrel.activity.Move;
import dev.whimbrel.activity.Outcome;
import dev.whimbrel.activity.Replication;
import dev.whimbrel.activity.Schema;
import dev.whimbrel.activity.SoakReport;
import dev.whimbrel.activity.SoakRequest;
import dev.whimbrel.copy.CopyWorkflow;
import io.temporal.api.enums.v1.ParentClosePolicy;
import io.temporal.workflow.ChildWorkflowCancellationType;
import io.temporal.workflow.ChildWorkflowOptions;
import io.temporal.workflow.Workflow;

/** Copies the database and keeps the copy within a second of the source, for a whole soak. */
final class Replicate {
  private final Migration migration;
  private final Move move;

  Replicate(Migration migration) {
    this.migration = migration;
    this.move = migration.move;
  }

  void run() {
    Runner steps = migration.steps;
    SoakRequest soak = new SoakRequest(move, migration.runbook.replicate().soak());

    if (Workflow.getVersion("watch-wal", Workflow.DEFAULT_VERSION, 1) == 1) {
      migration.wal.start();
    }
    if (Workflow.getVersion("bulk-copy", Workflow.DEFAULT_VERSION, 1) == 1) {
      copyThenStream(steps);
    } else {
      streamWithInitialData(steps);
    }

    steps.run(Step.INDEXES, step -> schema(step).createRest(move));
    steps.run(Step.CATCH_UP, step -> watching(step).awaitCaughtUp(move));
    steps.run(Step.ANALYZE, step -> schema(step).analyze(move));
    // With large objects, all of them.
    steps.run(
        Step.SEQUENCES, step -> call(Replication.class, Timeouts.WORK, step).carrySequences(move));

    migration.comparisons.begin();
    SoakReport soaked =
        steps.attempt(
            Step.SOAK, step -> watching(step).soak(soak), SoakReport::line, Step.SOAK.skippable());
    if (soaked != null) {
      migration.learn(soaked);
    }
  }

  /** The tables of the target, before a source is closed for its copy. */
  void createTables() {
    migration.undo.tidying(Step.DROP_SCHEMA, this::dropSchema);
    migration.steps.run(Step.SCHEMA, step -> schema(step).createTables(move));
    migration.undo.tidying(Step.UNSUBSCRIBE, back -> replication(back).unsubscribe(move));
  }

  /** As {@link #createTables}, where an earlier copy turned out to be stale. */
  void createTablesAnew(Runnable rehearse) {
    migration.steps.run(Step.UNSUBSCRIBE, step -> replication(step).unsubscribe(move));
    // Without a copy, this takes the target's fence away.
    rehearse.run();
    migration.steps.run(Step.DROP_SCHEMA, this::dropSchema);
    migration.steps.run(Step.SCHEMA, step -> schema(step).createTables(move));
  }

  /** Everything that the source holds, which nobody changes meanwhile. */
  void copyWhatIsClosed() {
    migration.steps.run(Step.COPY, this::copy);
    migration.steps.run(Step.INDEXES, step -> schema(step).createRest(move));
    migration.steps.run(Step.ANALYZE, step -> schema(step).analyze(move));
    // With large objects, all of them.
    migration.steps.run(
        Step.SEQUENCES, step -> call(Replication.class, Timeouts.WORK, step).carrySequences(move));
  }

  private void copyThenStream(Runner steps) {
    migration.undo.tidying(Step.DROP_SCHEMA, this::dropSchema);
    steps.run(Step.SCHEMA, step -> schema(step).createTables(move));

    migration.undo.tidying(Step.UNSUBSCRIBE, back -> replication(back).unsubscribe(move));
    steps.run(Step.COPY, this::copy);
    steps.run(Step.SUBSCRIBE, step -> replication(step).subscribe(move));
  }

  /** As migrations do that began before there was a copy of our own. */
  private void streamWithInitialData(Runner steps) {
    migration.undo.tidying(Step.DROP_SCHEMA, this::dropSchema);
    steps.run(Step.SCHEMA, this::createTablesAndKeys);

    migration.undo.tidying(Step.UNSUBSCRIBE, back -> replication(back).unsubscribe(move));
    steps.run(Step.SUBSCRIBE, step -> replication(step).subscribe(move));
    steps.run(Step.COPY, step -> watching(step).awaitCopied(move));
  }

  private Outcome copy(Step step) {
    ChildWorkflowOptions options =
        ChildWorkflowOptions.newBuilder()
            .setWorkflowId(MigrationWorkflow.ID_PREFIX + move.migration() + CopyWorkflow.ID_SUFFIX)
            .setStaticSummary(step.label())
            .setCancellationType(ChildWorkflowCancellationType.WAIT_CANCELLATION_COMPLETED)
            .setParentClosePolicy(ParentClosePolicy.PARENT_CLOSE_POLICY_REQUEST_CANCEL)
            .build();
    return Workflow.newChildWorkflowStub(CopyWorkflow.class, options).copy(move);
  }

  private Outcome createTablesAndKeys(Step step) {
    Outcome tables = schema(step).createTables(move);
    Outcome keys = schema(step).createKeys(move);
    return new Outcome(tables.line() + "; " + keys.line());
  }

  /** The copy goes only while the source is the truth with nothing unproven. */
  private Outcome dropSchema(Step step) {
    if (!migration.sourceHoldsEverything()) {
      throw Failures.needsHelp(
          "the target's data was kept, since it may hold writes that the source lacks",
          "Look at them, then drop the database by hand.",
          null);
    }
    return schema(step).dropSchema(move);
  }

  private static Schema schema(Step step) {
    return call(Schema.class, Timeouts.WORK, step);
  }

  private static Replication replication(Step step) {
    return call(Replication.class, Timeouts.CATALOG, step);
  }

  private static Replication watching(Step step) {
    return call(Replication.class, Timeouts.WATCH, step);
  }
}
