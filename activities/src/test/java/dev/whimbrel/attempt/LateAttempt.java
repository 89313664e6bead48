package dev.whimbrel.attempt;

import static org.assertj.core.api.Assertions.assertThat;

import io.grpc.ManagedChannel;
import io.grpc.Server;
import io.grpc.Status;
import io.grpc.inprocess.InProcessChannelBuilder;
import io.grpc.inprocess.InProcessServerBuilder;
import io.grpc.stub.StreamObserver;
import io.temporal.activity.ActivityExecutionContext;
import io.temporal.activity.ActivityInterface;
import io.temporal.activity.ActivityOptions;
import io.temporal.api.workflowservice.v1.GetSystemInfoRequest;
import io.temporal.api.workflowservice.v1.GetSystemInfoResponse;
import io.temporal.api.workflowservice.v1.RecordActivityTaskHeartbeatRequest;
import io.temporal.api.workflowservice.v1.RecordActivityTaskHeartbeatResponse;
import io.temporal.api.workflowservice.v1.WorkflowServiceGrpc.WorkflowServiceImplBase;
import io.temporal.client.WorkflowClient;
import io.temporal.common.interceptors.ActivityExecutionContextBase;
import io.temporal.common.interceptors.ActivityInboundCallsInterceptor;
import io.temporal.common.interceptors.ActivityInboundCallsInterceptorBase;
import io.temporal.common.interceptors.WorkerInterceptorBase;
import io.temporal.failure.ApplicationFailure;
import io.temporal.failure.TemporalException;
import io.temporal.serviceclient.WorkflowServiceStubs;
import io.temporal.serviceclient.WorkflowServiceStubsOptions;
import io.temporal.testing.TestActivityEnvironment;
import io.temporal.testing.TestEnvironmentOptions;
import io.temporal.worker.WorkerFactoryOptions;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.function.IntSupplier;

/**
 * Runs a step as an attempt that is older than its heartbeat time-out from its first moment on, so
 * that it has to ask Temporal before each of its changes, and answers as a test says. Its own
 * heartbeats go nowhere, like those of a worker that has been cut off. No clock counts: what comes
 * of it depends on the order of its questions and its changes alone.
 */
public final class LateAttempt implements AutoCloseable {
  /** Less than what an attempt keeps in hand, whatever its age. */
  private static final Duration OVER = Duration.ofSeconds(1);

  private static final Duration LONG = Duration.ofHours(1);

  /** What Temporal says. */
  public enum Says {
    /** It waits for the attempt no longer: its time-out was noticed. */
    GIVEN_UP("Nothing more was changed: Temporal no longer waits for this attempt"),
    /** Nothing: it cannot be reached. */
    NOTHING(
        "Nothing more was changed: Temporal cannot be asked whether it waits for this attempt (UNAVAILABLE)"),
    /** The activity was cancelled, so that its undo may begin. */
    CANCELLED("ActivityCanceledException");

    private final String end;

    Says(String end) {
      this.end = end;
    }

    /** How an attempt ends that was told so. */
    public String end() {
      return end;
    }
  }

  /**
   * What came of a step.
   *
   * @param asked for each question, how many calls had been made by then
   * @param end the message of its failure; empty where it has done all that it is for
   */
  public record End(List<Integer> asked, String end) {
    /**
     * Whether this process stood still, or was so slow that the step gave up by itself: that says
     * nothing of its questions, and it may be tried anew.
     */
    public boolean isStalled() {
      return end.startsWith("Nothing was changed: ");
    }
  }

  private final String name = InProcessServerBuilder.generateName();
  private final Server temporal;
  private final ManagedChannel channel =
      InProcessChannelBuilder.forName(name).directExecutor().build();
  private final WorkflowServiceStubs stubs =
      WorkflowServiceStubs.newServiceStubs(
          WorkflowServiceStubsOptions.newBuilder().setChannel(channel).build());
  private final WorkflowClient client = WorkflowClient.newInstance(stubs);
  private final TestActivityEnvironment environment =
      TestActivityEnvironment.newInstance(
          TestEnvironmentOptions.newBuilder()
              .setWorkerFactoryOptions(
                  WorkerFactoryOptions.newBuilder().setWorkerInterceptors(new Lateness()).build())
              .build());

  private final List<Integer> asked = new ArrayList<>();
  private IntSupplier calls = () -> 0;
  private Runnable step = () -> {};
  private String end = "";
  private int good;
  private Says then = Says.GIVEN_UP;

  /** An attempt may be run again and again. */
  public LateAttempt() {
    try {
      temporal =
          InProcessServerBuilder.forName(name)
              .directExecutor()
              .addService(new Scripted())
              .build()
              .start();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    environment.registerActivitiesImplementations((Acting) this::act);
    run(() -> new Attempt().requireAwaited(), () -> 0, 1, Says.GIVEN_UP);
    assertThat(asked).as("questions of an attempt, which ended with: %s", end).hasSize(1);
  }

  /**
   * Runs a step.
   *
   * @param made tells how many calls the step has made so far
   * @param yes how many questions are answered with yes
   * @param no what the next one is answered with, and every later one
   */
  public End run(Runnable work, IntSupplier made, int yes, Says no) {
    step = work;
    calls = made;
    good = yes;
    then = no;
    end = "";
    asked.clear();
    environment
        .newActivityStub(
            Acting.class,
            ActivityOptions.newBuilder()
                .setStartToCloseTimeout(LONG)
                .setHeartbeatTimeout(OVER)
                .build())
        .act();
    return new End(List.copyOf(asked), end);
  }

  private void act() {
    try {
      step.run();
    } catch (ApplicationFailure e) {
      end = e.getOriginalMessage();
    } catch (TemporalException e) {
      end = e.getClass().getSimpleName();
    }
  }

  @Override
  public void close() {
    environment.close();
    stubs.shutdownNow();
    channel.shutdownNow();
    temporal.shutdownNow();
  }

  /** A step. */
  @ActivityInterface
  public interface Acting {
    void act();
  }

  /** Asked in the thread of the step itself: there is nothing to wait for. */
  private final class Scripted extends WorkflowServiceImplBase {
    @Override
    public void getSystemInfo(
        GetSystemInfoRequest request, StreamObserver<GetSystemInfoResponse> answer) {
      answer.onNext(GetSystemInfoResponse.getDefaultInstance());
      answer.onCompleted();
    }

    @Override
    public void recordActivityTaskHeartbeat(
        RecordActivityTaskHeartbeatRequest request,
        StreamObserver<RecordActivityTaskHeartbeatResponse> answer) {
      asked.add(calls.getAsInt());
      boolean waits = asked.size() <= good;
      if (!waits && then != Says.CANCELLED) {
        answer.onError(
            (then == Says.NOTHING ? Status.UNAVAILABLE : Status.NOT_FOUND).asRuntimeException());
        return;
      }
      answer.onNext(
          RecordActivityTaskHeartbeatResponse.newBuilder().setCancelRequested(!waits).build());
      answer.onCompleted();
    }
  }

  private final class Lateness extends WorkerInterceptorBase {
    @Override
    public ActivityInboundCallsInterceptor interceptActivity(ActivityInboundCallsInterceptor next) {
      return new ActivityInboundCallsInterceptorBase(next) {
        @Override
        public void init(ActivityExecutionContext context) {
          super.init(new Unheard(context));
        }
      };
    }
  }

  private final class Unheard extends ActivityExecutionContextBase {
    Unheard(ActivityExecutionContext next) {
      super(next);
    }

    @Override
    public <V> void heartbeat(V details) {
      // It is on its way, and stays there.
    }

    @Override
    public WorkflowClient getWorkflowClient() {
      return client;
    }
  }
}
