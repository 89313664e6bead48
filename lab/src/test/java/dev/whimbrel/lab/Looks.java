package dev.whimbrel.lab;

import dev.whimbrel.activity.Progress;
import io.grpc.StatusRuntimeException;
import io.temporal.api.common.v1.WorkflowExecution;
import io.temporal.api.workflow.v1.PendingActivityInfo;
import io.temporal.api.workflowservice.v1.DescribeWorkflowExecutionRequest;
import io.temporal.api.workflowservice.v1.DescribeWorkflowExecutionResponse;
import io.temporal.common.converter.DefaultDataConverter;
import io.temporal.serviceclient.WorkflowServiceStubs;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;

/**
 * Counts how often the watchers of one workflow have looked: those that heartbeat say so, of the
 * others every attempt is a look.
 */
final class Looks {
  private static final int TRIES = 5;

  private final WorkflowServiceStubs stubs;
  private final DescribeWorkflowExecutionRequest request;
  private final Map<String, Long> byActivity = new HashMap<>();
  private final Map<String, String> types = new HashMap<>();

  Looks(WorkflowServiceStubs stubs, String workflowId) {
    this.stubs = stubs;
    this.request =
        DescribeWorkflowExecutionRequest.newBuilder()
            .setNamespace("default")
            .setExecution(WorkflowExecution.newBuilder().setWorkflowId(workflowId))
            .build();
  }

  /** Counts what there is to count now, and returns the events in the history. */
  long count() {
    DescribeWorkflowExecutionResponse description = describe();
    for (PendingActivityInfo activity : description.getPendingActivitiesList()) {
      types.put(activity.getActivityId(), activity.getActivityType().getName());
      byActivity.merge(activity.getActivityId(), looks(activity), Math::max);
    }
    return description.getWorkflowExecutionInfo().getHistoryLength();
  }

  /** The looks counted so far, by the activity's type. */
  Map<String, Long> soFar() {
    Map<String, Long> byType = new TreeMap<>();
    byActivity.forEach((id, looks) -> byType.merge(types.get(id), looks, Long::sum));
    return byType;
  }

  private static long looks(PendingActivityInfo activity) {
    if (activity.hasHeartbeatDetails()) {
      Progress progress =
          DefaultDataConverter.STANDARD_INSTANCE.fromPayloads(
              0, Optional.of(activity.getHeartbeatDetails()), Progress.class, Progress.class);
      if (progress.looks() != null) {
        return progress.looks();
      }
    }
    return activity.getAttempt();
  }

  private DescribeWorkflowExecutionResponse describe() {
    for (int attempt = 1; ; attempt++) {
      try {
        return stubs.blockingStub().describeWorkflowExecution(request);
      } catch (StatusRuntimeException e) {
        if (attempt == TRIES) {
          throw e;
        }
      }
    }
  }
}
