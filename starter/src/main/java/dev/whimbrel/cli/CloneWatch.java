package dev.whimbrel.cli;

import dev.whimbrel.activity.Progress;
import dev.whimbrel.copy.CloneResult;
import dev.whimbrel.copy.CloneResult.Ending;
import dev.whimbrel.copy.CloneStatus;
import dev.whimbrel.copy.CloneWorkflow;
import io.temporal.api.enums.v1.WorkflowExecutionStatus;
import io.temporal.api.workflow.v1.PendingActivityInfo;
import io.temporal.api.workflowservice.v1.DescribeWorkflowExecutionResponse;
import io.temporal.client.WorkflowStub;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.jspecify.annotations.Nullable;

/** Follows a clone: a line for each step, and on a terminal a live line below. */
final class CloneWatch {
  private static final Duration BETWEEN_LOOKS = Duration.ofMillis(700);

  /** Where nobody watches a live line, a line of progress now and then. */
  private static final Duration BETWEEN_LINES = Duration.ofSeconds(15);

  private static final int LIVE_LINE_WIDTH = 100;
  private static final String KEEPER = "KeepSnapshot";

  private final Context context;
  private final Temporal temporal;
  private final Migrations migrations;
  private final String name;
  private final Path file;
  private final boolean json;
  private final boolean live;
  private final List<String> shown = new ArrayList<>();
  private boolean warned;
  private boolean complained;
  private Instant said = Instant.now();

  CloneWatch(Context context, Temporal temporal, String name, Path file, boolean json) {
    this.context = context;
    this.temporal = temporal;
    this.migrations = new Migrations(temporal);
    this.name = name;
    this.file = file;
    this.json = json;
    this.live = context.console().terminal() && !json;
  }

  /** Follows to the end. Being interrupted only detaches; the clone goes on. */
  Integer toTheEnd() {
    CloneResult result = follow();
    print(result);
    return CloneText.exitCode(result);
  }

  /** Follows until the clone that was cancelled has ended. */
  Integer untilCancelled() {
    CloneResult result = follow();
    print(result);
    return result.ending() == Ending.CANCELLED && result.leftOver().isEmpty()
        ? ExitCode.DONE
        : ExitCode.FAILED;
  }

  private void print(CloneResult result) {
    if (json) {
      Json.print(context.console(), CloneText.document(name, result));
    } else {
      CloneText.lines(name, result).forEach(context.console().out()::println);
    }
  }

  private CloneResult follow() {
    Thread detach = new Thread(this::detach, "detach");
    Runtime.getRuntime().addShutdownHook(detach);
    try {
      @Nullable CloneResult result = look();
      while (result == null) {
        pause();
        result = look();
      }
      return result;
    } finally {
      clearLive();
      Runtime.getRuntime().removeShutdownHook(detach);
    }
  }

  /** How it ended, or null while it runs. */
  private @Nullable CloneResult look() {
    DescribeWorkflowExecutionResponse described;
    @Nullable CloneStatus status;
    try {
      described = Cloning.reading(temporal, () -> migrations.rawDescribe(Cloning.execution(name)));
      if (!Migrations.isRunning(described)) {
        return result(described.getWorkflowExecutionInfo().getStatus());
      }
      status =
          migrations.query(
              Cloning.execution(name), CloneStatus.class, e -> Cloning.unreachable(temporal, e));
    } catch (CannotDo.Unreachable e) {
      complain(e.text() + " Trying again; the clone does not need this.");
      return null;
    }
    if (status == null) {
      complain(
          "NO_WORKER: no worker answers. The clone goes on when one serves task queue '%s': whimbrel worker"
              .formatted(context.taskQueue()));
      return null;
    }
    complained = false;
    show(status, described.getPendingActivitiesList());
    return null;
  }

  private void show(CloneStatus status, List<PendingActivityInfo> pending) {
    if (!warned) {
      status.warnings().forEach(line -> line(context.console().err(), "WARNING " + line));
      warned = !status.warnings().isEmpty();
    }
    List<String> steps = new ArrayList<>(status.done());
    steps.add(status.step());
    for (String step : steps.subList(Math.min(shown.size(), steps.size()), steps.size())) {
      line(json ? context.console().err() : context.console().out(), step);
      shown.add(step);
      said = Instant.now();
    }
    String now = progress(pending);
    if (live) {
      context.console().out().print("\r\u001b[K" + shortened(now));
      context.console().out().flush();
    } else if (!now.isEmpty()
        && Duration.between(said, Instant.now()).compareTo(BETWEEN_LINES) > 0) {
      line(context.console().err(), "  " + now);
      said = Instant.now();
    }
  }

  /** What somebody who works says; who only keeps the snapshot says nothing new. */
  private String progress(List<PendingActivityInfo> pending) {
    List<PendingActivityInfo> keeperLast =
        pending.stream()
            .sorted(
                Comparator.comparing(CloneWatch::keeps)
                    .thenComparing(PendingActivityInfo::getActivityId))
            .toList();
    for (PendingActivityInfo each : keeperLast) {
      Progress progress = migrations.progress(each);
      if (progress != null) {
        return progress.line();
      }
    }
    return "";
  }

  private static boolean keeps(PendingActivityInfo pending) {
    return pending.getActivityType().getName().equals(KEEPER);
  }

  private CloneResult result(WorkflowExecutionStatus status) {
    WorkflowStub stub = temporal.client().newUntypedWorkflowStub(CloneWorkflow.ID_PREFIX + name);
    try {
      if (status == WorkflowExecutionStatus.WORKFLOW_EXECUTION_STATUS_COMPLETED) {
        return stub.getResult(10, TimeUnit.SECONDS, CloneResult.class);
      }
    } catch (TimeoutException e) {
      throw new CannotDo("Temporal does not say how the clone has ended. Try again.");
    }
    Object kept =
        status == WorkflowExecutionStatus.WORKFLOW_EXECUTION_STATUS_CANCELED
            ? stub.describe().getMemo(CloneWorkflow.ENDED_AS, CloneResult.class)
            : null;
    if (!(kept instanceof CloneResult result)) {
      throw new CannotDo(
          "The clone was ended where it stood (%s), and what it brought is still on the target. The next one of that name drops it first: whimbrel clone %s"
              .formatted(status.name().replace("WORKFLOW_EXECUTION_STATUS_", ""), file));
    }
    return result;
  }

  private void complain(String words) {
    if (!complained) {
      complained = true;
      line(context.console().err(), words);
    }
  }

  private void line(java.io.PrintWriter to, String words) {
    clearLive();
    to.println(words);
  }

  private static String shortened(String line) {
    return line.length() > LIVE_LINE_WIDTH ? line.substring(0, LIVE_LINE_WIDTH - 1) + "…" : line;
  }

  private void clearLive() {
    if (live) {
      context.console().out().print("\r\u001b[K");
      context.console().out().flush();
    }
  }

  private static void pause() {
    try {
      Thread.sleep(BETWEEN_LOOKS.toMillis());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new CannotDo("Interrupted.");
    }
  }

  private void detach() {
    clearLive();
    context
        .console()
        .err()
        .println(
            "%sDetached; the clone goes on. The same command follows it again; --cancel ends it: whimbrel clone %s --cancel"
                .formatted(live ? "\n" : "", file));
    context.console().err().flush();
    // The JVM would end with 130, which says that something failed.
    Runtime.getRuntime().halt(ExitCode.DONE);
  }
}
