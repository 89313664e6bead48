package dev.whimbrel.worker;

import dev.whimbrel.activity.RedactingFailureConverter;
import dev.whimbrel.secrets.Secrets;
import io.temporal.client.WorkflowClient;
import io.temporal.client.WorkflowClientOptions;
import io.temporal.serviceclient.WorkflowServiceStubs;
import io.temporal.worker.Worker;
import io.temporal.worker.WorkerFactory;
import io.temporal.worker.WorkerFactoryOptions;
import io.temporal.worker.WorkerOptions;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;

/**
 * A worker inside this process: a queue that is polled, with everything that keeps failures and
 * secrets in. {@link WorkerMain} says what is registered.
 */
final class MigrationWorker implements AutoCloseable {
  /** How long steps may take to end when the worker stops; what lasts longer goes on elsewhere. */
  private static final Duration PATIENCE = Duration.ofSeconds(15);

  private static final Duration LAST_ANSWER = Duration.ofSeconds(1);

  private static final WorkerOptions OPTIONS =
      WorkerOptions.newBuilder()
          // A timer of a dead worker's workflow fires this much late.
          .setStickyQueueScheduleToStartTimeout(Duration.ofSeconds(1))
          // Cancellation and progress travel with heartbeats: a rollback must not wait for them.
          .setMaxHeartbeatThrottleInterval(Duration.ofSeconds(1))
          .setDefaultHeartbeatThrottleInterval(Duration.ofSeconds(1))
          // The SDK's one second is passed by loading classes on a busy machine (seen), which
          // fails the workflow's task; a real deadlock is noticed soon enough.
          .setDefaultDeadlockDetectionTimeout(Duration.ofSeconds(10).toMillis())
          .build();

  private final SwitchoversInFlight inFlight;
  private final WorkerFactory factory;

  private MigrationWorker(SwitchoversInFlight inFlight, WorkerFactory factory) {
    this.inFlight = inFlight;
    this.factory = factory;
  }

  /**
   * Starts to poll.
   *
   * @param registration registers workflows and activities
   */
  static MigrationWorker start(
      WorkflowServiceStubs temporal,
      WorkflowClientOptions clientOptions,
      String taskQueue,
      Secrets secrets,
      Consumer<Worker> registration) {
    WorkflowClient client =
        WorkflowClient.newInstance(
            temporal,
            WorkflowClientOptions.newBuilder(clientOptions)
                .setDataConverter(RedactingFailureConverter.dataConverter(secrets::redact))
                .build());
    SwitchoversInFlight inFlight = new SwitchoversInFlight();
    WorkerFactory factory =
        WorkerFactory.newInstance(
            client,
            WorkerFactoryOptions.newBuilder()
                .setWorkerInterceptors(
                    new StepInterceptor(new StepFailures(secrets::redact), inFlight))
                .build());
    registration.accept(factory.newWorker(taskQueue, OPTIONS));
    factory.start();
    return new MigrationWorker(inFlight, factory);
  }

  /** Whether work is taken. */
  boolean takesWork() {
    return factory.isStarted() && !factory.isShutdown();
  }

  /**
   * Takes no more work and lets what runs end: 15 s, and as long as a switchover is in flight up to
   * two minutes more.
   */
  @Override
  public void close() {
    close(PATIENCE);
  }

  /** As {@link #close()}, with another patience with steps that are no switchover. */
  void close(Duration patience) {
    factory.shutdown();
    factory.awaitTermination(patience.toMillis(), TimeUnit.MILLISECONDS);
    long deadline = System.nanoTime() + SwitchoversInFlight.LONGEST.toNanos();
    while (inFlight.any() && !factory.isTerminated() && System.nanoTime() < deadline) {
      factory.awaitTermination(100, TimeUnit.MILLISECONDS);
    }
    // What a switchover has just returned is still on its way to Temporal.
    factory.awaitTermination(LAST_ANSWER.toMillis(), TimeUnit.MILLISECONDS);
    factory.shutdownNow();
  }
}
