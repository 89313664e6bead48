package dev.whimbrel.cli;

import com.google.protobuf.Timestamp;
import dev.whimbrel.activity.Progress;
import dev.whimbrel.activity.Redaction;
import dev.whimbrel.activity.VerificationReport;
import dev.whimbrel.migration.MigrationResult;
import dev.whimbrel.migration.MigrationStatus;
import dev.whimbrel.migration.MigrationStatus.Lag;
import dev.whimbrel.migration.MigrationStatus.RollbackOffer;
import dev.whimbrel.migration.MigrationStatus.State;
import dev.whimbrel.migration.MigrationStatus.Verified;
import dev.whimbrel.migration.MigrationWorkflow;
import dev.whimbrel.migration.Mirror;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.temporal.api.common.v1.Payload;
import io.temporal.api.common.v1.WorkflowExecution;
import io.temporal.api.enums.v1.EventType;
import io.temporal.api.enums.v1.HistoryEventFilterType;
import io.temporal.api.enums.v1.WorkflowExecutionStatus;
import io.temporal.api.failure.v1.Failure;
import io.temporal.api.history.v1.HistoryEvent;
import io.temporal.api.query.v1.WorkflowQuery;
import io.temporal.api.workflow.v1.PendingActivityInfo;
import io.temporal.api.workflow.v1.PendingChildExecutionInfo;
import io.temporal.api.workflow.v1.WorkflowExecutionInfo;
import io.temporal.api.workflowservice.v1.DescribeWorkflowExecutionRequest;
import io.temporal.api.workflowservice.v1.DescribeWorkflowExecutionResponse;
import io.temporal.api.workflowservice.v1.GetWorkflowExecutionHistoryRequest;
import io.temporal.api.workflowservice.v1.QueryWorkflowRequest;
import io.temporal.api.workflowservice.v1.QueryWorkflowResponse;
import io.temporal.common.converter.DataConverter;
import io.temporal.common.converter.DataConverterException;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** Looks at migrations: describes first, then queries with little patience, and merges. */
final class Migrations {
  /** A worker answers within milliseconds; without one the server would wait half a minute. */
  private static final long QUERY_PATIENCE_SECONDS = 2;

  private static final long DESCRIBE_PATIENCE_SECONDS = 10;

  /** A worker killed once or twice is not a stuck engine. */
  private static final int STUCK_FROM_ATTEMPT = 3;

  /** A retry within the first minute is nothing to wake anyone for. */
  private static final Duration QUIET_RETRIES = Duration.ofMinutes(1);

  /** A migration ends with a result; one without was ended by somebody else. */
  private static final String CUT_OFF =
      "it was terminated where it stood, and nothing was undone: slots may keep the log until a disk"
          + " is full. Ask the databases: whimbrel inspect RUNBOOK";

  private final Temporal temporal;

  Migrations(Temporal temporal) {
    this.temporal = temporal;
  }

  /**
   * Where a migration is.
   *
   * @throws CannotDo if there is no migration of that name
   */
  Snapshot look(String name) {
    DescribeWorkflowExecutionResponse described = describe(name);
    Instant now = Instant.now();
    boolean running = isRunning(described);
    boolean stuck =
        running && described.getPendingWorkflowTask().getAttempt() >= STUCK_FROM_ATTEMPT;
    MigrationStatus status = stuck ? null : query(name);
    List<Snapshot.Activity> activities = new ArrayList<>();
    List<Progress> progress = new ArrayList<>();
    // Temporal names them in any order, and in another one the next time.
    List<PendingActivityInfo> byName =
        Stream.concat(
                described.getPendingActivitiesList().stream(),
                described.getPendingChildrenList().stream().flatMap(this::pendingIn))
            .sorted(Comparator.comparing(pending -> pending.getActivityType().getName()))
            .toList();
    for (PendingActivityInfo pending : byName) {
      Progress reported = progress(pending);
      if (reported != null) {
        progress.add(reported);
      }
      activities.add(activity(pending, reported, now));
    }
    if (status != null) {
      return new Snapshot(merged(status, progress), true, activities, null, now);
    }
    MigrationStatus last = fromMemo(name, described, stuck);
    String trouble =
        stuck ? stuckBecause(described) : running || last.result() != null ? null : CUT_OFF;
    return new Snapshot(last, false, activities, trouble, now);
  }

  /** What is under way in a workflow of the migration's own, such as the bulk copy. */
  private Stream<PendingActivityInfo> pendingIn(PendingChildExecutionInfo child) {
    try {
      return rawDescribe(
          WorkflowExecution.newBuilder().setWorkflowId(child.getWorkflowId()).build())
          .getPendingActivitiesList()
          .stream();
    } catch (StatusRuntimeException e) {
      return Stream.empty(); // it has just ended, or is about to begin
    }
  }

  static boolean isRunning(DescribeWorkflowExecutionResponse described) {
    return described.getWorkflowExecutionInfo().getStatus()
        == WorkflowExecutionStatus.WORKFLOW_EXECUTION_STATUS_RUNNING;
  }

  /** Whether a migration of that name runs now. */
  boolean isRunning(String name) {
    try {
      return isRunning(rawDescribe(name));
    } catch (StatusRuntimeException e) {
      if (Temporal.isMissing(e) && !namesNamespace(e)) {
        return false;
      }
      throw cannotRead(name, e);
    }
  }

  private DescribeWorkflowExecutionResponse describe(String name) {
    try {
      return rawDescribe(name);
    } catch (StatusRuntimeException e) {
      throw cannotRead(name, e);
    }
  }

  private DescribeWorkflowExecutionResponse rawDescribe(String name) {
    return rawDescribe(execution(name));
  }

  /** What Temporal itself knows of a workflow; as it says where it knows none. */
  DescribeWorkflowExecutionResponse rawDescribe(WorkflowExecution execution) {
    return temporal
        .stubs()
        .blockingStub()
        .withDeadlineAfter(DESCRIBE_PATIENCE_SECONDS, TimeUnit.SECONDS)
        .describeWorkflowExecution(
            DescribeWorkflowExecutionRequest.newBuilder()
                .setNamespace(temporal.namespace())
                .setExecution(execution)
                .build());
  }

  private static boolean namesNamespace(StatusRuntimeException e) {
    return String.valueOf(e.getMessage()).matches("(?is).*namespace \\S+ (is )?not found.*");
  }

  private CannotDo cannotRead(String name, StatusRuntimeException e) {
    if (Temporal.isMissing(e) && !namesNamespace(e)) {
      return new CannotDo(
          "There is no migration '%s' in namespace %s at %s. `whimbrel list` shows those that there are."
              .formatted(name, temporal.namespace(), temporal.address()));
    }
    if (Temporal.isMissing(e)) {
      return new CannotDo(
          "There is no namespace '%s' at %s. Fix: set TEMPORAL_NAMESPACE, or create it."
              .formatted(temporal.namespace(), temporal.address()));
    }
    return new CannotDo.Unreachable(
        "Cannot read migration '%s' from Temporal at %s: %s."
            .formatted(name, temporal.address(), e.getStatus().getCode()));
  }

  private @Nullable MigrationStatus query(String name) {
    return query(execution(name), MigrationStatus.class, e -> cannotRead(name, e));
  }

  /** What a workflow answers to {@code status}; null where nobody answers in time. */
  <T> @Nullable T query(
      WorkflowExecution execution,
      Class<T> type,
      Function<StatusRuntimeException, CannotDo> unreachable) {
    try {
      QueryWorkflowResponse response =
          temporal
              .stubs()
              .blockingStub()
              .withDeadlineAfter(QUERY_PATIENCE_SECONDS, TimeUnit.SECONDS)
              .queryWorkflow(
                  QueryWorkflowRequest.newBuilder()
                      .setNamespace(temporal.namespace())
                      .setExecution(execution)
                      .setQuery(WorkflowQuery.newBuilder().setQueryType("status"))
                      .build());
      return converter().fromPayloads(0, Optional.of(response.getQueryResult()), type, type);
    } catch (StatusRuntimeException e) {
      if (e.getStatus().getCode() == Status.Code.UNAVAILABLE) {
        throw unreachable.apply(e);
      }
      return null; // nobody answers in time, or what answers cannot: the memo has to do
    }
  }

  private Snapshot.Activity activity(
      PendingActivityInfo pending, @Nullable Progress progress, Instant now) {
    Instant since = instant(pending.hasScheduledTime() ? pending.getScheduledTime() : null, now);
    boolean retrying =
        pending.getAttempt() > 1
            && pending.hasLastFailure()
            && Duration.between(since, now).compareTo(QUIET_RETRIES) > 0;
    boolean longRetrying = retrying || pending.getAttempt() > 6;
    return new Snapshot.Activity(
        pending.getActivityType().getName(),
        progress == null ? null : progress.line(),
        progress == null ? null : progress.done(),
        progress == null ? null : progress.total(),
        pending.getAttempt(),
        longRetrying && pending.hasLastFailure() ? words(pending.getLastFailure()) : null,
        ClosingSigns.warning(pending, progress, now));
  }

  /** What an activity has said last, or null. */
  @Nullable Progress progress(PendingActivityInfo pending) {
    if (!pending.hasHeartbeatDetails() || pending.getHeartbeatDetails().getPayloadsCount() == 0) {
      return null;
    }
    try {
      return converter()
          .fromPayloads(
              0, Optional.of(pending.getHeartbeatDetails()), Progress.class, Progress.class);
    } catch (DataConverterException e) {
      return null; // a heartbeat of another kind is no progress that could be shown
    }
  }

  /** The status with the figures that are fresher in the heartbeats. */
  private static MigrationStatus merged(MigrationStatus s, List<Progress> progress) {
    Lag lag = s.lag();
    RollbackOffer rollback = s.rollback();
    Verified verified = s.verification();
    for (Progress p : progress) {
      VerificationReport report = p.verification();
      if (report != null && (verified == null || report.at().isAfter(verified.at()))) {
        verified = Verified.of(report);
      }
      if (p.obstacle() != null) {
        rollback =
            new RollbackOffer(
                false,
                null,
                rollback.estimatedSeconds(),
                rollback.writesAtRisk(),
                rollback.why(),
                rollback.without());
      }
      if (p.lagMillis() != null) {
        long bytes = p.lagBytes() != null ? p.lagBytes() : lag == null ? 0 : lag.bytes();
        lag = new Lag(bytes, p.lagMillis());
      }
      if (p.writesAtRisk() != null) {
        rollback =
            new RollbackOffer(
                rollback.possible(),
                rollback.until(),
                rollback.estimatedSeconds(),
                p.writesAtRisk() == Progress.NOT_KNOWN ? null : p.writesAtRisk(),
                rollback.why(),
                rollback.without());
      }
    }
    return with(s, rollback, lag, verified);
  }

  private static MigrationStatus with(
      MigrationStatus s, RollbackOffer rollback, @Nullable Lag lag, @Nullable Verified verified) {
    return new MigrationStatus(
        s.name(),
        s.phase(),
        s.step(),
        s.state(),
        s.since(),
        s.waitingFor(),
        s.result(),
        s.writesGoTo(),
        s.writesSince(),
        s.epoch(),
        s.nextSteps(),
        rollback,
        lag,
        verified,
        s.findings(),
        s.switchover(),
        s.parked(),
        s.steps(),
        s.users(),
        s.targetShare(),
        s.closed());
  }

  private MigrationStatus fromMemo(
      String name, DescribeWorkflowExecutionResponse described, boolean stuck) {
    WorkflowExecutionInfo info = described.getWorkflowExecutionInfo();
    boolean running = isRunning(described);
    Instant started = instant(info.getStartTime(), Instant.EPOCH);
    String since = memo(info, Mirror.SINCE, "");
    MigrationResult result = running ? null : result(name, info);
    State state = !running ? State.ENDED : stuck ? State.ENGINE_STUCK : State.NO_WORKER;
    String step = memo(info, Mirror.STEP, "");
    String waitingFor = memo(info, Mirror.WAITING_FOR, "");
    return new MigrationStatus(
        name,
        memo(info, Mirror.PHASE, "prepare"),
        step.isEmpty() ? null : step,
        state,
        since.isEmpty() ? started : Instant.parse(since),
        waitingFor.isEmpty() || !running ? null : waitingFor,
        result == null ? null : result.ending(),
        memo(info, Mirror.WRITES_GO_TO, "source"),
        null,
        0,
        state == State.NO_WORKER ? List.of("whimbrel worker") : List.of(),
        new RollbackOffer(false, null, 0, null),
        null,
        null,
        null,
        null,
        List.of(),
        List.of(),
        List.of(),
        null);
  }

  /** What the memo says, which is as of the last change of state. */
  String memo(WorkflowExecutionInfo info, String key, String otherwise) {
    Payload payload = info.getMemo().getFieldsMap().get(key);
    if (payload == null) {
      return otherwise;
    }
    String value = converter().fromPayload(payload, String.class, String.class);
    return value == null || value.isEmpty() ? otherwise : value;
  }

  /** How a migration ended, or null where it ended without saying. */
  @Nullable MigrationResult result(String name) {
    return result(name, describe(name).getWorkflowExecutionInfo());
  }

  /**
   * A workflow that Temporal was told to cancel goes back whole, and closes as cancelled without
   * its result: the memo has it.
   */
  private @Nullable MigrationResult result(String name, WorkflowExecutionInfo info) {
    Payload kept = info.getMemo().getFieldsMap().get(Mirror.ENDED_AS);
    return kept == null
        ? completedWith(name)
        : converter().fromPayload(kept, MigrationResult.class, MigrationResult.class);
  }

  private @Nullable MigrationResult completedWith(String name) {
    List<HistoryEvent> events =
        temporal
            .stubs()
            .blockingStub()
            .withDeadlineAfter(DESCRIBE_PATIENCE_SECONDS, TimeUnit.SECONDS)
            .getWorkflowExecutionHistory(
                GetWorkflowExecutionHistoryRequest.newBuilder()
                    .setNamespace(temporal.namespace())
                    .setExecution(execution(name))
                    .setHistoryEventFilterType(
                        HistoryEventFilterType.HISTORY_EVENT_FILTER_TYPE_CLOSE_EVENT)
                    .build())
            .getHistory()
            .getEventsList();
    if (events.isEmpty()) {
      return null;
    }
    HistoryEvent last = events.get(events.size() - 1);
    if (last.getEventType() != EventType.EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED) {
      return null;
    }
    return converter()
        .fromPayloads(
            0,
            Optional.of(last.getWorkflowExecutionCompletedEventAttributes().getResult()),
            MigrationResult.class,
            MigrationResult.class);
  }

  private String stuckBecause(DescribeWorkflowExecutionResponse described) {
    return "the workflow's task has failed %d times; it goes on by itself when fixed code is deployed. The worker's log says why."
        .formatted(described.getPendingWorkflowTask().getAttempt() - 1);
  }

  /** The innermost message: what went wrong, not who passed it on. */
  private static String words(Failure failure) {
    Failure innermost = failure;
    while (innermost.hasCause()) {
      innermost = innermost.getCause();
    }
    return Redaction.redact(innermost.getMessage());
  }

  private DataConverter converter() {
    return temporal.client().getOptions().getDataConverter();
  }

  static WorkflowExecution execution(String name) {
    return WorkflowExecution.newBuilder().setWorkflowId(MigrationWorkflow.ID_PREFIX + name).build();
  }

  static Instant instant(@Nullable Timestamp timestamp, Instant otherwise) {
    return timestamp == null
        ? otherwise
        : Instant.ofEpochSecond(timestamp.getSeconds(), timestamp.getNanos());
  }
}
