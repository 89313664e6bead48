package dev.whimbrel.cli;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.whimbrel.migration.MigrationWorkflow;
import dev.whimbrel.migration.Mirror;
import io.grpc.StatusRuntimeException;
import io.temporal.api.enums.v1.WorkflowExecutionStatus;
import io.temporal.api.workflow.v1.WorkflowExecutionInfo;
import io.temporal.api.workflowservice.v1.ListWorkflowExecutionsRequest;
import io.temporal.api.workflowservice.v1.ListWorkflowExecutionsResponse;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** {@code whimbrel list}. */
@Command(name = "list", description = "Every migration that Temporal knows; needs no worker.")
final class Listing extends Verb {
  @Option(names = "--running", description = "only those that run")
  boolean running;

  Listing(Context context) {
    super(context);
  }

  @Override
  public Integer call() {
    try (Temporal temporal = context.connect()) {
      Migrations migrations = new Migrations(temporal);
      ArrayNode found = Json.MAPPER.createArrayNode();
      for (WorkflowExecutionInfo info : executions(temporal)) {
        found.add(row(migrations, info));
      }
      if (json()) {
        ObjectNode document = Json.MAPPER.createObjectNode();
        document.set("migrations", found);
        Json.print(console(), document);
        return ExitCode.DONE;
      }
      if (found.isEmpty()) {
        console().err().println("No migrations in namespace " + temporal.namespace() + ".");
      }
      found.forEach(
          row ->
              console()
                  .out()
                  .println(
                      "%-24s %-22s %-13s writes go to %-7s started %s"
                          .formatted(
                              row.path("name").asText(),
                              row.path("state").asText()
                                  + (row.path("result").isNull()
                                      ? ""
                                      : ", " + row.path("result").asText()),
                              row.path("phase").asText(),
                              row.path("writesGoTo").asText(),
                              Words.time(
                                  Instant.parse(row.path("started").asText()),
                                  Instant.now(),
                                  console().zone()))));
      return ExitCode.DONE;
    }
  }

  private List<WorkflowExecutionInfo> executions(Temporal temporal) {
    String query =
        "WorkflowType = '"
            + MigrationWorkflow.class.getSimpleName()
            + "'"
            + (running ? " AND ExecutionStatus = 'Running'" : "");
    List<WorkflowExecutionInfo> all = new ArrayList<>();
    ListWorkflowExecutionsRequest request =
        ListWorkflowExecutionsRequest.newBuilder()
            .setNamespace(temporal.namespace())
            .setQuery(query)
            .build();
    try {
      do {
        ListWorkflowExecutionsResponse page =
            temporal
                .stubs()
                .blockingStub()
                .withDeadlineAfter(15, TimeUnit.SECONDS)
                .listWorkflowExecutions(request);
        all.addAll(page.getExecutionsList());
        request = request.toBuilder().setNextPageToken(page.getNextPageToken()).build();
      } while (!request.getNextPageToken().isEmpty());
      return all;
    } catch (StatusRuntimeException e) {
      throw new CannotDo.Unreachable(
          "Cannot list migrations: Temporal at %s says %s. The in-process server of the tests cannot list."
              .formatted(temporal.address(), e.getStatus().getCode()));
    }
  }

  private static ObjectNode row(Migrations migrations, WorkflowExecutionInfo info) {
    boolean open = info.getStatus() == WorkflowExecutionStatus.WORKFLOW_EXECUTION_STATUS_RUNNING;
    String result = migrations.memo(info, Mirror.RESULT, "");
    // Temporal calls a migration cancelled that it was told to cancel, though that went back whole.
    String ended =
        info.getStatus() == WorkflowExecutionStatus.WORKFLOW_EXECUTION_STATUS_COMPLETED
                || !result.isEmpty()
            ? "ENDED"
            : info.getStatus().name().replace("WORKFLOW_EXECUTION_STATUS_", "");
    return Json.MAPPER
        .createObjectNode()
        .put("result", result.isEmpty() ? null : result)
        .put(
            "name",
            info.getExecution().getWorkflowId().substring(MigrationWorkflow.ID_PREFIX.length()))
        .put("state", open ? migrations.memo(info, Mirror.STATE, "RUNNING") : ended)
        .put("phase", migrations.memo(info, Mirror.PHASE, "prepare"))
        .put("writesGoTo", migrations.memo(info, Mirror.WRITES_GO_TO, "source"))
        .put("started", Migrations.instant(info.getStartTime(), Instant.EPOCH).toString());
  }
}
