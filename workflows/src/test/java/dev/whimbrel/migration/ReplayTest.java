package dev.whimbrel.migration;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.whimbrel.activity.Failures;
import dev.whimbrel.activity.QueriesReport;
import dev.whimbrel.activity.Side;
import dev.whimbrel.activity.WalReport;
import dev.whimbrel.activity.Window;
import dev.whimbrel.copy.CopyWorkflow;
import dev.whimbrel.migration.MigrationStatus.State;
import dev.whimbrel.runbook.ProvisionSpec;
import dev.whimbrel.runbook.QuerySpec;
import dev.whimbrel.runbook.RetireSpec;
import dev.whimbrel.runbook.StageSpec;
import io.temporal.common.WorkflowExecutionHistory;
import io.temporal.testing.TestWorkflowEnvironment;
import io.temporal.testing.WorkflowReplayer;
import io.temporal.worker.Worker;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIfSystemProperty;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Replays recorded histories against today's workflow: running migrations must survive a change of
 * the code. Record them anew, from released code only, with {@code mvn test -pl workflows -am
 * -Dtest=ReplayTest -Dwhimbrel.record=true -Dsurefire.failIfNoSpecifiedTests=false}.
 */
class ReplayTest {
  private static final Path RECORDINGS = Path.of("src/test/resources/histories");

  @ParameterizedTest
  @ValueSource(
      strings = {
        "migrated",
        "rolled-back",
        "canary",
        "canary-rolled-back",
        "watched",
        "watched-rolled-back",
        "watch-skipped",
        "copied",
        "copy",
        "copied-rolled-back",
        "kept-copy",
        "compared",
        "compared-rolled-back",
        "queried",
        "suite",
        "suite-rolled-back",
        "staged",
        "staged-copy",
        "staged-rolled-back",
        "offline",
        "offline-broken",
        "offline-rolled-back",
        "clone"
      })
  void carriesOnWhatWasRecorded(String recording) {
    assertThatCode(() -> replay(text(recording))).doesNotThrowAnyException();
  }

  @Test
  void noticesAHistoryThatTheCodeCannotHaveMade() throws IOException {
    String broken =
        text("migrated").replace("\"name\": \"CreateTables\"", "\"name\": \"CreateRows\"");

    assertThat(broken).isNotEqualTo(text("migrated"));
    assertThatThrownBy(() -> replay(broken)).hasStackTraceContaining("TMPRL1100");
  }

  @Test
  @EnabledIfSystemProperty(named = "whimbrel.record", matches = "true")
  void recordAnew() throws IOException {
    Runbooks runbooks = new Runbooks();
    runbooks.approval = "required";
    runbooks.guards = List.of(Runbooks.guard("rollback"));
    try (Stage stage = new Stage(runbooks)) {
      stage.world.fail("subscribe", Failures.needsHelp("no slot is free", "free one", null));
      stage.awaitState(State.NEEDS_HELP);
      stage.workflow().retry(new StepDecision("ana@example.com", null, null));
      stage.awaitState(State.WAITING_FOR_APPROVAL);
      stage.workflow().approve(new Approval("ana@example.com", null, null));
      stage.result();
      write("migrated", stage.history());
    }
    try (Stage stage = new Stage(runbooks)) {
      stage.awaitState(State.WAITING_FOR_APPROVAL);
      stage.workflow().approve(new Approval("ana@example.com", null, null));
      stage.awaitAt(Step.MONITOR, State.WAITING_FOR_TIME);
      stage.world.fail("unsubscribe", Failures.needsHelp("no right", "grant it", null));
      stage.untyped().signal("rollback", "because");
      stage.result();
      write("rolled-back", stage.history());
    }
  }

  @Test
  @EnabledIfSystemProperty(named = "whimbrel.record", matches = "canary")
  void recordCanaries() throws IOException {
    Runbooks runbooks = new Runbooks().withCanary(5, 25);
    runbooks.guards = List.of(Runbooks.guard("rollback"));
    runbooks.provision =
        new ProvisionSpec(
            new ProvisionSpec.Ec2("eu-north-1", List.of(), List.of(), List.of()), null, null);
    runbooks.retire =
        new RetireSpec("eu-west-1", List.of("i-0abc"), List.of(), Duration.ofDays(7), "required");
    try (Stage stage = new Stage(runbooks, world -> world.losses.add("HAProxy restarted"))) {
      stage.awaitAt(Step.TERMINATE_APPROVAL, State.WAITING_FOR_APPROVAL);
      stage.workflow().approve(new Approval("ana@example.com", null, null));
      stage.result();
      write("canary", stage.history());
    }
    runbooks.approval = "required";
    try (Stage stage = Stage.watched(runbooks)) {
      stage.awaitState(State.WAITING_FOR_APPROVAL);
      stage.world.breaches.put(1, "9 of 30 failed, allowed 1%");
      stage.result();
      write("canary-rolled-back", stage.history());
    }
  }

  /** With the ways that came after {@code canary}: a watched bake, old machines, zones, files. */
  @Test
  @EnabledIfSystemProperty(named = "whimbrel.record", matches = "watched")
  void recordWatchedCanaries() throws IOException {
    Runbooks runbooks = new Runbooks().withCanary(5, 25).withFile();
    runbooks.atRoute53 = true;
    runbooks.guards = List.of(Runbooks.guard("rollback"));
    runbooks.retire =
        new RetireSpec("eu-west-1", List.of("i-0abc"), List.of(), Duration.ofDays(7), "required");
    try (Stage stage =
        new Stage(
            runbooks,
            world -> {
              world.losses.add("looked");
              world.fail(
                  "holdShare", Failures.needsHelp("app: server green is down", "mend it", null));
            })) {
      stage.awaitState(State.NEEDS_HELP);
      stage.workflow().retry(new StepDecision("ana@example.com", null, null));
      stage.awaitAt(Step.TERMINATE_APPROVAL, State.WAITING_FOR_APPROVAL);
      stage.workflow().approve(new Approval("ana@example.com", null, null));
      stage.result();
      write("watched", stage.history());
    }
    runbooks.approval = "required";
    try (Stage stage = Stage.watched(runbooks)) {
      stage.awaitState(State.WAITING_FOR_APPROVAL);
      stage.workflow().approve(new Approval("ana@example.com", null, null));
      stage.awaitAt(Step.MONITOR, State.WAITING_FOR_TIME);
      stage.world.breaches.put(1, "9 of 30 failed, allowed 1%");
      stage.result();
      write("watched-rolled-back", stage.history());
    }
  }

  /**
   * Of a release whose approval did not show that a watch was skipped: this one comes behind the
   * approval, and the migration goes on under it.
   */
  @Test
  @EnabledIfSystemProperty(named = "whimbrel.record", matches = "watch-skipped")
  void recordASkippedWatch() throws IOException {
    Runbooks runbooks = new Runbooks().withCanary(25);
    runbooks.approval = "required";
    runbooks.window = "Sun 02:00-06:00 UTC";
    try (Stage stage =
        new Stage(
            runbooks,
            world -> {
              world.rest = Duration.ofHours(1);
              Instant opens = world.now().plus(Duration.ofDays(9));
              world.window = new Window(opens, opens.plus(Duration.ofHours(4)));
            })) {
      stage.awaitState(State.WAITING_FOR_APPROVAL);
      stage.workflow().approve(new Approval("ana@example.com", null, null));
      stage.awaitState(State.WAITING_FOR_WINDOW);
      stage.world.fail(
          "holdShare", Failures.needsHelp("app: server green is down", "mend it", null));
      stage.world.losses.add("looked");
      stage.await("a parked watch", status -> !status.parked().isEmpty());
      stage
          .workflow()
          .skip(new StepDecision("ana@example.com", "we know it", Step.HOLD_SHARE.id()));
      stage.result();
      write("watch-skipped", stage.history());
    }
  }

  @Test
  @EnabledIfSystemProperty(named = "whimbrel.record", matches = "copy")
  void recordCopies() throws IOException {
    try (Stage stage = new Stage(new Runbooks(), world -> world.lostSnapshots.add(1))) {
      stage.result();
      write("copied", stage.history());
      write("copy", stage.history(Stage.ID + CopyWorkflow.ID_SUFFIX));
    }
    try (Stage stage = new Stage(new Runbooks())) {
      stage.world.during("copyPieces", () -> stage.untyped().signal("rollback", "because"));
      stage.result();
      write("copied-rolled-back", stage.history());
    }
  }

  /** The snapshot's holder dies twice, and the snapshot is lost once. */
  @Test
  @EnabledIfSystemProperty(named = "whimbrel.record", matches = "kept")
  void recordKeptSnapshots() throws IOException {
    try (Stage stage = new Stage(new Runbooks(), world -> world.lostSnapshots.add(1))) {
      for (int i = 0; i < 2; i++) {
        stage.world.fail("keepGeneration", Failures.transientFailure("the worker is stopped"));
      }
      stage.result();
      write("kept-copy", stage.history(Stage.ID + CopyWorkflow.ID_SUFFIX));
    }
  }

  /** Stage by stage; the second loses a snapshot, and a join is tried again by a person. */
  @Test
  @EnabledIfSystemProperty(named = "whimbrel.record", matches = "staged")
  void recordStages() throws IOException {
    Runbooks runbooks = new Runbooks();
    runbooks.stages = List.of(new StageSpec(List.of("shop.orders")));
    try (Stage stage = new Stage(runbooks, world -> world.lostSnapshots.add(2))) {
      stage.world.fail("joinStage", Failures.needsHelp("no slot is free", "free one", null));
      stage.awaitState(State.NEEDS_HELP);
      stage.workflow().retry(new StepDecision("ana@example.com", null, null));
      stage.result();
      write("staged", stage.history());
      write("staged-copy", stage.history(Stage.ID + CopyWorkflow.ID_SUFFIX));
    }
    try (Stage stage = new Stage(runbooks)) {
      stage.world.during("joinStage", () -> stage.untyped().signal("rollback", "because"));
      stage.result();
      write("staged-rolled-back", stage.history());
    }
  }

  @Test
  @EnabledIfSystemProperty(named = "whimbrel.record", matches = "offline")
  void recordClosings() throws IOException {
    try (Stage stage = new Stage(Runbooks.closingFirst())) {
      stage.result();
      write("offline", stage.history());
    }
    try (Stage stage = new Stage(Runbooks.closingFirst())) {
      stage.world.keepersWork = true;
      stage.world.beside(
          "verify",
          () ->
              stage.world.brokenClosing = Failures.needsHelp("writes have gone on", "retry", null));
      stage.world.fail("verify", Failures.needsHelp("they differ", "repair it", null));
      stage.await("the closing is parked", s -> Stage.isParked(s, Step.CLOSE));
      stage.workflow().retry(new StepDecision("ana@example.com", null, null));
      stage.result();
      write("offline-broken", stage.history());
    }
    try (Stage stage =
        new Stage(
            Runbooks.closingFirst(),
            world -> world.fail("verify", Failures.needsHelp("they differ", "repair it", null)))) {
      stage.awaitState(State.NEEDS_HELP);
      stage.workflow().requestRollback(new RollbackRequest("ana@example.com", "enough", false));
      stage.result();
      write("offline-rolled-back", stage.history());
    }
  }

  /** With what came after {@code copied}: rounds of comparison, and the watch over the kept log. */
  @Test
  @EnabledIfSystemProperty(named = "whimbrel.record", matches = "compared")
  void recordRoundsAndTheKeptLog() throws IOException {
    Runbooks runbooks = new Runbooks();
    runbooks.approval = "required";
    try (Stage stage =
        new Stage(
            runbooks,
            world -> {
              world.rest = Duration.ofHours(1);
              world.looksInVain("soak", 30);
              world.foundByRounds = List.of("public.orders (id)=(7): missing on the target");
            })) {
      stage.await("the rounds", status -> Stage.isParked(status, Step.KEEP_VERIFYING));
      stage.world.foundByRounds = List.of();
      stage.workflow().retry(new StepDecision("ana@example.com", null, Step.KEEP_VERIFYING.id()));
      stage.awaitState(State.WAITING_FOR_APPROVAL);
      stage.world.keptWal.add(
          new WalReport(Side.SOURCE, WalReport.What.ASK, "the slots keep 51 GB of WAL"));
      stage.await("the kept log", status -> Stage.isParked(status, Step.WATCH_WAL));
      stage.workflow().retry(new StepDecision("ana@example.com", null, Step.WATCH_WAL.id()));
      stage.workflow().verify(new Decision("ana@example.com", null));
      stage.await("an answer", status -> stage.workflow().verification().answered() == 1);
      stage.workflow().approve(new Approval("ana@example.com", null, null));
      stage.result();
      write("compared", stage.history());
    }
    try (Stage stage = Stage.watched(runbooks)) {
      stage.awaitState(State.WAITING_FOR_APPROVAL);
      stage
          .workflow()
          .skip(new StepDecision("ana@example.com", "the cache suffers", Step.KEEP_VERIFYING.id()));
      stage.world.keptWal.add(
          new WalReport(Side.SOURCE, WalReport.What.RELEASED, "dropped at 51 GB"));
      stage.result();
      write("compared-rolled-back", stage.history());
    }
  }

  /** With the queries that both sides are asked. */
  @Test
  @EnabledIfSystemProperty(named = "whimbrel.record", matches = "queried")
  void recordQueries() throws IOException {
    Runbooks runbooks = new Runbooks();
    runbooks.approval = "required";
    runbooks.queries = List.of(new QuerySpec("top", 1, "select 1", false, false));
    try (Stage stage =
        new Stage(
            runbooks,
            world -> world.queryResults = List.of(answer(QueriesReport.Verdict.DIFFERS)))) {
      stage.awaitState(State.NEEDS_HELP);
      stage.world.queryResults = List.of(answer(QueriesReport.Verdict.SAME));
      stage.workflow().retry(new StepDecision("ana@example.com", null, Step.QUERIES.id()));
      stage.awaitState(State.WAITING_FOR_APPROVAL);
      stage.workflow().approve(new Approval("ana@example.com", null, null));
      stage.result();
      write("queried", stage.history());
    }
  }

  /** With a suite that writes: one that a worker has lost, one that is red, one in a rollback. */
  @Test
  @EnabledIfSystemProperty(named = "whimbrel.record", matches = "suite")
  void recordSuites() throws IOException {
    Runbooks runbooks = SuiteTest.runbooks();
    try (Stage stage =
        new Stage(
            runbooks,
            world ->
                world.fail(
                    "runSuite",
                    Failures.transientFailure("the worker is shutting down"),
                    Failures.needsHelp("The suite is not green", "mend it", null)))) {
      stage.awaitState(State.NEEDS_HELP);
      stage.workflow().retry(new StepDecision("ana@example.com", null, Step.SUITE.id()));
      stage.awaitState(State.WAITING_FOR_APPROVAL);
      stage.workflow().approve(new Approval("ana@example.com", null, null));
      stage.result();
      write("suite", stage.history());
    }
    try (Stage stage = new Stage(runbooks)) {
      stage.world.during("runSuite", () -> stage.untyped().signal("rollback", "because"));
      stage.result();
      write("suite-rolled-back", stage.history());
    }
  }

  private static QueriesReport.Result answer(QueriesReport.Verdict verdict) {
    return new QueriesReport.Result("top", 1, verdict, 3, 1.5, 2.5, false, "3 rows");
  }

  private static void write(String recording, WorkflowExecutionHistory history) throws IOException {
    Files.createDirectories(RECORDINGS);
    Files.writeString(RECORDINGS.resolve(recording + ".json"), history.toJson(true));
  }

  private static void replay(String history) throws Exception {
    try (TestWorkflowEnvironment env = TestWorkflowEnvironment.newInstance()) {
      Worker worker = env.newWorker("replay", Stage.workerOptions());
      worker.registerWorkflowImplementationTypes(Migrations.workflowTypes());
      WorkflowReplayer.replayWorkflowExecution(WorkflowExecutionHistory.fromJson(history), worker);
    }
  }

  private static String text(String recording) throws IOException {
    try (InputStream in =
        Objects.requireNonNull(
            ReplayTest.class.getResourceAsStream("/histories/" + recording + ".json"))) {
      return new String(in.readAllBytes(), StandardCharsets.UTF_8);
    }
  }
}
