package dev.whimbrel.worker;

import dev.whimbrel.activity.Redaction;
import dev.whimbrel.checks.ProveCanary;
import dev.whimbrel.checks.RunChecks;
import dev.whimbrel.checks.WeekWindows;
import dev.whimbrel.compute.RegistryCompute;
import dev.whimbrel.dns.RegistryDns;
import dev.whimbrel.migration.Migrations;
import dev.whimbrel.postgres.Pace;
import dev.whimbrel.postgres.PostgresCloning;
import dev.whimbrel.postgres.PostgresCopy;
import dev.whimbrel.postgres.PostgresKeptWal;
import dev.whimbrel.postgres.PostgresPreflight;
import dev.whimbrel.postgres.PostgresReplication;
import dev.whimbrel.postgres.PostgresSchema;
import dev.whimbrel.postgres.PostgresSourceClosing;
import dev.whimbrel.postgres.PostgresSuiteClones;
import dev.whimbrel.postgres.PostgresSwitchover;
import dev.whimbrel.postgres.PostgresVerification;
import dev.whimbrel.secrets.Secrets;
import dev.whimbrel.traffic.RegistryTraffic;
import io.temporal.client.WorkflowClientOptions;
import io.temporal.envconfig.ClientConfigProfile;
import io.temporal.envconfig.LoadClientConfigProfileOptions;
import io.temporal.serviceclient.WorkflowServiceStubs;
import io.temporal.serviceclient.WorkflowServiceStubsOptions;
import io.temporal.worker.Worker;
import java.io.IOException;
import java.time.Duration;

/**
 * The worker's main. Reads {@link Settings} and Temporal's own configuration, registers everything,
 * and prints one line on stdout when it is ready to work. SIGTERM stops it in good order. Exit
 * codes: 1 when Temporal cannot be reached, 2 when a setting is wrong.
 */
public final class WorkerMain {
  /** How long Temporal may take to answer at the start: it may be starting too. */
  private static final Duration CONNECT = Duration.ofSeconds(30);

  private WorkerMain() {}

  /** Runs until the process is told to stop. Takes no arguments. */
  public static void main(String[] arguments) {
    try {
      run();
    } catch (IllegalArgumentException e) {
      stop(2, "Cannot start the worker: " + e.getMessage());
    } catch (IOException e) {
      stop(1, "Cannot start the worker: " + e.getMessage());
    }
  }

  private static void register(Worker worker, Secrets secrets, Pace pace) {
    worker.registerWorkflowImplementationTypes(Migrations.workflowTypes());
    worker.registerActivitiesImplementations(activities(secrets, pace));
  }

  static Object[] activities(Secrets secrets, Pace pace) {
    return new Object[] {
      new PostgresPreflight(secrets),
      new PostgresSchema(secrets),
      new PostgresCopy(secrets, pace),
      new PostgresCloning(secrets),
      new PostgresSuiteClones(secrets),
      new PostgresReplication(secrets, pace),
      new PostgresKeptWal(secrets, pace),
      new PostgresVerification(secrets),
      new PostgresSwitchover(secrets, pace),
      new PostgresSourceClosing(secrets),
      new RegistryDns(secrets, pace.atMost()),
      new RegistryTraffic(pace.atMost()),
      new RegistryCompute(),
      new RunChecks(secrets),
      new ProveCanary(secrets),
      new WeekWindows()
    };
  }

  private static void run() throws IOException {
    Settings settings = Settings.of(System.getenv());
    Secrets secrets = new Secrets();
    Logging.start(settings.logLevel(), secrets::redact);
    ClientConfigProfile profile = profile();
    WorkflowServiceStubsOptions.Builder stubs =
        WorkflowServiceStubsOptions.newBuilder(profile.toWorkflowServiceStubsOptions());
    WorkflowClientOptions client =
        profile.toWorkflowClientOptions().toBuilder().validateAndBuildWithDefaults();

    Endpoints endpoints = null;
    if (settings.metrics().isPresent()) {
      endpoints = Endpoints.listen(settings.metrics().get());
      stubs.setMetricsScope(endpoints.scope());
    }
    WorkflowServiceStubs temporal = connect(stubs.validateAndBuildWithDefaults());
    MigrationWorker worker =
        MigrationWorker.start(
            temporal,
            client,
            settings.taskQueue(),
            secrets,
            w -> register(w, secrets, settings.pace()));
    Runtime.getRuntime().addShutdownHook(new Thread(worker::close, "stop"));
    if (endpoints != null) {
      endpoints.serve(worker::takesWork);
    }

    System.out.println(
        "whimbrel worker is ready: task queue %s, namespace %s at %s%s"
            .formatted(
                settings.taskQueue(),
                client.getNamespace(),
                temporal.getOptions().getTarget(),
                endpoints == null ? "" : ", " + endpoints.url() + "/metrics"));
    System.out.flush();
  }

  /** Temporal's own settings; a key in the file that it does not know stops the start. */
  private static ClientConfigProfile profile() {
    try {
      return ClientConfigProfile.load(
          LoadClientConfigProfileOptions.newBuilder().setConfigFileStrict(true).build());
    } catch (IOException e) {
      throw new IllegalArgumentException(
          "Temporal's settings cannot be read: "
              + Redaction.redact(String.valueOf(e.getMessage()).lines().findFirst().orElse("")));
    }
  }

  private static WorkflowServiceStubs connect(WorkflowServiceStubsOptions options)
      throws IOException {
    try {
      return WorkflowServiceStubs.newConnectedServiceStubs(options, CONNECT);
    } catch (io.grpc.StatusRuntimeException e) {
      // Not the exception itself: its text may repeat what was sent.
      throw new IOException(
          "expected Temporal at %s to answer within %d s, found %s. Set TEMPORAL_ADDRESS or start the server"
              .formatted(options.getTarget(), CONNECT.toSeconds(), e.getStatus().getCode()));
    }
  }

  private static void stop(int code, String message) {
    System.err.println(message);
    System.exit(code);
  }
}
