package dev.whimbrel.lab;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.protobuf.Timestamp;
import dev.whimbrel.migration.MigrationStatus.State;
import dev.whimbrel.migration.MigrationWorkflow;
import dev.whimbrel.servers.Needs;
import dev.whimbrel.servers.Program;
import io.grpc.StatusRuntimeException;
import io.temporal.api.common.v1.WorkflowExecution;
import io.temporal.api.workflow.v1.PendingActivityInfo;
import io.temporal.api.workflowservice.v1.DescribeWorkflowExecutionRequest;
import io.temporal.api.workflowservice.v1.DescribeWorkflowExecutionResponse;
import io.temporal.serviceclient.WorkflowServiceStubs;
import io.temporal.serviceclient.WorkflowServiceStubsOptions;
import java.sql.Connection;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/**
 * Waiting is free on the real server: however often a watcher has looked and said so, the history
 * has grown by nothing. {@code -Dwhimbrel.wait=SECONDS} sets how long each kind of watcher is
 * waited for; its heartbeat arrives about once a second.
 */
@Tag("campaign")
@Needs({Program.TEMPORAL, Program.PG_DUMP})
class HistoryTest {
  private static final String NAME = "patience";
  private static final int MOST_EVENTS = 500;
  private static final Duration WAIT = Duration.ofSeconds(Integer.getInteger("whimbrel.wait", 650));

  /** The guard looks in two waits, so that each may be half as long. */
  private static final Duration HALF = WAIT.dividedBy(2);

  private static final Duration SHORT = Duration.ofSeconds(2);
  private static final String GUARDS =
      "guards:\n  - {sql: \"SELECT count(*) >= 0 FROM products\", then: ask}\ncutover: {";

  private final Map<String, Integer> heartbeats = new TreeMap<>();
  private final Map<String, Timestamp> latest = new HashMap<>();

  @Test
  void aHistoryDoesNotGrowWhileSomethingIsWaitedFor() throws Exception {
    LabRunbook runbook = new LabRunbook(NAME, WAIT, SHORT, HALF, "required");
    try (Journey journey = Journey.begin(LabWorld.build().withoutDns(), NAME, Duration.ZERO)) {
      WorkflowServiceStubs stubs =
          WorkflowServiceStubs.newServiceStubs(
              WorkflowServiceStubsOptions.newBuilder()
                  .setTarget(journey.temporal().target())
                  .build());
      try {
        journey.startChanged(runbook, "cutover: {", GUARDS);
        awaitStep(journey, stubs, "replicate.soak");
        watch(stubs, "soak", most(WAIT));

        awaitApproval(journey, stubs, "cutover.approval");
        watch(stubs, "approval", HALF);
        journey.approve();

        awaitStep(journey, stubs, "cutover.window");
        try (Connection straggler =
            journey.world().source().connect(Shop.DATABASE, Shop.APPLICATION, null)) {
          watch(stubs, "window", most(HALF));
          awaitStep(journey, stubs, "cutover.tail");
          assertThat(straggler.isValid(5)).isTrue();
          watch(stubs, "tail", WAIT);
        }
        awaitApproval(journey, stubs, "decommission.approval");
        journey.approve();
        journey.assertMigrated();
        journey.judge(true);

        long events = look(stubs).getWorkflowExecutionInfo().getHistoryLength();
        System.out.println("campaign: history " + events + " events, heartbeats " + heartbeats);
        assertThat(events).isLessThan(MOST_EVENTS);
        assertThat(heartbeats).containsKeys("Soak", "WatchWayBack", "AwaitTail", "AwaitBreach");
      } finally {
        stubs.shutdownNow();
      }
    }
  }

  private void awaitStep(Journey journey, WorkflowServiceStubs stubs, String step) {
    journey.await(
        step,
        status -> {
          count(look(stubs));
          return step.equals(status.step());
        });
  }

  private void awaitApproval(Journey journey, WorkflowServiceStubs stubs, String step) {
    journey.await(
        step,
        status -> {
          count(look(stubs));
          return step.equals(status.step()) && status.state() == State.WAITING_FOR_APPROVAL;
        });
  }

  /** A part of a wait that is surely over before the wait itself. */
  private static Duration most(Duration wait) {
    return wait.multipliedBy(4).dividedBy(5);
  }

  /** Counts heartbeats for a while; a wait may begin and end, but no look may be an event. */
  private void watch(WorkflowServiceStubs stubs, String what, Duration time) {
    long until = System.nanoTime() + time.toNanos();
    long before = look(stubs).getWorkflowExecutionInfo().getHistoryLength();
    while (System.nanoTime() < until) {
      count(look(stubs));
      LockSupport.parkNanos(Duration.ofMillis(300).toNanos());
    }
    long after = look(stubs).getWorkflowExecutionInfo().getHistoryLength();
    System.out.printf(
        "campaign: %s, %d s: %d events before, %d after; heartbeats so far %s%n",
        what, time.toSeconds(), before, after, heartbeats);
    assertThat(after - before).as(what).isLessThanOrEqualTo(10);
  }

  private void count(DescribeWorkflowExecutionResponse description) {
    for (PendingActivityInfo activity : description.getPendingActivitiesList()) {
      Timestamp now = activity.getLastHeartbeatTime();
      if (activity.hasLastHeartbeatTime()
          && !now.equals(latest.put(activity.getActivityId(), now))) {
        heartbeats.merge(activity.getActivityType().getName(), 1, Integer::sum);
      }
    }
  }

  private static DescribeWorkflowExecutionResponse look(WorkflowServiceStubs stubs) {
    DescribeWorkflowExecutionRequest request =
        DescribeWorkflowExecutionRequest.newBuilder()
            .setNamespace("default")
            .setExecution(
                WorkflowExecution.newBuilder().setWorkflowId(MigrationWorkflow.ID_PREFIX + NAME))
            .build();
    for (int attempt = 1; ; attempt++) {
      try {
        return stubs.blockingStub().describeWorkflowExecution(request);
      } catch (StatusRuntimeException e) {
        if (attempt == 5) {
          throw e;
        }
      }
    }
  }
}
