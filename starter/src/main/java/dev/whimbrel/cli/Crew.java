package dev.whimbrel.cli;

import dev.whimbrel.activity.Finding;
import dev.whimbrel.activity.Finding.Level;
import dev.whimbrel.runbook.Runbook;
import io.grpc.StatusRuntimeException;
import io.temporal.api.enums.v1.TaskQueueType;
import io.temporal.api.taskqueue.v1.PollerInfo;
import io.temporal.api.taskqueue.v1.TaskQueue;
import io.temporal.api.workflowservice.v1.DescribeTaskQueueRequest;
import java.time.Duration;
import java.time.Instant;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;

/** Who serves the task queue, and whose death a switchover survives without a person. */
final class Crew {
  /** A worker asks again after a minute at the latest; the server remembers it for longer. */
  private static final Duration SEEN = Duration.ofSeconds(75);

  private Crew() {}

  /** Looks who serves the queue, and says which deaths are covered. */
  static Finding look(Temporal temporal, String queue, Runbook runbook) {
    try {
      Instant since = Instant.now().minus(SEEN);
      Set<String> workers =
          temporal
              .stubs()
              .blockingStub()
              .withDeadlineAfter(10, TimeUnit.SECONDS)
              .describeTaskQueue(
                  DescribeTaskQueueRequest.newBuilder()
                      .setNamespace(temporal.namespace())
                      .setTaskQueue(TaskQueue.newBuilder().setName(queue))
                      .setTaskQueueType(TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY)
                      .build())
              .getPollersList()
              .stream()
              .filter(p -> Migrations.instant(p.getLastAccessTime(), since).isAfter(since))
              .map(PollerInfo::getIdentity)
              .collect(Collectors.toCollection(TreeSet::new));
      return judge(workers, queue, runbook);
    } catch (StatusRuntimeException e) {
      return new Finding(
          Level.NOTE,
          "workers",
          "task queue " + queue,
          "how many workers serve it is not known: Temporal says "
              + e.getStatus().getCode()
              + ". Two on different hosts cover the death of either.",
          null);
    }
  }

  /**
   * @param workers their identities, {@code pid@host} unless told otherwise
   */
  static Finding judge(Set<String> workers, String queue, Runbook runbook) {
    Set<String> hosts =
        workers.stream()
            .map(worker -> worker.substring(worker.indexOf('@') + 1))
            .collect(Collectors.toCollection(TreeSet::new));
    String subject = "task queue " + queue;
    String seen = String.join(", ", workers);
    boolean pooled = runbook.connect().stream().anyMatch(entry -> entry.pgbouncer() != null);
    String pooler =
        pooled
            ? " Not covered: the death of a worker's whole host while a PgBouncer is paused; clients"
                + " wait until the next attempt resumes it."
            : "";
    if (workers.size() < 2) {
      return new Finding(
          Level.WARNING,
          "workers",
          subject,
          "fewer than two workers serve it (seen within 75 s: %s). Covered: a worker that dies before the hand-over, for the servers then give writes back to the source by themselves. Not covered: one that dies between hand-over and opening; nobody can write until a worker runs again.%s"
              .formatted(workers.isEmpty() ? "none" : seen, pooler),
          "start a second one on another host: whimbrel worker");
    }
    if (hosts.size() < 2) {
      return new Finding(
          Level.WARNING,
          "workers",
          subject,
          "%d workers were seen within 75 s, all on one host (%s; one that was stopped within that time counts too). Covered: the death of one of them, at any moment. Not covered: the death of their host between hand-over and opening.%s"
              .formatted(workers.size(), seen, pooler),
          "start one on another host: whimbrel worker");
    }
    return new Finding(
        Level.NOTE,
        "workers",
        subject,
        "%d workers on %d hosts were seen within 75 s (%s; one that was stopped within that time counts too). Covered: the death of a worker or of its host, at any moment.%s"
            .formatted(workers.size(), hosts.size(), seen, pooler),
        null);
  }
}
