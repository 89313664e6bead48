package dev.whimbrel.worker;

import static org.assertj.core.api.Assertions.assertThat;

import dev.whimbrel.activity.Claim;
import dev.whimbrel.activity.Failures;
import dev.whimbrel.activity.Forecast;
import dev.whimbrel.activity.Move;
import dev.whimbrel.activity.Outcome;
import dev.whimbrel.activity.Preflight;
import dev.whimbrel.activity.PreflightReport;
import dev.whimbrel.activity.QueryProposal;
import dev.whimbrel.activity.RedactingFailureConverter;
import dev.whimbrel.activity.UserReport;
import dev.whimbrel.activity.UsersRequest;
import dev.whimbrel.migration.MigrationStatus;
import dev.whimbrel.migration.MigrationWorkflow;
import dev.whimbrel.migration.Migrations;
import dev.whimbrel.migration.Start;
import dev.whimbrel.postgres.Pace;
import dev.whimbrel.runbook.RunbookFile;
import dev.whimbrel.secrets.Secrets;
import io.temporal.activity.Activity;
import io.temporal.api.common.v1.WorkflowExecution;
import io.temporal.api.workflowservice.v1.DescribeWorkflowExecutionRequest;
import io.temporal.client.WorkflowClient;
import io.temporal.client.WorkflowClientOptions;
import io.temporal.client.WorkflowOptions;
import io.temporal.testing.TestEnvironmentOptions;
import io.temporal.testing.TestWorkflowEnvironment;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.sql.SQLException;
import java.util.Arrays;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A whole migration that parks because of a driver's error with a password in it. */
class ParkedMigrationTest {
  private static final String PASSWORD = "correct-horse-battery-staple";
  private static final String QUEUE = "parked";
  private static final String ID = "migration-shop";
  private static final String RUNBOOK =
      """
      name: shop
      source: {postgres: {url: "postgresql://migrator@127.0.0.1:1/shop", password: "env:PLANTED"}}
      target: {postgres: {url: "postgresql://migrator@127.0.0.1:2/shop", password: "env:PLANTED"}}
      connect: [manual]
      """;

  private final Secrets secrets = new Secrets(Map.of("PLANTED", PASSWORD));
  private final PrintStream stderr = System.err;
  private final ByteArrayOutputStream log = new ByteArrayOutputStream();
  private final TestWorkflowEnvironment temporal =
      TestWorkflowEnvironment.newInstance(
          TestEnvironmentOptions.newBuilder()
              .setWorkflowClientOptions(
                  WorkflowClientOptions.newBuilder()
                      .setDataConverter(RedactingFailureConverter.dataConverter())
                      .build())
              .build());
  private final LeakyPreflight preflight = new LeakyPreflight(secrets);
  private MigrationWorker worker;

  @BeforeEach
  void startTheWorker() {
    System.setErr(new PrintStream(log, true, StandardCharsets.UTF_8));
    Logging.start("debug", secrets::redact);
    worker =
        MigrationWorker.start(
            temporal.getWorkflowServiceStubs(),
            temporal.getWorkflowClient().getOptions(),
            QUEUE,
            secrets,
            w -> {
              w.registerWorkflowImplementationTypes(Migrations.workflowTypes());
              w.registerActivitiesImplementations(
                  Arrays.stream(WorkerMain.activities(secrets, Pace.USUAL))
                      .map(each -> each instanceof Preflight ? preflight : each)
                      .toArray());
            });
  }

  @AfterEach
  void stop() {
    worker.close();
    temporal.close();
    System.setErr(stderr);
  }

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void showsThePasswordNowhere(boolean translated) throws Exception {
    preflight.translates = translated;
    MigrationWorkflow migration =
        temporal
            .getWorkflowClient()
            .newWorkflowStub(
                MigrationWorkflow.class,
                WorkflowOptions.newBuilder().setWorkflowId(ID).setTaskQueue(QUEUE).build());
    WorkflowClient.start(
        migration::migrate, new Start(RunbookFile.parse(RUNBOOK), "hash", false, "ana"));

    MigrationStatus status = parked(migration);

    assertThat(status.parked())
        .singleElement()
        .satisfies(
            parked -> {
              assertThat(parked.step()).isEqualTo("prepare.preflight");
              assertThat(parked.cause()).contains("FATAL: role migrator with ***");
            });
    assertThat(log())
        .contains(" shop prepare.preflight AroundActivity: ")
        .doesNotContain("Activity failure.");
    for (String text : new String[] {status.toString(), history(), description(), log()}) {
      assertThat(text).doesNotContain(PASSWORD).doesNotContain("battery");
    }
    assertThat(description()).contains("NEEDS_HELP");
  }

  private MigrationStatus parked(MigrationWorkflow migration) throws InterruptedException {
    long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(30);
    while (true) {
      MigrationStatus status = migration.status();
      if (status.state() == MigrationStatus.State.NEEDS_HELP) {
        return status;
      }
      if (System.nanoTime() > deadline) {
        throw new AssertionError("Not parked: " + status + log());
      }
      Thread.sleep(50);
    }
  }

  private String log() {
    return log.toString(StandardCharsets.UTF_8);
  }

  private String history() {
    return temporal.getWorkflowClient().fetchHistory(ID).toProtoText(true);
  }

  /** Memo, pending activities with their last failures, and everything else that describe shows. */
  private String description() {
    return temporal
        .getWorkflowServiceStubs()
        .blockingStub()
        .describeWorkflowExecution(
            DescribeWorkflowExecutionRequest.newBuilder()
                .setNamespace(temporal.getNamespace())
                .setExecution(WorkflowExecution.newBuilder().setWorkflowId(ID))
                .build())
        .toString();
  }

  /** Reads the password as a driver would, and fails with it in the message and in the cause. */
  private static final class LeakyPreflight implements Preflight {
    private final Secrets secrets;
    private volatile boolean translates;

    LeakyPreflight(Secrets secrets) {
      this.secrets = secrets;
    }

    @Override
    public PreflightReport preflight(Move move) {
      String reference = move.source().password();
      String message =
          "FATAL: role migrator with " + (reference == null ? "" : secrets.resolve(reference));
      if (translates) {
        throw Failures.needsHelp(message, message, message);
      }
      throw Activity.wrap(new SQLException(message, new IllegalStateException(message)));
    }

    @Override
    public Forecast forecast(Move move) {
      throw new UnsupportedOperationException("forecast");
    }

    @Override
    public QueryProposal proposeQueries(Move move) {
      throw new UnsupportedOperationException("proposeQueries");
    }

    @Override
    public UserReport judgeUsers(UsersRequest request) {
      throw new UnsupportedOperationException("judgeUsers");
    }

    @Override
    public Claim claim(Move move) {
      throw new UnsupportedOperationException("claim");
    }

    @Override
    public Outcome release(Move move) {
      throw new UnsupportedOperationException("release");
    }
  }
}
