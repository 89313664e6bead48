package dev.whimbrel.postgres;

import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.temporal.activity.Activity;
import io.temporal.activity.ActivityExecutionContext;
import io.temporal.api.common.v1.WorkflowExecution;
import io.temporal.api.workflowservice.v1.DescribeWorkflowExecutionRequest;
import io.temporal.client.WorkflowClient;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;

/**
 * Asks the engine every few seconds whether it still knows the workflow of this activity. A
 * heartbeat does not tell: the SDK sends it when it likes, and is silent about one that failed.
 */
final class EngineWatch implements AutoCloseable {
  private static final Duration INTERVAL = Duration.ofSeconds(3);
  private static final Duration ANSWER = Duration.ofSeconds(3);

  /** With the time for which a closing holds, half a minute until writers are let through. */
  private static final Duration PATIENCE = Duration.ofSeconds(10);

  private final BooleanSupplier answers;
  private final Duration patience;
  private final Thread thread;
  private volatile long answered = System.nanoTime();

  /** Watches the engine of the activity that calls this; outside of one it always lives. */
  static EngineWatch ofThisActivity() {
    ActivityExecutionContext context;
    try {
      context = Activity.getExecutionContext();
    } catch (IllegalStateException e) {
      return new EngineWatch(() -> true, INTERVAL, PATIENCE); // Called as plain Java.
    }
    WorkflowClient client = context.getWorkflowClient();
    DescribeWorkflowExecutionRequest request =
        DescribeWorkflowExecutionRequest.newBuilder()
            .setNamespace(context.getInfo().getNamespace())
            .setExecution(
                WorkflowExecution.newBuilder()
                    .setWorkflowId(context.getInfo().getWorkflowId())
                    .setRunId(context.getInfo().getWorkflowRunId()))
            .build();
    return new EngineWatch(
        () -> {
          client
              .getWorkflowServiceStubs()
              .blockingStub()
              .withDeadlineAfter(ANSWER.toMillis(), TimeUnit.MILLISECONDS)
              .describeWorkflowExecution(request);
          return true;
        },
        INTERVAL,
        PATIENCE);
  }

  /**
   * Asks {@code answers}, which may fail, at this interval.
   *
   * @param patience how long it lives without an answer
   */
  EngineWatch(BooleanSupplier answers, Duration interval, Duration patience) {
    this.answers = answers;
    this.patience = patience;
    this.thread = new Thread(() -> run(interval), "whimbrel-engine-watch");
    thread.setDaemon(true);
    thread.start();
  }

  /** Whether it has answered lately. */
  boolean lives() {
    return System.nanoTime() - answered < patience.toNanos();
  }

  /** Who refuses to say, or has too much to do, is alive. */
  private static boolean isAnAnswer(RuntimeException e) {
    return e instanceof StatusRuntimeException refused
        && (refused.getStatus().getCode() == Status.Code.PERMISSION_DENIED
            || refused.getStatus().getCode() == Status.Code.RESOURCE_EXHAUSTED);
  }

  private void run(Duration interval) {
    while (true) {
      long asked = System.nanoTime();
      try {
        if (answers.getAsBoolean()) {
          answered = asked; // From then on it may have died.
        }
      } catch (RuntimeException e) {
        if (isAnAnswer(e)) {
          answered = asked;
        }
        // Else the clock runs on.
      }
      try {
        Thread.sleep(interval.toMillis());
      } catch (InterruptedException e) {
        return;
      }
    }
  }

  @Override
  public void close() {
    thread.interrupt();
  }
}
