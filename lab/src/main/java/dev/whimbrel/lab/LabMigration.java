package dev.whimbrel.lab;

import dev.whimbrel.activity.Progress;
import dev.whimbrel.migration.Decision;
import dev.whimbrel.migration.MigrationStatus;
import dev.whimbrel.migration.MigrationStatus.State;
import dev.whimbrel.migration.MigrationStatus.StepRecord;
import dev.whimbrel.migration.MigrationWorkflow;
import io.grpc.StatusRuntimeException;
import io.temporal.api.workflow.v1.PendingActivityInfo;
import io.temporal.client.WorkflowClient;
import io.temporal.client.WorkflowException;
import io.temporal.client.WorkflowStub;
import io.temporal.common.converter.GlobalDataConverter;
import io.temporal.serviceclient.WorkflowServiceStubs;
import io.temporal.serviceclient.WorkflowServiceStubsOptions;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Predicate;
import java.util.function.Supplier;

/** A migration in the lab, watched by asking its workflow. */
public final class LabMigration implements AutoCloseable {
  private final WorkflowServiceStubs stubs;
  private final MigrationWorkflow workflow;
  private final Supplier<String> scene;

  /** Watches a migration by its runbook's name; it need not have started yet. */
  public LabMigration(LabWorld world, String name) {
    this(world.temporal().target(), name, () -> Scene.of(world));
  }

  /** As {@link #LabMigration(LabWorld, String)}, at the address of a Temporal server. */
  LabMigration(String temporal, String name) {
    this(temporal, name, () -> "");
  }

  private LabMigration(String temporal, String name, Supplier<String> scene) {
    this.scene = scene;
    stubs =
        WorkflowServiceStubs.newServiceStubs(
            WorkflowServiceStubsOptions.newBuilder().setTarget(temporal).build());
    workflow =
        WorkflowClient.newInstance(stubs)
            .newWorkflowStub(MigrationWorkflow.class, MigrationWorkflow.ID_PREFIX + name);
  }

  /** Where it is now. */
  public MigrationStatus status() {
    return workflow.status();
  }

  /** The types of the activities that Temporal still shows as pending. */
  public List<String> pendingActivities() {
    return pending().stream().map(activity -> activity.getActivityType().getName()).toList();
  }

  /**
   * How far a pending activity is.
   *
   * @param type the activity's type, such as {@code AwaitBreach}
   * @throws IllegalStateException if none of this type is pending, or if it has not said yet
   */
  Progress pendingProgress(String type) {
    return pending().stream()
        .filter(activity -> activity.getActivityType().getName().equals(type))
        .filter(activity -> activity.getHeartbeatDetails().getPayloadsCount() > 0)
        .findFirst()
        .map(
            activity ->
                GlobalDataConverter.get()
                    .fromPayloads(
                        0,
                        Optional.of(activity.getHeartbeatDetails()),
                        Progress.class,
                        Progress.class))
        .orElseThrow(() -> new IllegalStateException("No " + type + " has said how far it is"));
  }

  /**
   * Waits until the status is as wanted.
   *
   * @throws IllegalStateException with the last status, if it is not within {@code limit}, or as
   *     soon as the migration asks for help or has ended otherwise
   */
  public MigrationStatus await(String what, Duration limit, Predicate<MigrationStatus> wanted) {
    return await(what, limit, Poll.OFTEN, wanted);
  }

  /** As {@link #await(String, Duration, Predicate)}, with a pause of its own between two looks. */
  MigrationStatus await(
      String what, Duration limit, Duration every, Predicate<MigrationStatus> wanted) {
    AtomicReference<String> last = new AtomicReference<>("no status yet");
    AtomicReference<String> silence = new AtomicReference<>("");
    AtomicReference<MigrationStatus> found = new AtomicReference<>();
    try {
      Poll.until(
          what,
          limit,
          every,
          () -> {
            MigrationStatus status;
            try {
              status = status();
            } catch (WorkflowException noAnswer) {
              silence.set("  and then no answer: " + noAnswer + "\n");
              return false;
            }
            silence.set("");
            last.set(summary(status));
            if (wanted.test(status)) {
              found.set(status);
              return true;
            }
            if (status.state() == State.NEEDS_HELP || status.state() == State.ENDED) {
              throw new IllegalStateException(
                  "Waited for " + what + " and found:\n" + summary(status));
            }
            return false;
          });
    } catch (IllegalStateException e) {
      throw new IllegalStateException(
          e.getMessage() + "\n" + last.get() + silence.get() + underWay() + scene.get(), e);
    }
    return Objects.requireNonNull(found.get(), what);
  }

  /** What every pending activity is at, in lines that a person can read. */
  private String underWay() {
    try {
      StringBuilder text = new StringBuilder();
      for (PendingActivityInfo activity : pending()) {
        text.append(
            "  UNDER WAY %s, attempt %d since %s: %s %s%n"
                .formatted(
                    activity.getActivityType().getName(),
                    activity.getAttempt(),
                    Instant.ofEpochSecond(activity.getLastStartedTime().getSeconds()),
                    activity.getHeartbeatDetails().getPayloadsList().stream()
                        .map(payload -> payload.getData().toStringUtf8())
                        .toList(),
                    activity.hasLastFailure()
                        ? "after " + activity.getLastFailure().getMessage()
                        : ""));
      }
      return text.toString();
    } catch (WorkflowException | StatusRuntimeException e) {
      return "  what is under way is not known: " + e;
    }
  }

  private List<PendingActivityInfo> pending() {
    return WorkflowStub.fromTyped(workflow)
        .describe()
        .getRawDescription()
        .getPendingActivitiesList();
  }

  /** Lets no further step begin. */
  void pause() {
    String unused = workflow.pause(new Decision("ana@example.com", "the lab asks for it"));
  }

  /** The status in lines that a person can read. */
  public static String summary(MigrationStatus status) {
    StringBuilder text = new StringBuilder();
    text.append(
        "%s %s %s result=%s writesGoTo=%s epoch=%d waitingFor=%s%n"
            .formatted(
                status.phase(),
                status.step(),
                status.state(),
                status.result(),
                status.writesGoTo(),
                status.epoch(),
                status.waitingFor()));
    for (StepRecord step : status.steps()) {
      text.append(
          "  %s (%s to %s): %s%n"
              .formatted(step.id(), step.started(), step.ended(), step.outcome()));
    }
    status.parked().forEach(parked -> text.append("  PARKED " + parked + "\n"));
    return text.toString();
  }

  @Override
  public void close() {
    stubs.shutdownNow();
  }
}
