package dev.whimbrel.lab;

import com.google.protobuf.Timestamp;
import dev.whimbrel.activity.Progress;
import dev.whimbrel.copy.CopyWorkflow;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.temporal.api.common.v1.WorkflowExecution;
import io.temporal.api.enums.v1.PendingActivityState;
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
 * others every attempt that has ended is a look. Never too many: what an attempt looked after its
 * last heartbeat is left out.
 */
final class Looks {
  private static final int TRIES = 5;

  private final WorkflowServiceStubs stubs;
  private final String workflowId;
  private final Map<String, Attempts> byActivity = new HashMap<>();

  /** The attempts of one activity, and what each of them has said. */
  private static final class Attempts {
    private final String type;
    private final Map<Integer, Long> said = new HashMap<>();
    private int ended;

    Attempts(String type) {
      this.type = type;
    }

    long looks() {
      long silent = ended - said.keySet().stream().filter(attempt -> attempt <= ended).count();
      return silent + said.values().stream().mapToLong(Long::longValue).sum();
    }
  }

  Looks(WorkflowServiceStubs stubs, String workflowId) {
    this.stubs = stubs;
    this.workflowId = workflowId;
  }

  /** Counts what there is to count now, and returns the events in the history. */
  long count() {
    DescribeWorkflowExecutionResponse description = describe(workflowId);
    count("", description);
    copy().ifPresent(copy -> count("copy ", copy));
    return description.getWorkflowExecutionInfo().getHistoryLength();
  }

  /** The events in the history of the copy, which is a workflow of its own. */
  long eventsOfTheCopy() {
    return copy().orElseThrow().getWorkflowExecutionInfo().getHistoryLength();
  }

  private void count(String prefix, DescribeWorkflowExecutionResponse description) {
    for (PendingActivityInfo activity : description.getPendingActivitiesList()) {
      Attempts attempts =
          byActivity.computeIfAbsent(
              prefix + activity.getActivityId(),
              id -> new Attempts(activity.getActivityType().getName()));
      attempts.ended = activity.getAttempt() - 1;
      said(activity)
          .ifPresent(looks -> attempts.said.merge(activity.getAttempt(), looks, Math::max));
    }
  }

  /** The looks counted so far, by the activity's type. */
  Map<String, Long> soFar() {
    Map<String, Long> byType = new TreeMap<>();
    byActivity.values().forEach(each -> byType.merge(each.type, each.looks(), Long::sum));
    byType.values().removeIf(looks -> looks == 0);
    return byType;
  }

  /** The looks counted so far by activities of one type. */
  long soFar(String type) {
    return soFar().getOrDefault(type, 0L);
  }

  /** What the attempt at work has said itself: a heartbeat outlives the attempt that sent it. */
  private static Optional<Long> said(PendingActivityInfo activity) {
    boolean own =
        activity.getState() == PendingActivityState.PENDING_ACTIVITY_STATE_STARTED
            && activity.hasHeartbeatDetails()
            && nanos(activity.getLastHeartbeatTime()) >= nanos(activity.getLastStartedTime());
    if (!own) {
      return Optional.empty();
    }
    Progress progress =
        DefaultDataConverter.STANDARD_INSTANCE.fromPayloads(
            0, Optional.of(activity.getHeartbeatDetails()), Progress.class, Progress.class);
    return Optional.ofNullable(progress).map(Progress::looks);
  }

  private static long nanos(Timestamp time) {
    return time.getSeconds() * 1_000_000_000 + time.getNanos();
  }

  /** Empty before the copy begins. */
  private Optional<DescribeWorkflowExecutionResponse> copy() {
    try {
      return Optional.of(describe(workflowId + CopyWorkflow.ID_SUFFIX));
    } catch (StatusRuntimeException e) {
      if (e.getStatus().getCode() == Status.Code.NOT_FOUND) {
        return Optional.empty();
      }
      throw e;
    }
  }

  private DescribeWorkflowExecutionResponse describe(String id) {
    DescribeWorkflowExecutionRequest request =
        DescribeWorkflowExecutionRequest.newBuilder()
            .setNamespace("default")
            .setExecution(WorkflowExecution.newBuilder().setWorkflowId(id))
            .build();
    for (int attempt = 1; ; attempt++) {
      try {
        return stubs.blockingStub().describeWorkflowExecution(request);
      } catch (StatusRuntimeException e) {
        if (attempt == TRIES || e.getStatus().getCode() == Status.Code.NOT_FOUND) {
          throw e;
        }
      }
    }
  }
}
