package dev.whimbrel.migration;

import io.temporal.api.enums.v1.IndexedValueType;
import io.temporal.api.history.v1.HistoryEvent;
import io.temporal.api.testservice.v1.TestServiceGrpc;
import io.temporal.api.testservice.v1.UnlockTimeSkippingRequest;
import io.temporal.client.WorkflowClient;
import io.temporal.client.WorkflowClientOptions;
import io.temporal.client.WorkflowOptions;
import io.temporal.client.WorkflowStub;
import io.temporal.client.WorkflowUpdateException;
import io.temporal.common.WorkflowExecutionHistory;
import io.temporal.failure.ApplicationFailure;
import io.temporal.testing.TestEnvironmentOptions;
import io.temporal.testing.TestWorkflowEnvironment;
import io.temporal.worker.Worker;
import io.temporal.worker.WorkerOptions;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import java.util.function.Predicate;

/** One migration on Temporal's in-process server, whose clock one thread drives. */
final class Stage implements AutoCloseable {
  static final String ID = MigrationWorkflow.ID_PREFIX + "shop";

  private static final Duration LATE = Duration.ofSeconds(25);

  private static final ScheduledExecutorService CLOCKSMITH =
      Executors.newSingleThreadScheduledExecutor(
          work -> {
            Thread thread = new Thread(work, "clocksmith");
            thread.setDaemon(true);
            return thread;
          });

  private final TestWorkflowEnvironment env;
  private final MigrationWorkflow workflow;
  final World world;

  Stage(Runbooks runbooks) {
    this(runbooks, world -> {});
  }

  /** A stage whose watchers look again, every hour. */
  static Stage watched(Runbooks runbooks) {
    return new Stage(runbooks, world -> world.rest = Duration.ofHours(1));
  }

  /** A stage whose world is set up before the migration starts. */
  Stage(Runbooks runbooks, Consumer<World> setUp) {
    env =
        TestWorkflowEnvironment.newInstance(
            TestEnvironmentOptions.newBuilder()
                .setWorkflowClientOptions(
                    WorkflowClientOptions.newBuilder().setIdentity("stage").build())
                .registerSearchAttribute(
                    "WhimbrelPhase", IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD)
                .registerSearchAttribute(
                    "WhimbrelState", IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD)
                .registerSearchAttribute(
                    "WhimbrelService", IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD)
                .build());
    world = new World(() -> Instant.ofEpochMilli(env.currentTimeMillis()));
    setUp.accept(world);
    Worker worker = env.newWorker(MigrationWorkflow.TASK_QUEUE, workerOptions());
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
        workflow::migrate,
        new Start(runbooks.build(), "0".repeat(64), true, "ana@example.com", runbooks.queries));
  }

  /** On a busy machine loading a class may take longer than the second that Temporal allows. */
  static WorkerOptions workerOptions() {
    return WorkerOptions.newBuilder()
        .setMaxHeartbeatThrottleInterval(Duration.ofMillis(20))
        .setDefaultDeadlockDetectionTimeout(30_000)
        .build();
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

  /**
   * Lets time pass until the status is as wanted: three hours in short steps, then in long ones.
   */
  MigrationStatus await(String what, Predicate<MigrationStatus> wanted) {
    long deadline = System.nanoTime() + Duration.ofSeconds(60).toNanos();
    MigrationStatus status = status();
    for (int steps = 0; !wanted.test(status); steps++) {
      if (steps == 200 || System.nanoTime() > deadline) {
        throw late(what, status);
      }
      sleep(steps < 18 ? Duration.ofMinutes(10) : Duration.ofHours(3));
      status = status();
    }
    return status;
  }

  private AssertionError late(String what, MigrationStatus status) {
    return new AssertionError(
        "waited in vain until "
            + what
            + "; now "
            + status.step()
            + " "
            + status.state()
            + " "
            + status.waitingFor()
            + "; pending: "
            + untyped().describe().getRawDescription().getPendingActivitiesList()
            + "; last: "
            + lastEvents());
  }

  /** Waits without letting time pass, which stands still while a fake works. */
  static void soon(String what, BooleanSupplier condition) {
    long deadline = System.nanoTime() + Duration.ofSeconds(60).toNanos();
    while (!condition.getAsBoolean()) {
      if (System.nanoTime() > deadline) {
        throw new AssertionError("waited in vain until " + what);
      }
      LockSupport.parkNanos(Duration.ofMillis(20).toNanos());
    }
  }

  /** Waits for a step to wait for something. */
  MigrationStatus awaitAt(Step step, MigrationStatus.State state) {
    return await(state + " at " + step.id(), s -> s.state() == state && step.id().equals(s.step()));
  }

  MigrationStatus awaitState(MigrationStatus.State state) {
    return await(state.name(), s -> s.state() == state);
  }

  /** Whether a step waits for a person. */
  static boolean isParked(MigrationStatus status, Step step) {
    return status.parked().stream().anyMatch(parked -> parked.step().equals(step.id()));
  }

  /** What an update is refused with. */
  static String refusal(Runnable update) {
    try {
      update.run();
    } catch (WorkflowUpdateException e) {
      return e.getCause() instanceof ApplicationFailure refused
          ? refused.getOriginalMessage()
          : String.valueOf(e.getCause());
    }
    throw new AssertionError("nothing was refused");
  }

  /** What the memo says, as the CLI reads it while no worker answers. */
  String memo(String key) {
    return String.valueOf(untyped().describe().getMemo(key, String.class));
  }

  int events() {
    return history().getEvents().size();
  }

  private String lastEvents() {
    List<HistoryEvent> events = history().getEvents();
    return events.subList(Math.max(0, events.size() - 12), events.size()).toString();
  }

  void sleep(Duration time) {
    ScheduledFuture<?> late = givingTimeBack();
    try {
      env.sleep(time);
    } finally {
      late.cancel(false);
    }
  }

  /**
   * The in-process server (1.38) locks time while an activity works, and at times keeps the lock of
   * one that was cancelled. What is still locked after {@link #LATE} is given back, unless a fake
   * does what its test wants of it: on a busy machine that may take longer, and time must not pass.
   */
  private ScheduledFuture<?> givingTimeBack() {
    return CLOCKSMITH.scheduleAtFixedRate(
        () -> {
          if (world.reacts()) {
            return;
          }
          System.err.println("time stands still: its lock is given back");
          TestServiceGrpc.newBlockingStub(env.getWorkflowServiceStubs().getRawChannel())
              .unlockTimeSkipping(UnlockTimeSkippingRequest.getDefaultInstance());
        },
        LATE.toSeconds(),
        LATE.toSeconds(),
        TimeUnit.SECONDS);
  }

  MigrationResult result() {
    ScheduledFuture<?> late = givingTimeBack();
    try {
      return untyped().getResult(100, TimeUnit.SECONDS, MigrationResult.class);
    } catch (TimeoutException e) {
      throw new AssertionError("no result; " + status() + "; last: " + lastEvents(), e);
    } finally {
      late.cancel(false);
    }
  }

  WorkflowExecutionHistory history() {
    return history(ID);
  }

  /** The history of a workflow of the migration's own. */
  WorkflowExecutionHistory history(String id) {
    return env.getWorkflowClient().fetchHistory(id);
  }

  @Override
  public void close() {
    env.close();
  }
}
