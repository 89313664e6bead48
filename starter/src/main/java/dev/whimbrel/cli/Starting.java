package dev.whimbrel.cli;

import dev.whimbrel.activity.Finding;
import dev.whimbrel.activity.PreflightReport;
import dev.whimbrel.migration.MigrationWorkflow;
import dev.whimbrel.migration.Mirror;
import dev.whimbrel.migration.PlanWorkflow.More;
import dev.whimbrel.migration.Start;
import dev.whimbrel.runbook.PostgresUrl;
import dev.whimbrel.runbook.Runbook;
import io.temporal.api.common.v1.WorkflowExecution;
import io.temporal.api.enums.v1.WorkflowIdConflictPolicy;
import io.temporal.api.enums.v1.WorkflowIdReusePolicy;
import io.temporal.client.WorkflowExecutionAlreadyStarted;
import io.temporal.client.WorkflowOptions;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code whimbrel start}. */
@Command(
    name = "start",
    description = {
      "Start the migration that a runbook describes; returns when it runs.",
      "With --watch ends with 0 migrated, 1 abandoned, 4 rolled back; 3 when detached (Ctrl-C) while a"
          + " person is waited for."
    })
final class Starting extends Verb {
  @Parameters(index = "0", paramLabel = "RUNBOOK", description = "the runbook file")
  Path file = Path.of("runbook.yaml");

  @Option(names = "--watch", description = "follow to the end; Ctrl-C only detaches")
  boolean watch;

  @Option(
      names = "--by",
      paramLabel = "WHO",
      description = "who starts it; the OS user when absent. Shown as claimed")
  @Nullable String by;

  @Option(names = "--dry-run", description = "look at everything, start nothing")
  boolean dryRun;

  Starting(Context context) {
    super(context);
  }

  @Override
  public Integer call() {
    RunbookSource source = RunbookSource.read(file);
    String name = source.runbook().name();
    try (Temporal temporal = context.connect()) {
      refuseWhenRunning(temporal, name);
      refuseWhenBlocked(new Planner(context, temporal).plan(source, More.NOTHING));
      if (dryRun) {
        say("Dry run: nothing stands in the way of starting " + name + "; nothing was started.");
        if (json()) {
          Json.print(console(), Map.of("name", name, "dryRun", true));
        }
        return ExitCode.DONE;
      }
      WorkflowExecution execution = start(temporal, source);
      say("Started " + name + ". See: whimbrel status " + name);
      if (watch) {
        return new Watch(context, temporal, name, json()).toTheEnd();
      }
      if (json()) {
        Json.print(
            console(),
            Map.of(
                "name", name,
                "workflowId", execution.getWorkflowId(),
                "runId", execution.getRunId()));
      }
      return ExitCode.DONE;
    }
  }

  private void refuseWhenRunning(Temporal temporal, String name) {
    Migrations migrations = new Migrations(temporal);
    if (!migrations.isRunning(name)) {
      return;
    }
    Snapshot snapshot = migrations.look(name);
    throw new CannotDo(
        "Cannot start %s: a migration of that name is running (%s, phase %s, since %s). See: whimbrel status %s"
            .formatted(
                name,
                snapshot.status().state(),
                snapshot.status().phase(),
                Words.time(snapshot.status().since(), snapshot.at(), console().zone()),
                name));
  }

  private void refuseWhenBlocked(PreflightReport report) {
    List<Finding> blockers = report.blockers();
    if (!blockers.isEmpty()) {
      blockers.forEach(
          f ->
              console()
                  .err()
                  .println(console().red("BLOCKER") + " " + f.check() + ": " + f.line()));
      throw new CannotDo(
          "Not started: "
              + Words.plural(blockers.size(), "blocker")
              + ". `whimbrel plan "
              + file
              + "` shows everything.");
    }
    for (Finding finding : report.findings()) {
      if (finding.level() == Finding.Level.WARNING) {
        console().err().println("WARNING " + finding.check() + ": " + finding.line());
      }
    }
  }

  private WorkflowExecution start(Temporal temporal, RunbookSource source) {
    Runbook runbook = source.runbook();
    String who = by == null || by.isBlank() ? context.user() : by;
    try {
      return temporal
          .client()
          .newUntypedWorkflowStub(
              MigrationWorkflow.class.getSimpleName(),
              WorkflowOptions.newBuilder()
                  .setWorkflowId(MigrationWorkflow.ID_PREFIX + runbook.name())
                  .setTaskQueue(context.taskQueue())
                  .setWorkflowIdReusePolicy(
                      WorkflowIdReusePolicy.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE)
                  .setWorkflowIdConflictPolicy(
                      WorkflowIdConflictPolicy.WORKFLOW_ID_CONFLICT_POLICY_FAIL)
                  .setMemo(Map.of(Mirror.RUNBOOK_HASH, source.hash()))
                  .setStaticSummary("Move " + runbook.service())
                  .setStaticDetails(details(runbook))
                  .build())
          .start(
              new Start(
                  runbook, source.hash(), temporal.hasSearchAttributes(), who, source.queries()));
    } catch (WorkflowExecutionAlreadyStarted e) {
      throw new CannotDo(
          "Cannot start %s: a migration of that name was started a moment ago. See: whimbrel status %s"
              .formatted(runbook.name(), runbook.name()));
    }
  }

  private static String details(Runbook runbook) {
    return "From %s to %s%s"
        .formatted(
            where(runbook.source().postgres().url()),
            where(runbook.target().postgres().url()),
            Optional.ofNullable(runbook.dns())
                .map(dns -> ", with " + String.join(", ", dns.names()))
                .orElse(""));
  }

  private static String where(String url) {
    return PostgresUrl.parse(url).where();
  }
}
