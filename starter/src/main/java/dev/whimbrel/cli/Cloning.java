package dev.whimbrel.cli;

import dev.whimbrel.copy.CloneStart;
import dev.whimbrel.copy.CloneWorkflow;
import dev.whimbrel.runbook.PostgresUrl;
import dev.whimbrel.runbook.Runbook;
import io.grpc.StatusRuntimeException;
import io.temporal.api.common.v1.WorkflowExecution;
import io.temporal.api.enums.v1.WorkflowIdConflictPolicy;
import io.temporal.api.enums.v1.WorkflowIdReusePolicy;
import io.temporal.api.workflow.v1.WorkflowExecutionInfo;
import io.temporal.client.WorkflowExecutionAlreadyStarted;
import io.temporal.client.WorkflowOptions;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code whimbrel clone}. */
@Command(
    name = "clone",
    description = {
      "Copy a database into an empty one as one snapshot shows it, without replication: for tests and"
          + " disaster recovery. Nothing is left on the source; a standby will do.",
      "Name, source and target of the runbook are enough; of the rest, jobs, throttle and the choice of tables are used.",
      "Follows to the end; Ctrl-C only detaches, and the same command follows again. Ends with 1 where"
          + " it failed, was refused or cancelled, or differs from the snapshot."
    })
final class Cloning extends Verb {
  @Parameters(index = "0", paramLabel = "RUNBOOK", description = "the runbook file")
  Path file = Path.of("runbook.yaml");

  @Option(names = "--verify", description = "compare every table with the snapshot at the end")
  boolean verify;

  @Option(
      names = "--cancel",
      description = "cancel the clone that runs, and drop what it has brought")
  boolean cancel;

  Cloning(Context context) {
    super(context);
  }

  @Override
  public Integer call() {
    RunbookSource source = RunbookSource.readForClone(file);
    String name = source.runbook().name();
    try (Temporal temporal = context.connect()) {
      CloneWatch watch = new CloneWatch(context, temporal, name, file, json());
      if (cancel) {
        return cancel(temporal, watch, name);
      }
      notUsed(source.runbook());
      if (!start(temporal, source)) {
        attach(temporal, source);
      }
      return watch.toTheEnd();
    }
  }

  private static Integer cancel(Temporal temporal, CloneWatch watch, String name) {
    if (!isRunning(temporal, name)) {
      throw new CannotDo("Cannot cancel: no clone of that name is running (%s).".formatted(name));
    }
    temporal
        .client()
        .newUntypedWorkflowStub(CloneWorkflow.ID_PREFIX + name)
        .cancel("whimbrel clone --cancel");
    return watch.untilCancelled();
  }

  private void notUsed(Runbook runbook) {
    List<String> parts = new ArrayList<>();
    if (!runbook.connect().isEmpty()) {
      parts.add("connect");
    }
    if (runbook.dns() != null) {
      parts.add("dns");
    }
    if (runbook.traffic() != null) {
      parts.add("traffic");
    }
    if (runbook.provision() != null) {
      parts.add("provision");
    }
    if (!runbook.guards().isEmpty()) {
      parts.add("guards");
    }
    if (!parts.isEmpty()) {
      console()
          .err()
          .println(
              "Not used by a clone: "
                  + String.join(", ", parts)
                  + ". Nobody follows to the clone.");
    }
  }

  /** Whether it was started; false where one of that name runs. */
  private boolean start(Temporal temporal, RunbookSource source) {
    Runbook runbook = source.runbook();
    try {
      temporal
          .client()
          .newUntypedWorkflowStub(
              CloneWorkflow.class.getSimpleName(),
              WorkflowOptions.newBuilder()
                  .setWorkflowId(CloneWorkflow.ID_PREFIX + runbook.name())
                  .setTaskQueue(context.taskQueue())
                  .setWorkflowIdReusePolicy(
                      WorkflowIdReusePolicy.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE)
                  .setWorkflowIdConflictPolicy(
                      WorkflowIdConflictPolicy.WORKFLOW_ID_CONFLICT_POLICY_FAIL)
                  .setMemo(
                      Map.of(
                          CloneWorkflow.RUNBOOK_HASH,
                          source.hash(),
                          CloneWorkflow.VERIFIED,
                          verify ? "yes" : "no"))
                  .setStaticSummary("Clone " + runbook.service())
                  .setStaticDetails(
                      "From %s to %s"
                          .formatted(
                              where(runbook.source().postgres().url()),
                              where(runbook.target().postgres().url())))
                  .build())
          .start(CloneStart.of(runbook, verify));
      say("Cloning %s. Ctrl-C only detaches.".formatted(runbook.name()));
      return true;
    } catch (WorkflowExecutionAlreadyStarted e) {
      return false;
    }
  }

  /** Follows one that runs, if it is the one that was meant. */
  private void attach(Temporal temporal, RunbookSource source) {
    String name = source.runbook().name();
    Migrations migrations = new Migrations(temporal);
    WorkflowExecutionInfo running =
        reading(temporal, () -> migrations.rawDescribe(execution(name)).getWorkflowExecutionInfo());
    boolean same = migrations.memo(running, CloneWorkflow.RUNBOOK_HASH, "").equals(source.hash());
    boolean sameEnd =
        migrations.memo(running, CloneWorkflow.VERIFIED, "no").equals(verify ? "yes" : "no");
    if (!same || !sameEnd) {
      throw new CannotDo(
          "Not started: a clone of that name (%s) is running, begun %s. Wait for its end, or: whimbrel clone %s --cancel"
              .formatted(
                  name,
                  same ? "with" + (verify ? "out" : "") + " --verify" : "from another runbook file",
                  file));
    }
    say("%s is being cloned already; following it.".formatted(name));
  }

  private static boolean isRunning(Temporal temporal, String name) {
    try {
      return Migrations.isRunning(new Migrations(temporal).rawDescribe(execution(name)));
    } catch (StatusRuntimeException e) {
      if (Temporal.isMissing(e)) {
        return false;
      }
      throw unreachable(temporal, e);
    }
  }

  static <T> T reading(Temporal temporal, Supplier<T> look) {
    try {
      return look.get();
    } catch (StatusRuntimeException e) {
      throw unreachable(temporal, e);
    }
  }

  static CannotDo.Unreachable unreachable(Temporal temporal, StatusRuntimeException e) {
    return new CannotDo.Unreachable(
        "Cannot read the clone from Temporal at %s: %s."
            .formatted(temporal.address(), e.getStatus().getCode()));
  }

  static WorkflowExecution execution(String name) {
    return WorkflowExecution.newBuilder().setWorkflowId(CloneWorkflow.ID_PREFIX + name).build();
  }

  private static String where(String url) {
    return PostgresUrl.parse(url).where();
  }
}
