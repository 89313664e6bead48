package dev.whimbrel.worker;

import static org.assertj.core.api.Assertions.assertThat;

import dev.whimbrel.secrets.Secrets;
import io.temporal.activity.ActivityInterface;
import io.temporal.activity.ActivityOptions;
import io.temporal.api.enums.v1.EventType;
import io.temporal.client.WorkflowClientOptions;
import io.temporal.client.WorkflowOptions;
import io.temporal.client.WorkflowStub;
import io.temporal.testing.TestWorkflowEnvironment;
import io.temporal.workflow.Workflow;
import io.temporal.workflow.WorkflowInterface;
import io.temporal.workflow.WorkflowMethod;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Stopping a worker while a step runs. */
class StopTest {
  private static final Duration LONGER_THAN_PATIENCE = Duration.ofSeconds(3);

  private final TestWorkflowEnvironment temporal = TestWorkflowEnvironment.newInstance();
  private final SlowActivity activity = new SlowActivity();
  private final MigrationWorker worker =
      MigrationWorker.start(
          temporal.getWorkflowServiceStubs(),
          WorkflowClientOptions.newBuilder().setNamespace(temporal.getNamespace()).build(),
          "stop",
          new Secrets(Map.of()),
          w -> {
            w.registerWorkflowImplementationTypes(OneCall.class);
            w.registerActivitiesImplementations(activity);
          });

  @AfterEach
  void stop() {
    temporal.close();
  }

  @Test
  void letsASwitchoverInFlightEndAndTellTemporal() throws Exception {
    start("switchover");

    worker.close(Duration.ofMillis(100));

    assertThat(activity.ended.getCount()).isZero();
    assertThat(activity.interrupted).isFalse();
    assertThat(temporal.getWorkflowClient().fetchHistory("stop").getEvents())
        .anyMatch(e -> e.getEventType() == EventType.EVENT_TYPE_ACTIVITY_TASK_COMPLETED);
    assertThat(worker.takesWork()).isFalse();
  }

  @Test
  void doesNotWaitLongForAnyOtherStep() throws Exception {
    start("other");

    worker.close(Duration.ofMillis(100));

    assertThat(activity.ended.await(LONGER_THAN_PATIENCE.toSeconds(), TimeUnit.SECONDS)).isTrue();
    assertThat(activity.interrupted).isTrue();
  }

  private void start(String which) throws InterruptedException {
    WorkflowStub stub =
        temporal
            .getWorkflowClient()
            .newUntypedWorkflowStub(
                "OneCallWorkflow",
                WorkflowOptions.newBuilder().setWorkflowId("stop").setTaskQueue("stop").build());
    stub.start(which);
    assertThat(activity.begun.await(10, TimeUnit.SECONDS)).isTrue();
  }

  @WorkflowInterface
  public interface OneCallWorkflow {
    @WorkflowMethod
    void run(String which);
  }

  /** Calls one activity. */
  public static final class OneCall implements OneCallWorkflow {
    @Override
    public void run(String which) {
      Slow slow =
          Workflow.newActivityStub(
              Slow.class,
              ActivityOptions.newBuilder().setStartToCloseTimeout(Duration.ofMinutes(1)).build());
      if (which.equals("switchover")) {
        slow.handOver();
      } else {
        slow.other();
      }
    }
  }

  @ActivityInterface
  public interface Slow {
    void handOver();

    void other();
  }

  private static final class SlowActivity implements Slow {
    private final CountDownLatch begun = new CountDownLatch(1);
    private final CountDownLatch ended = new CountDownLatch(1);
    private volatile boolean interrupted;

    @Override
    public void handOver() {
      takeLong();
    }

    @Override
    public void other() {
      takeLong();
    }

    private void takeLong() {
      begun.countDown();
      try {
        Thread.sleep(LONGER_THAN_PATIENCE.toMillis());
      } catch (InterruptedException e) {
        interrupted = true;
      } finally {
        ended.countDown();
      }
    }
  }
}
