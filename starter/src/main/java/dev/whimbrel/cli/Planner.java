package dev.whimbrel.cli;

import dev.whimbrel.activity.Failures;
import dev.whimbrel.activity.PreflightReport;
import dev.whimbrel.migration.PlanWorkflow;
import dev.whimbrel.migration.PlanWorkflow.More;
import io.grpc.StatusRuntimeException;
import io.temporal.api.common.v1.WorkflowExecution;
import io.temporal.api.enums.v1.EventType;
import io.temporal.api.enums.v1.WorkflowIdConflictPolicy;
import io.temporal.api.workflowservice.v1.GetWorkflowExecutionHistoryRequest;
import io.temporal.client.WorkflowFailedException;
import io.temporal.client.WorkflowOptions;
import io.temporal.client.WorkflowStub;
import io.temporal.failure.ApplicationFailure;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/** Has a worker look at everything that a runbook names. Changes nothing. */
final class Planner {
  /** A worker that is up takes a task within milliseconds. */
  private static final Duration WORKER_PATIENCE = Duration.ofSeconds(6);

  /** Reading the catalogs of two large databases across an ocean. */
  private static final Duration PREFLIGHT = Duration.ofMinutes(5);

  private final Context context;
  private final Temporal temporal;

  Planner(Context context, Temporal temporal) {
    this.context = context;
    this.temporal = temporal;
  }

  /**
   * Runs preflight on a worker.
   *
   * @param more what is asked of the servers beside their catalogs
   * @throws CannotDo if no worker takes it, or if it cannot look, with the remedy
   */
  PreflightReport plan(RunbookSource source, More more) {
    // Two people who plan the same file at once share one run.
    String id = "plan-" + source.runbook().name() + "-" + source.hash().substring(0, 12);
    id += (more.sample() ? "-sample" : "") + (more.queries() ? "-queries" : "");
    WorkflowStub stub =
        temporal
            .client()
            .newUntypedWorkflowStub(
                PlanWorkflow.class.getSimpleName(),
                WorkflowOptions.newBuilder()
                    .setWorkflowId(id)
                    .setTaskQueue(context.taskQueue())
                    .setWorkflowIdConflictPolicy(
                        WorkflowIdConflictPolicy.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING)
                    .setWorkflowExecutionTimeout(PREFLIGHT)
                    .setStaticSummary("Plan " + source.runbook().name())
                    .setStaticDetails("Looks at both databases and changes nothing.")
                    .build());
    WorkflowExecution execution = stub.start(source.runbook(), more);
    if (!taken(execution)) {
      stub.terminate("no worker took it");
      throw new CannotDo(
          "NO_WORKER: no worker serves task queue '%s' of namespace %s at %s, and a plan is made by a worker. Fix: start one with `whimbrel worker` where both databases can be reached. `whimbrel plan %s --offline` checks the file alone."
              .formatted(
                  context.taskQueue(), temporal.namespace(), temporal.address(), source.file()));
    }
    try {
      PreflightReport report =
          stub.getResult(PREFLIGHT.toSeconds(), TimeUnit.SECONDS, PreflightReport.class);
      return report.having(List.of(Crew.look(temporal, context.taskQueue(), source.runbook())));
    } catch (WorkflowFailedException e) {
      throw new CannotDo("Cannot look at the databases: " + words(e));
    } catch (TimeoutException e) {
      throw new CannotDo(
          "The worker did not finish looking within " + Words.duration(PREFLIGHT) + ".");
    }
  }

  private boolean taken(WorkflowExecution execution) {
    Instant deadline = Instant.now().plus(WORKER_PATIENCE);
    while (Instant.now().isBefore(deadline)) {
      if (hasStarted(execution)) {
        return true;
      }
      try {
        Thread.sleep(100);
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        throw new CannotDo("Interrupted.");
      }
    }
    return hasStarted(execution);
  }

  private boolean hasStarted(WorkflowExecution execution) {
    try {
      return temporal
          .stubs()
          .blockingStub()
          .withDeadlineAfter(5, TimeUnit.SECONDS)
          .getWorkflowExecutionHistory(
              GetWorkflowExecutionHistoryRequest.newBuilder()
                  .setNamespace(temporal.namespace())
                  .setExecution(execution)
                  .build())
          .getHistory()
          .getEventsList()
          .stream()
          .anyMatch(e -> e.getEventType() == EventType.EVENT_TYPE_WORKFLOW_TASK_STARTED);
    } catch (StatusRuntimeException e) {
      return false; // looked again until the deadline
    }
  }

  private static String words(Throwable failure) {
    Throwable innermost = failure;
    while (innermost.getCause() != null) {
      innermost = innermost.getCause();
    }
    if (!(innermost instanceof ApplicationFailure application)) {
      return String.valueOf(innermost.getMessage());
    }
    if (!application.getType().equals(Failures.NEEDS_HELP)
        || application.getDetails().getSize() == 0) {
      return application.getOriginalMessage();
    }
    Failures.Help help = application.getDetails().get(0, Failures.Help.class);
    return help.cause()
        + "\nFix: "
        + help.remedy()
        + (help.command() == null ? "" : "\n  " + help.command());
  }
}
