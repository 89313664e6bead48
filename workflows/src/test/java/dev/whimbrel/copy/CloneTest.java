package dev.whimbrel.copy;

import static org.assertj.core.api.Assertions.assertThat;

import dev.whimbrel.activity.Failures;
import dev.whimbrel.activity.Finding;
import dev.whimbrel.copy.CloneResult.Ending;
import dev.whimbrel.runbook.PostgresSpec;
import dev.whimbrel.runbook.Runbook;
import dev.whimbrel.runbook.RunbookFile;
import dev.whimbrel.runbook.TablesSpec;
import io.temporal.client.WorkflowClient;
import io.temporal.client.WorkflowClientOptions;
import io.temporal.client.WorkflowFailedException;
import io.temporal.client.WorkflowOptions;
import io.temporal.client.WorkflowStub;
import io.temporal.testing.TestEnvironmentOptions;
import io.temporal.testing.TestWorkflowEnvironment;
import io.temporal.worker.Worker;
import io.temporal.worker.WorkerOptions;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Collections;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIfSystemProperty;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class CloneTest {
  private static final String ID = CloneWorkflow.ID_PREFIX + "shop";

  private final TestWorkflowEnvironment environment =
      TestWorkflowEnvironment.newInstance(
          TestEnvironmentOptions.newBuilder()
              .setWorkflowClientOptions(
                  WorkflowClientOptions.newBuilder().setIdentity("stage").build())
              .build());
  private final CloneWorld world = new CloneWorld();

  @BeforeEach
  void startWorker() {
    Worker worker =
        environment.newWorker(
            "clones",
            WorkerOptions.newBuilder()
                .setMaxHeartbeatThrottleInterval(Duration.ofMillis(20))
                .setDefaultDeadlockDetectionTimeout(30_000)
                .build());
    worker.registerWorkflowImplementationTypes(CloneRun.class);
    worker.registerActivitiesImplementations(world);
    environment.start();
  }

  @AfterEach
  void stop() {
    environment.close();
  }

  @Test
  void bringsEverythingOfOneSnapshotAndLetsGo() {
    CloneResult result = make(true);

    assertThat(result.ending()).isEqualTo(Ending.CLONED);
    assertThat(result.line())
        .isEqualTo("300 rows in 3 tables, as of snapshot 7:9:8, taken at 2026-11-29T12:00:00Z");
    assertThat(Objects.requireNonNull(result.report()).leftOut()).containsExactly("a setting");
    assertThat(Objects.requireNonNull(result.verification()).rows()).isEqualTo(300);
    assertThat(world.journal())
        .containsExactly(
            "look",
            "claim",
            "open snapshot 1",
            "copy from snapshot 1",
            "complete",
            "analyze",
            "compare",
            "report",
            "release");
    assertThat(world.run).matches("shop~[0-9a-f]{8}");
    assertThat(environment.getWorkflowClient().fetchHistory(ID).getEvents())
        .as("its history stays small")
        .hasSizeLessThan(110);
  }

  @Test
  void comparesOnlyWhereThatIsAskedFor() {
    CloneResult result = make(false);

    assertThat(result.ending()).isEqualTo(Ending.CLONED);
    assertThat(result.verification()).isNull();
    assertThat(world.journal()).doesNotContain("compare");
  }

  @Test
  void changesNothingWhereSomethingStandsInTheWay() {
    world.findings.add(
        new Finding(
            Finding.Level.BLOCKER, "target-not-empty", "target", "is not empty.", "drop it"));

    CloneResult result = make(true);

    assertThat(result.ending()).isEqualTo(Ending.REFUSED);
    assertThat(result.findings()).hasSize(1);
    assertThat(world.journal()).containsExactly("look");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "claimForClone",
        "keepSnapshot",
        "openClone",
        "copyPieces",
        "completeClone",
        "analyze",
        "verifyClone",
        "reportClone"
      })
  void dropsWhatItBroughtWhenAStepFailsForGood(String step) {
    world.fail(step, Failures.needsHelp("the disk is full", "make room", "df"));
    if (step.equals("keepSnapshot")) {
      world.keepsNothing = true;
    }

    CloneResult result = make(true);

    assertThat(result.ending()).isEqualTo(Ending.FAILED);
    assertThat(result.line()).isEqualTo("the disk is full");
    assertThat(result.remedy()).isEqualTo("make room");
    assertThat(result.command()).isEqualTo("df");
    assertThat(result.leftOver()).isEmpty();
    assertThat(world.journal()).endsWith("drop").doesNotContain("release");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "openClone",
        "copyPieces",
        "completeClone",
        "analyze",
        "verifyClone",
        "releaseClone"
      })
  void comesAgainWhereAStepFailsForAMoment(String step) {
    world.fail(step, Failures.transientFailure("the connection broke"));

    CloneResult result = make(true);

    assertThat(result.ending()).isEqualTo(Ending.CLONED);
    assertThat(world.journal()).endsWith("release").doesNotContain("drop");
  }

  @ParameterizedTest
  @ValueSource(strings = {"openClone", "copyPieces", "verifyClone"})
  void beginsAnewWhenTheSnapshotIsLost(String step) {
    world.loseSnapshotDuring(step);

    CloneResult result = make(true);

    assertThat(result.ending()).isEqualTo(Ending.CLONED);
    assertThat(Objects.requireNonNull(result.report()).snapshots()).isEqualTo(2);
    assertThat(world.journal())
        .containsSubsequence(
            "open snapshot 1",
            "open snapshot 2",
            "copy from snapshot 2",
            "complete",
            "analyze",
            "compare",
            "report",
            "release");
  }

  @Test
  void needsItsSnapshotNoMoreOnceTheRowsAreIn() {
    world.loseSnapshotDuring("completeClone");

    CloneResult result = make(false);

    assertThat(result.ending()).isEqualTo(Ending.CLONED);
    assertThat(world.journal()).doesNotContain("open snapshot 2");
  }

  @Test
  void givesUpWhenNoSnapshotLivesLongEnough() {
    world.keepsNothing = true;

    CloneResult result = make(true);

    assertThat(result.ending()).isEqualTo(Ending.FAILED);
    assertThat(result.line())
        .isEqualTo("The snapshot was lost 4 times; the last time: the source was restarted");
    assertThat(world.journal()).containsExactly("look", "claim", "drop");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"claimForClone", "openClone", "copyPieces", "completeClone", "verifyClone"})
  void dropsWhatItBroughtWhenItIsCancelled(String step) throws TimeoutException {
    world.cancelDuring(
        step, () -> environment.getWorkflowClient().newUntypedWorkflowStub(ID).cancel("enough"));
    WorkflowStub stub = start(true);

    try {
      stub.getResult(60, TimeUnit.SECONDS, CloneResult.class);
    } catch (WorkflowFailedException e) {
      // Temporal's way to say that a workflow was cancelled.
    }
    CloneResult result =
        (CloneResult)
            Objects.requireNonNull(
                stub.describe().getMemo(CloneWorkflow.ENDED_AS, CloneResult.class));

    assertThat(result.ending()).isEqualTo(Ending.CANCELLED);
    assertThat(result.leftOver()).isEmpty();
    assertThat(world.journal()).endsWith("drop").doesNotContain("release");
    assertThat(Collections.frequency(world.journal(), "drop")).isEqualTo(1);
  }

  @Test
  void isACloneThoughItCannotLetGo() {
    world.fail("releaseClone", Failures.needsHelp("the right is gone", "grant it", null));

    CloneResult result = make(false);

    assertThat(result.ending()).isEqualTo(Ending.CLONED);
    assertThat(result.leftOver())
        .containsExactly(
            "not let go of, look on the target for schema whimbrel (DROP SCHEMA whimbrel CASCADE;): the right is gone");
    assertThat(world.journal()).doesNotContain("drop");
  }

  @Test
  void saysWhatIsLeftWhenItCannotCleanUp() {
    world.fail("copyPieces", Failures.needsHelp("the disk is full", "make room", null));
    world.fail("dropClone", Failures.needsHelp("the right is gone", "grant it", null));

    CloneResult result = make(false);

    assertThat(result.ending()).isEqualTo(Ending.FAILED);
    assertThat(result.line()).isEqualTo("the disk is full");
    assertThat(result.leftOver())
        .singleElement()
        .asString()
        .contains("look on the target for what this clone brought", "the right is gone");
  }

  /** For {@code ReplayTest}, from released code only. */
  @Test
  @EnabledIfSystemProperty(named = "whimbrel.record", matches = "clone")
  void recordAClone() throws IOException {
    world.loseSnapshotDuring("openClone");
    make(true);
    Files.writeString(
        Path.of("src/test/resources/histories/clone.json"),
        environment.getWorkflowClient().fetchHistory(ID).toJson(true));
  }

  @Test
  void aRunIsNamedSoThatServersShowAllOfIt() {
    String run = CloneStart.run("a".repeat(40), "0193b3c1-7000-7000-8000-00000badcafe");

    assertThat(run).matches("a{22}-[0-9a-f]{8}~0badcafe").hasSize(40);
    assertThat(CloneStart.runs("a".repeat(39) + "b")).isNotEqualTo(CloneStart.runs("a".repeat(40)));
    assertThat(CloneStart.runs("a".repeat(31))).isEqualTo("a".repeat(31) + "~");
    assertThat(run).startsWith(CloneStart.runs("a".repeat(40)));
  }

  @Test
  void holdsWhatTheRunbookLetsMove() {
    Runbook runbook =
        RunbookFile.parseForClone(
            """
            name: shop
            source: {postgres: {url: "postgresql://m@127.0.0.1:5431/shop"}}
            target: {postgres: {url: "postgresql://m@127.0.0.1:5432/shop"}}
            replicate: {tables: {exclude: [audit.*], excludeData: [public.cache]}}
            """);

    assertThat(CloneStart.of(runbook, true).move("0193b3c1-7000-7000-8000-00000badcafe").tables())
        .isEqualTo(new TablesSpec(List.of(), List.of("audit.*"), List.of("public.cache")));
  }

  private CloneResult make(boolean verify) {
    try {
      return start(verify).getResult(60, TimeUnit.SECONDS, CloneResult.class);
    } catch (TimeoutException e) {
      throw new AssertionError("no result; " + world.journal(), e);
    }
  }

  private WorkflowStub start(boolean verify) {
    CloneWorkflow workflow =
        environment
            .getWorkflowClient()
            .newWorkflowStub(
                CloneWorkflow.class,
                WorkflowOptions.newBuilder().setWorkflowId(ID).setTaskQueue("clones").build());
    WorkflowClient.start(
        workflow::make,
        new CloneStart(
            "shop",
            new PostgresSpec("postgresql://m@127.0.0.1:5431/shop", null, null, null),
            new PostgresSpec("postgresql://m@127.0.0.1:5432/shop", null, null, null),
            3,
            null,
            verify,
            "fast",
            null));
    return WorkflowStub.fromTyped(workflow);
  }
}
