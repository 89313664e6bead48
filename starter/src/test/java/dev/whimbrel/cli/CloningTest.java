package dev.whimbrel.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.whimbrel.copy.CloneWorkflow;
import dev.whimbrel.migration.MigrationWorkflow;
import io.temporal.testing.TestWorkflowEnvironment;
import io.temporal.worker.Worker;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class CloningTest {
  private static final String SMALL =
      """
      name: %s
      source: {postgres: {url: "postgresql://m@127.0.0.1:5431/shop"}}
      target: {postgres: {url: "postgresql://m@127.0.0.1:5432/shop"}}
      """;

  @TempDir Path directory;

  private final TestWorkflowEnvironment environment = TestWorkflowEnvironment.newInstance();
  private final Shell shell = new Shell(() -> Temporal.of(environment.getWorkflowClient()));

  @BeforeEach
  void startWorker() {
    FakeClone.ASKED.set(0);
    Worker worker = environment.newWorker(MigrationWorkflow.TASK_QUEUE);
    worker.registerWorkflowImplementationTypes(FakeClone.class);
    environment.start();
  }

  @AfterEach
  void stop() {
    environment.close();
  }

  @Test
  void needsNoMoreThanNameSourceAndTarget() throws IOException {
    assertThat(shell.run("clone", small("shop"))).as(shell.err()).isZero();
    assertThat(shell.out().lines())
        .contains(
            "Cloning shop. Ctrl-C only detaches.",
            "shop: CLONED in 65 s. 300 rows in 3 tables, as of snapshot 7:9:8, taken at 2026-11-29T12:00:00Z",
            "COPIED: 300 rows in 3 tables (4.0 kB), 5 keys and indexes; the log was at 0/AB",
            "COPIED TWICE: 2.0 kB, since a snapshot was lost",
            "LEFT OUT: publication ours");
    assertThat(shell.err()).doesNotContain("Not used");
  }

  @Test
  void saysWhichPartsOfARunbookItDoesNotUse() throws IOException {
    Path file = Path.of(small("shop"));
    Files.writeString(file, Files.readString(file) + "connect: [manual]\n");

    assertThat(shell.run("clone", file.toString())).isZero();
    assertThat(shell.err()).contains("Not used by a clone: connect. Nobody follows to the clone.");
  }

  @Test
  void endsWith2WhereTheFileIsWrong() throws IOException {
    Path file = directory.resolve("wrong.yaml");
    Files.writeString(file, "name: Shop\ntarget: {postgres: {url: \"postgresql://m@h/shop\"}}\n");

    assertThat(shell.run("clone", file.toString())).isEqualTo(2);
    assertThat(shell.err()).contains("wrong.yaml:1:").contains("source");
    assertThat(shell.run("clone", directory.resolve("none.yaml").toString())).isEqualTo(2);
  }

  @Test
  void endsWith1WhereTheCloneDiffersFromItsSnapshot() throws IOException {
    assertThat(shell.run("clone", small("shop"), "--verify")).as(shell.out()).isZero();
    assertThat(shell.run("clone", small("differs"), "--verify")).isEqualTo(1);
    assertThat(shell.out())
        .contains("COMPARED: 300 rows in 3 tables, 1 difference, 0 rows in flux")
        .contains("DIFFERS: public.orders (id)=(7): differs in note");
  }

  @Test
  void endsWith1WhereItWasRefusedOrFailed() throws IOException {
    assertThat(shell.run("clone", small("refused"))).isEqualTo(1);
    assertThat(shell.out())
        .contains("refused: REFUSED in 2 s. 1 blockers; nothing was changed")
        .contains("BLOCKER target-not-empty: target: is not empty. Fix: drop what is there");
    assertThat(shell.run("clone", small("failed"))).isEqualTo(1);
    assertThat(shell.out())
        .contains("failed: FAILED in 60 s. the disk is full", "FIX: make room", "  df")
        .contains("LEFT OVER: what this clone brought is still on the target");
  }

  @Test
  void printsOneDocument() throws IOException {
    assertThat(shell.run("clone", small("differs"), "--verify", "-o", "json")).isEqualTo(1);
    JsonNode document = new ObjectMapper().readTree(shell.out());

    assertThat(document.path("name").asText()).isEqualTo("differs");
    assertThat(document.path("ending").asText()).isEqualTo("CLONED");
    assertThat(document.at("/report/rows").asLong()).isEqualTo(300);
    assertThat(document.at("/verification/differences").asLong()).isEqualTo(1);
  }

  @Test
  void followsTheOneThatRunsAndTellsWhenItIsCancelled() throws Exception {
    String file = small("waiting");
    Shell first = new Shell(() -> Temporal.of(environment.getWorkflowClient()));
    CompletableFuture<Integer> following =
        CompletableFuture.supplyAsync(() -> first.run("clone", file));
    awaitRunning();
    Shell second = new Shell(() -> Temporal.of(environment.getWorkflowClient()));
    CompletableFuture<Integer> attached =
        CompletableFuture.supplyAsync(() -> second.run("clone", file));
    await("both follow", () -> second.soFar().contains("copying rows"));

    assertThat(shell.run("clone", file, "--verify")).isEqualTo(1);
    assertThat(shell.err())
        .contains("Not started: a clone of that name (waiting) is running, begun without --verify");
    Files.writeString(Path.of(file), Files.readString(Path.of(file)) + "# changed\n");
    assertThat(shell.run("clone", file)).isEqualTo(1);
    assertThat(shell.err()).contains("begun from another runbook file");

    assertThat(shell.run("clone", file, "--cancel")).as(shell.err() + shell.out()).isZero();
    assertThat(following.get(60, TimeUnit.SECONDS)).isEqualTo(1);
    assertThat(attached.get(60, TimeUnit.SECONDS)).isEqualTo(1);
    assertThat(first.out())
        .contains("claiming the target", "copying rows and building indexes")
        .contains("waiting: CANCELLED in 3 s. cancelled while it was copying rows");
    assertThat(first.err()).contains("WARNING collation: target: sorts otherwise.");
    assertThat(second.out()).contains("waiting is being cloned already; following it.");
    assertThat(shell.run("clone", file, "--cancel")).isEqualTo(1);
    assertThat(shell.err()).contains("Cannot cancel: no clone of that name is running (waiting).");
  }

  @Test
  void saysWhatToDoAboutOneThatWasTerminated() throws Exception {
    String file = small("waiting");
    CompletableFuture<Integer> following =
        CompletableFuture.supplyAsync(() -> shell.run("clone", file));
    awaitRunning();
    environment
        .getWorkflowClient()
        .newUntypedWorkflowStub(CloneWorkflow.ID_PREFIX + "waiting")
        .terminate("somebody");

    assertThat(following.get(60, TimeUnit.SECONDS)).isEqualTo(1);
    assertThat(shell.err())
        .contains("The clone was ended where it stood (TERMINATED)")
        .contains("The next one of that name drops it first");
  }

  private void awaitRunning() throws InterruptedException {
    await("it runs and was looked at", () -> FakeClone.ASKED.get() >= 1);
  }

  private static void await(String what, BooleanSupplier condition) throws InterruptedException {
    long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(30);
    while (!condition.getAsBoolean()) {
      assertThat(System.nanoTime()).as(what).isLessThan(end);
      TimeUnit.MILLISECONDS.sleep(50);
    }
  }

  private String small(String name) throws IOException {
    Path file = directory.resolve(name + ".yaml");
    Files.writeString(file, SMALL.formatted(name));
    return file.toString();
  }
}
