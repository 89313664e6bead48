package dev.whimbrel.worker;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.protobuf.util.JsonFormat;
import dev.whimbrel.activity.Failures;
import dev.whimbrel.activity.Progress;
import dev.whimbrel.secrets.Secrets;
import io.temporal.activity.Activity;
import io.temporal.activity.ActivityInterface;
import io.temporal.activity.ActivityOptions;
import io.temporal.api.enums.v1.EventType;
import io.temporal.api.workflowservice.v1.DescribeWorkflowExecutionRequest;
import io.temporal.client.WorkflowClientOptions;
import io.temporal.client.WorkflowFailedException;
import io.temporal.client.WorkflowOptions;
import io.temporal.client.WorkflowStub;
import io.temporal.common.RetryOptions;
import io.temporal.failure.ActivityFailure;
import io.temporal.failure.ApplicationFailure;
import io.temporal.testing.TestWorkflowEnvironment;
import io.temporal.workflow.QueryMethod;
import io.temporal.workflow.Workflow;
import io.temporal.workflow.WorkflowInterface;
import io.temporal.workflow.WorkflowMethod;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.sql.SQLException;
import java.time.Duration;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.slf4j.LoggerFactory;

/** A password that became part of a driver's error, on a real worker with Temporal in-process. */
class SecretsStayInsideTest {
  private static final String PASSWORD = "corr ct-horse/battery\"staple";
  private static final String QUEUE = "secrets";

  private final Secrets secrets = new Secrets(Map.of("PLANTED", PASSWORD));
  private final PrintStream stderr = System.err;
  private final ByteArrayOutputStream log = new ByteArrayOutputStream();
  private final TestWorkflowEnvironment temporal = TestWorkflowEnvironment.newInstance();
  private MigrationWorker worker;

  @BeforeEach
  void startTheWorker() {
    System.setErr(new PrintStream(log, true, StandardCharsets.UTF_8));
    Logging.start("debug", secrets::redact);
    worker =
        MigrationWorker.start(
            temporal.getWorkflowServiceStubs(),
            WorkflowClientOptions.newBuilder().setNamespace(temporal.getNamespace()).build(),
            QUEUE,
            secrets,
            w -> {
              w.registerWorkflowImplementationTypes(OneStep.class);
              w.registerActivitiesImplementations(new LeakyActivity(secrets));
            });
  }

  @AfterEach
  void stop() {
    worker.close();
    temporal.close();
    System.setErr(stderr);
  }

  @Test
  void anUntranslatedExceptionLeavesAsADefectWithoutItsCauseAndWithoutThePassword() {
    String failure = run("untranslated");

    assertThat(failure)
        .startsWith(
            "prepare.leak failed with an error that Whimbrel does not know: java.sql.SQLException"
                + " (FATAL: postgresql://ana:***@db/shop refused '***')"
                + " at dev.whimbrel.worker.SecretsStayInsideTest$LeakyActivity.fail(")
        .contains("Report this line");
    assertThat(log())
        .contains("ERROR shop prepare.leak AroundActivity: Failed with an error that nobody")
        .contains("Caused by: java.lang.IllegalStateException: the cause knows ***");
  }

  @Test
  void aTranslatedFailureKeepsItsKindAndItsHelpAndLosesThePassword() {
    assertThat(run("help")).isEqualTo("role ana has ***|set *** again|psql -c '***'");
  }

  @Test
  void aFailureOfAnotherTypeIsADefectToo() {
    assertThat(run("otherType"))
        .contains("io.temporal.failure.ApplicationFailure (message='gave ***', type='Mine'");
  }

  @Test
  void linesOfProgressAndLogAreMasked() {
    assertThat(run("progress")).isEqualTo("came again after: connecting with ***");
    assertThat(log()).contains("INFO shop prepare.leak SecretsStayInsideTest: logged ***");
  }

  /** Runs the workflow, looks everywhere for the password, and returns how it ended. */
  private String run(String how) {
    WorkflowStub stub =
        temporal
            .getWorkflowClient()
            .newUntypedWorkflowStub(
                "OneStepWorkflow",
                WorkflowOptions.newBuilder()
                    .setWorkflowId("migration-shop")
                    .setTaskQueue(QUEUE)
                    .build());
    stub.start(how);
    assertThatThrownBy(() -> stub.getResult(String.class))
        .isInstanceOf(WorkflowFailedException.class);

    String ending = stub.query("ending", String.class);
    String history = history();
    for (String text : new String[] {ending, history, description(), log()}) {
      assertThat(text).doesNotContain(PASSWORD).doesNotContain("battery");
    }
    assertThat(history).contains(EventType.EVENT_TYPE_WORKFLOW_EXECUTION_FAILED.name());
    return ending;
  }

  private String log() {
    return log.toString(StandardCharsets.UTF_8);
  }

  /** Every event as JSON, with payloads decoded. */
  private String history() {
    StringBuilder text = new StringBuilder();
    temporal
        .getWorkflowClient()
        .streamHistory("migration-shop")
        .forEach(event -> text.append(event));
    return text.toString();
  }

  private String description() {
    try {
      return JsonFormat.printer()
          .print(
              temporal
                  .getWorkflowServiceStubs()
                  .blockingStub()
                  .describeWorkflowExecution(
                      DescribeWorkflowExecutionRequest.newBuilder()
                          .setNamespace(temporal.getNamespace())
                          .setExecution(
                              io.temporal.api.common.v1.WorkflowExecution.newBuilder()
                                  .setWorkflowId("migration-shop"))
                          .build()));
    } catch (com.google.protobuf.InvalidProtocolBufferException e) {
      throw new AssertionError(e);
    }
  }

  @WorkflowInterface
  public interface OneStepWorkflow {
    @WorkflowMethod
    String run(String how);

    @QueryMethod
    String ending();
  }

  /** Runs one step, remembers how it ended, and fails with it. */
  public static final class OneStep implements OneStepWorkflow {
    private String ending = "";

    @Override
    public String run(String how) {
      Leaky leaky =
          Workflow.newActivityStub(
              Leaky.class,
              ActivityOptions.newBuilder()
                  .setStartToCloseTimeout(Duration.ofSeconds(10))
                  .setSummary("prepare.leak shop")
                  .setRetryOptions(RetryOptions.newBuilder().setMaximumAttempts(2).build())
                  .build());
      try {
        return leaky.fail(how);
      } catch (ActivityFailure e) {
        if (!(e.getCause() instanceof ApplicationFailure failure)) {
          throw e;
        }
        ending = failure.getOriginalMessage();
        if (Failures.NEEDS_HELP.equals(failure.getType())) {
          Failures.Help help = failure.getDetails().get(Failures.Help.class);
          ending = help.cause() + "|" + help.remedy() + "|" + help.command();
        }
        throw e;
      }
    }

    @Override
    public String ending() {
      return ending;
    }
  }

  @ActivityInterface
  public interface Leaky {
    String fail(String how);
  }

  private record LeakyActivity(Secrets secrets) implements Leaky {
    @Override
    public String fail(String how) {
      String password = secrets.resolve("env:PLANTED");
      switch (how) {
        case "untranslated" ->
            throw Activity.wrap(
                new SQLException(
                    "FATAL: postgresql://ana:%s@db/shop refused '%s'".formatted("s3cret", password),
                    new IllegalStateException("the cause knows " + password)));
        case "help" ->
            throw Failures.needsHelp(
                "role ana has " + password,
                "set " + password + " again",
                "psql -c '" + password + "'");
        case "otherType" ->
            throw ApplicationFailure.newNonRetryableFailure("gave " + password, "Mine");
        default -> {
          LoggerFactory.getLogger(SecretsStayInsideTest.class).info("logged {}", password);
          var context = Activity.getExecutionContext();
          var before = context.getHeartbeatDetails(Progress.class);
          if (before.isPresent()) {
            throw Failures.defect(
                "came again after: "
                    + (before.get().line().contains(password) ? "a leak" : before.get().line()));
          }
          context.heartbeat(Progress.of("connecting with " + password));
          throw Failures.transientFailure("again");
        }
      }
    }
  }
}
