package dev.whimbrel.attempt;

import static org.assertj.core.api.Assertions.assertThat;

import io.temporal.activity.Activity;
import io.temporal.activity.ActivityInterface;
import io.temporal.activity.ActivityOptions;
import io.temporal.client.WorkflowOptions;
import io.temporal.common.RetryOptions;
import io.temporal.failure.ApplicationFailure;
import io.temporal.failure.TemporalException;
import io.temporal.testing.TestEnvironmentOptions;
import io.temporal.testing.TestWorkflowEnvironment;
import io.temporal.worker.Worker;
import io.temporal.workflow.Workflow;
import io.temporal.workflow.WorkflowInterface;
import io.temporal.workflow.WorkflowMethod;
import java.time.Duration;
import java.util.Arrays;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** An attempt that is older than its heartbeat time-out, with Temporal's own server to ask. */
class AwaitedAttemptTest {
  private final TestWorkflowEnvironment environment =
      TestWorkflowEnvironment.newInstance(
          TestEnvironmentOptions.newBuilder().setUseTimeskipping(false).build());

  private final CountDownLatch over = new CountDownLatch(1);
  private final BlockingQueue<String> said = new LinkedBlockingQueue<>();

  @AfterEach
  void stop() {
    environment.close();
  }

  @Test
  void mayActOnWhileItsSignsOfLifeArrive() {
    run(
        attempt -> {
          for (int beats = 0; beats < 8; beats++) {
            attempt.beat("acting", beats);
            attempt.restBeating(Duration.ofMillis(500), beats);
          }
          attempt.requireAwaited();
          return "changed";
        });

    assertThat(said).containsExactly("changed");
  }

  @Test
  void changesNothingMoreOnceTemporalHasGivenItUp() throws Exception {
    run(
        attempt -> {
          if (Activity.getExecutionContext().getInfo().getAttempt() > 1) {
            return "changed by the second attempt";
          }
          awaitEnd();
          attempt.requireAwaited();
          return "changed although nobody waits";
        });
    over.countDown();

    assertThat(Arrays.asList(said.poll(30, TimeUnit.SECONDS), said.poll(30, TimeUnit.SECONDS)))
        .containsExactlyInAnyOrder(
            "changed by the second attempt",
            "Nothing more was changed: Temporal no longer waits for this attempt");
  }

  @ParameterizedTest
  @EnumSource
  void changesNothingMoreWhateverElseIsSaidThanThatItIsAwaited(LateAttempt.Says says) {
    try (LateAttempt late = new LateAttempt()) {
      Runnable step =
          () -> {
            new Attempt().requireAwaited();
            said.add("changed");
            new Attempt().requireAwaited();
            said.add("changed although nobody may wait");
          };

      LateAttempt.End end = late.run(step, said::size, 1, says);

      assertThat(end.end()).isEqualTo(says.end());
      assertThat(end.asked()).containsExactly(0, 1);
      assertThat(said).containsExactly("changed");
    }
  }

  private void awaitEnd() {
    try {
      assertThat(over.await(30, TimeUnit.SECONDS)).as("its workflow is over").isTrue();
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }

  private void run(Deed deed) {
    Worker worker = environment.newWorker("acts");
    worker.registerWorkflowImplementationTypes(ActingOnce.class);
    worker.registerActivitiesImplementations(
        (Acting)
            () -> {
              try {
                said.add(deed.act(new Attempt()));
              } catch (TemporalException e) {
                said.add(
                    e instanceof ApplicationFailure failure
                        ? failure.getOriginalMessage()
                        : e.toString());
                throw e;
              }
            });
    environment.start();
    environment
        .getWorkflowClient()
        .newWorkflowStub(Once.class, WorkflowOptions.newBuilder().setTaskQueue("acts").build())
        .run();
  }

  private interface Deed {
    String act(Attempt attempt);
  }

  /** Something that changes several names. */
  @ActivityInterface
  public interface Acting {
    void act();
  }

  /** Lets it act. */
  @WorkflowInterface
  public interface Once {
    @WorkflowMethod
    void run();
  }

  /** Lets it act, and notices its silence after three seconds. */
  public static class ActingOnce implements Once {
    @Override
    public void run() {
      Workflow.newActivityStub(
              Acting.class,
              ActivityOptions.newBuilder()
                  .setStartToCloseTimeout(Duration.ofMinutes(2))
                  .setHeartbeatTimeout(Duration.ofSeconds(3))
                  .setRetryOptions(
                      RetryOptions.newBuilder()
                          .setInitialInterval(Duration.ofMillis(100))
                          .setMaximumAttempts(2)
                          .build())
                  .build())
          .act();
    }
  }
}
