package dev.whimbrel.cli;

import dev.whimbrel.migration.MigrationWorkflow;
import dev.whimbrel.migration.RollbackRequest;
import io.temporal.client.UpdateOptions;
import io.temporal.client.WorkflowNotFoundException;
import io.temporal.client.WorkflowServiceException;
import io.temporal.client.WorkflowStub;
import io.temporal.client.WorkflowUpdateException;
import io.temporal.client.WorkflowUpdateStage;
import io.temporal.failure.ApplicationFailure;
import java.time.Duration;
import java.util.UUID;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/** Sends decisions to a migration and waits until they are answered: only then are they certain. */
final class Updates {
  /** A worker answers within milliseconds; a restart of one takes some seconds. */
  private static final Duration PATIENCE = Duration.ofSeconds(30);

  private final Temporal temporal;

  Updates(Temporal temporal) {
    this.temporal = temporal;
  }

  /**
   * Sends one update under an id of its own, which the SDK keeps when it has to send again.
   *
   * @return the migration's answer
   * @throws Refused if the migration says no
   * @throws CannotDo if no answer came
   */
  String send(String name, String update, Object request) {
    String id = update + "-" + UUID.randomUUID();
    UpdateOptions<String> options =
        UpdateOptions.newBuilder(String.class)
            .setUpdateName(update)
            .setUpdateId(id)
            .setWaitForStage(WorkflowUpdateStage.COMPLETED)
            .build();
    ExecutorService sender =
        Executors.newSingleThreadExecutor(
            task -> {
              Thread thread = new Thread(task, "update");
              thread.setDaemon(true);
              return thread;
            });
    try {
      Future<String> answer =
          sender.submit(() -> stub(name).startUpdate(options, request).getResult());
      return answer.get(PATIENCE.toSeconds(), TimeUnit.SECONDS);
    } catch (TimeoutException e) {
      throw uncertain(name, id);
    } catch (ExecutionException e) {
      throw translated(name, id, e.getCause() == null ? e : e.getCause());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw uncertain(name, id);
    } finally {
      sender.shutdownNow();
    }
  }

  /** Asks for a rollback in the way that needs no worker now: it is kept until one comes. */
  void signalRollback(String name, RollbackRequest request) {
    try {
      stub(name).signal("rollback", request);
    } catch (WorkflowNotFoundException e) {
      throw ended(name);
    }
  }

  private WorkflowStub stub(String name) {
    return temporal.client().newUntypedWorkflowStub(MigrationWorkflow.ID_PREFIX + name);
  }

  private static RuntimeException translated(String name, String id, Throwable cause) {
    if (cause instanceof WorkflowNotFoundException) {
      return ended(name);
    }
    if (cause instanceof WorkflowUpdateException
        && cause.getCause() instanceof ApplicationFailure refusal) {
      return new Refused(refusal.getOriginalMessage());
    }
    if (cause instanceof WorkflowServiceException) {
      return uncertain(name, id);
    }
    return cause instanceof RuntimeException e ? e : new IllegalStateException(cause);
  }

  private static CannotDo ended(String name) {
    return new CannotDo(
        "There is no running migration '"
            + name
            + "'. `whimbrel status "
            + name
            + "` says how it ended, if there was one.");
  }

  private static CannotDo uncertain(String name, String id) {
    return new CannotDo(
        "No answer within %d s: it may still take effect (update %s). `whimbrel status %s` says whether it did."
            .formatted(PATIENCE.toSeconds(), id, name));
  }

  /** The migration said no. */
  static final class Refused extends CannotDo {
    Refused(String refusal) {
      super(refusal);
    }
  }
}
