package dev.whimbrel.migration;

import io.temporal.api.common.v1.WorkflowExecution;
import io.temporal.api.enums.v1.IndexedValueType;
import io.temporal.client.WorkflowClient;
import io.temporal.client.WorkflowOptions;
import io.temporal.client.WorkflowStub;
import io.temporal.common.WorkflowExecutionHistory;
import io.temporal.testing.TestEnvironmentOptions;
import io.temporal.testing.TestWorkflowEnvironment;
import io.temporal.worker.Worker;
import java.time.Duration;
import java.time.Instant;
import java.util.function.Predicate;

/** One migration on Temporal's in-process server, whose clock one thread drives. */
final class Stage implements AutoCloseable {
  static final String ID = MigrationWorkflow.ID_PREFIX + "shop";

  private final TestWorkflowEnvironment env;
  private final MigrationWorkflow workflow;
  final World world;

  Stage(Runbooks runbooks) {
    env =
        TestWorkflowEnvironment.newInstance(
            TestEnvironmentOptions.newBuilder()
                .registerSearchAttribute(
                    "WhimbrelPhase", IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD)
                .registerSearchAttribute(
                    "WhimbrelState", IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD)
                .registerSearchAttribute(
                    "WhimbrelService", IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD)
                .build());
    world = new World(() -> Instant.ofEpochMilli(env.currentTimeMillis()));
    Worker worker = env.newWorker(MigrationWorkflow.TASK_QUEUE);
    worker.registerWorkflowImplementationTypes(Migrations.workflowTypes());
    worker.registerActivitiesImplementations(world);
    env.start();
    workflow =
        env.getWorkflowClient()
            .newWorkflowStub(
                MigrationWorkflow.class,
                WorkflowOptions.newBuilder()
                    .setWorkflowId(ID)
                    .setTaskQueue(MigrationWorkflow.TASK_QUEUE)
                    .build());
    WorkflowClient.start(
        workflow::migrate, new Start(runbooks.build(), "0".repeat(64), true, "ana@example.com"));
  }

  MigrationWorkflow workflow() {
    return workflow;
  }

  WorkflowStub untyped() {
    return WorkflowStub.fromTyped(workflow);
  }

  MigrationStatus status() {
    return workflow.status();
  }

  /** Lets time pass until the status is as wanted; fails after thirty days or ten real seconds. */
  MigrationStatus await(String what, Predicate<MigrationStatus> wanted) {
    long deadline = System.nanoTime() + Duration.ofSeconds(10).toNanos();
    MigrationStatus status = status();
    for (int hours = 0; hours < 24 * 30 * 6; hours++) {
      if (wanted.test(status)) {
        return status;
      }
      if (System.nanoTime() > deadline) {
        break;
      }
      env.sleep(Duration.ofMinutes(10));
      status = status();
    }
    throw new AssertionError("waited in vain until " + what + "; now " + status);
  }

  void sleep(Duration time) {
    env.sleep(time);
  }

  MigrationResult result() {
    return WorkflowStub.fromTyped(workflow).getResult(MigrationResult.class);
  }

  WorkflowExecutionHistory history() {
    return env.getWorkflowClient().fetchHistory(ID);
  }

  WorkflowExecution execution() {
    return untyped().getExecution();
  }

  @Override
  public void close() {
    env.close();
  }
}
