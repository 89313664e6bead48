package dev.whimbrel.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.whimbrel.migration.MigrationWorkflow;
import io.temporal.client.WorkflowOptions;
import io.temporal.testing.TestWorkflowEnvironment;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A migration runs, and nobody is there to carry it on. */
class WithoutWorkerTest {
  @TempDir Path directory;

  private final TestWorkflowEnvironment environment = TestWorkflowEnvironment.newInstance();
  private final Shell shell = new Shell(() -> Temporal.of(environment.getWorkflowClient()));

  @BeforeEach
  void startMigration() {
    environment.start();
    environment
        .getWorkflowClient()
        .newUntypedWorkflowStub(
            "MigrationWorkflow",
            WorkflowOptions.newBuilder()
                .setWorkflowId(MigrationWorkflow.ID_PREFIX + "shop")
                .setTaskQueue(MigrationWorkflow.TASK_QUEUE)
                .setMemo(
                    Map.of(
                        "phase", "cutover",
                        "step", "cutover.window",
                        "since", "2026-03-03T02:14:07Z",
                        "writesGoTo", "target"))
                .build())
        .start(Map.of("startedBy", "ana"));
  }

  @AfterEach
  void stop() {
    environment.close();
  }

  @Test
  void statusSaysNoWorkerWithPhaseAndTruthFromTheMemo() throws IOException {
    assertThat(shell.run("status", "shop")).isZero();
    assertThat(shell.out())
        .startsWith(
            "WRITES GO TO: target (as last recorded). GO BACK: not known, no worker answers")
        .contains("shop: NO_WORKER, phase cutover, step cutover.window, since ")
        .contains("NEXT: whimbrel worker");

    assertThat(shell.run("status", "shop", "-o", "json")).isZero();
    JsonNode status = new ObjectMapper().readTree(shell.out());
    assertThat(status.path("state").asText()).isEqualTo("NO_WORKER");
    assertThat(status.path("rollback").isNull()).isTrue();
    assertThat(status.path("epoch").isNull()).isTrue();
  }

  @Test
  void aMigrationThatWasTerminatedIsNotCalledDone() {
    environment
        .getWorkflowClient()
        .newUntypedWorkflowStub(MigrationWorkflow.ID_PREFIX + "shop")
        .terminate("by mistake");

    assertThat(shell.run("status", "shop")).isZero();
    assertThat(shell.out())
        .contains("shop: ENDED, phase cutover")
        .contains("it was terminated where it stood, and nothing was undone")
        .contains("whimbrel inspect RUNBOOK")
        .doesNotContain("waiting for");
  }

  @Test
  void aDecisionIsRefusedAndARollbackIsKept() {
    assertThat(shell.run("pause", "shop")).isEqualTo(1);
    assertThat(shell.err())
        .contains(
            "NO_WORKER: no worker answers for 'shop' (task queue whimbrel), so nothing was sent")
        .contains("whimbrel worker");

    assertThat(shell.run("rollback", "shop", "--reason", "errors")).isZero();
    assertThat(shell.out()).contains("Rollback of shop is asked for (as ana, claimed)");
    assertThat(shell.run("history", "shop")).isZero();
    assertThat(shell.out()).contains("signal rollback by ana (claimed): errors");
    assertThat(shell.err()).contains("The steps are not known");
  }

  @Test
  void aStartIsRefusedSinceNobodyCanLook() throws IOException {
    Path file =
        Files.writeString(
            directory.resolve("other.yaml"),
            """
            name: other
            source: {postgres: {url: "postgresql://migrator@127.0.0.1:5431/shop"}}
            target: {postgres: {url: "postgresql://migrator@127.0.0.1:5432/shop"}}
            connect: [manual]
            """);

    assertThat(shell.run("start", file.toString())).isEqualTo(1);
    assertThat(shell.err())
        .contains("NO_WORKER: no worker serves task queue 'whimbrel'")
        .contains("Fix: start one with `whimbrel worker`");
    assertThat(shell.run("status", "other")).isEqualTo(1);
  }
}
