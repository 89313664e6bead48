package dev.whimbrel.worker;

import static org.assertj.core.api.Assertions.assertThat;

import dev.whimbrel.activity.Progress;
import dev.whimbrel.secrets.Secrets;
import io.temporal.activity.Activity;
import io.temporal.activity.ActivityInterface;
import io.temporal.activity.ActivityOptions;
import io.temporal.client.WorkflowClientOptions;
import io.temporal.client.WorkflowOptions;
import io.temporal.client.WorkflowStub;
import io.temporal.common.RetryOptions;
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

/** Activities that say nothing for longer than their heartbeat time-out. */
class SignsOfLifeTest {
  private static final Duration TIMEOUT = Duration.ofSeconds(1);

  private final TestWorkflowEnvironment temporal = TestWorkflowEnvironment.newInstance();
  private final MigrationWorker worker =
      MigrationWorker.start(
          temporal.getWorkflowServiceStubs(),
          WorkflowClientOptions.newBuilder().setNamespace(temporal.getNamespace()).build(),
          "signs",
          new Secrets(Map.of()),
          w -> {
            w.registerWorkflowImplementationTypes(OneCall.class);
            w.registerActivitiesImplementations(new Taciturn());
          });

  @AfterEach
  void stop() {
    worker.close();
    temporal.close();
  }

  @Test
  void aStepThatSaysNothingIsNotTakenForDead() {
    assertThat(run("silent")).isEqualTo("attempt 1");
  }

  @Test
  void aStepThatSpokeAndFellSilentIsTriedAgain() {
    assertThat(run("spoke once")).isEqualTo("attempt 2");
  }

  private String run(String how) {
    WorkflowStub stub =
        temporal
            .getWorkflowClient()
            .newUntypedWorkflowStub(
                "SilenceWorkflow",
                WorkflowOptions.newBuilder().setWorkflowId("signs").setTaskQueue("signs").build());
    stub.start(how);
    return stub.getResult(String.class);
  }

  @WorkflowInterface
  public interface SilenceWorkflow {
    @WorkflowMethod
    String run(String how);
  }

  /** Calls one activity. */
  public static final class OneCall implements SilenceWorkflow {
    @Override
    public String run(String how) {
      return Workflow.newActivityStub(
              Silence.class,
              ActivityOptions.newBuilder()
                  .setStartToCloseTimeout(Duration.ofMinutes(1))
                  .setHeartbeatTimeout(TIMEOUT)
                  .setRetryOptions(
                      RetryOptions.newBuilder().setInitialInterval(Duration.ofMillis(100)).build())
                  .build())
          .keep(how);
    }
  }

  @ActivityInterface
  public interface Silence {
    String keep(String how);
  }

  private static final class Taciturn implements Silence {
    private final CountDownLatch never = new CountDownLatch(1);

    @Override
    public String keep(String how) {
      var context = Activity.getExecutionContext();
      int attempt = context.getInfo().getAttempt();
      if (attempt == 1) {
        if (how.equals("spoke once")) {
          context.heartbeat(Progress.of("here"));
        }
        keepSilent(TIMEOUT.multipliedBy(5));
      }
      return "attempt " + attempt;
    }

    private void keepSilent(Duration time) {
      try {
        assertThat(never.await(time.toMillis(), TimeUnit.MILLISECONDS)).isFalse();
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
      }
    }
  }
}
