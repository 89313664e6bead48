package dev.whimbrel.cli;

import dev.whimbrel.activity.RedactingFailureConverter;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.temporal.api.operatorservice.v1.ListSearchAttributesRequest;
import io.temporal.client.WorkflowClient;
import io.temporal.client.WorkflowClientOptions;
import io.temporal.envconfig.ClientConfigProfile;
import io.temporal.envconfig.LoadClientConfigProfileOptions;
import io.temporal.serviceclient.OperatorServiceStubs;
import io.temporal.serviceclient.OperatorServiceStubsOptions;
import io.temporal.serviceclient.WorkflowServiceStubs;
import io.temporal.serviceclient.WorkflowServiceStubsOptions;
import java.io.IOException;
import java.time.Duration;
import java.util.Set;
import java.util.concurrent.TimeUnit;

/** The connection to Temporal, by its own settings (environment, {@code temporal.toml}). */
final class Temporal implements AutoCloseable {
  /** Longer and an operator wonders; shorter and a distant cloud is called unreachable. */
  private static final Duration CONNECT = Duration.ofSeconds(10);

  private static final Set<String> SEARCH_ATTRIBUTES =
      Set.of("WhimbrelPhase", "WhimbrelState", "WhimbrelService");

  private final WorkflowServiceStubs stubs;
  private final WorkflowClient client;
  private final boolean owned;

  private Temporal(WorkflowServiceStubs stubs, WorkflowClient client, boolean owned) {
    this.stubs = stubs;
    this.client = client;
    this.owned = owned;
  }

  /** Opens a connection; what opens it in tests is another one. */
  @FunctionalInterface
  interface Connector {
    Temporal connect();
  }

  /** A connection that somebody else closes. */
  static Temporal of(WorkflowClient client) {
    return new Temporal(client.getWorkflowServiceStubs(), client, false);
  }

  /**
   * Connects.
   *
   * @throws CannotDo if Temporal does not answer, saying where it was looked for and what to do
   */
  static Temporal connect() {
    ClientConfigProfile profile = profile();
    WorkflowServiceStubsOptions options = profile.toWorkflowServiceStubsOptions();
    WorkflowServiceStubs stubs;
    try {
      stubs = WorkflowServiceStubs.newConnectedServiceStubs(options, CONNECT);
    } catch (StatusRuntimeException | IllegalStateException e) {
      // Absent means the SDK's own default.
      String target = options.getTarget() == null ? "127.0.0.1:7233" : options.getTarget();
      throw new CannotDo.Unreachable(unreachable(target, e));
    }
    WorkflowClientOptions client =
        WorkflowClientOptions.newBuilder(profile.toWorkflowClientOptions())
            .setDataConverter(RedactingFailureConverter.dataConverter())
            .build();
    return new Temporal(stubs, WorkflowClient.newInstance(stubs, client), true);
  }

  private static ClientConfigProfile profile() {
    try {
      return ClientConfigProfile.load(
          LoadClientConfigProfileOptions.newBuilder().setConfigFileStrict(true).build());
    } catch (IOException | RuntimeException e) {
      // RuntimeException: the loader throws several kinds for a file that it cannot understand.
      throw new CannotDo(
          ExitCode.USAGE, "Cannot read Temporal's settings (temporal.toml): " + e.getMessage());
    }
  }

  private static String unreachable(String target, RuntimeException e) {
    String found =
        e instanceof StatusRuntimeException status
            ? status.getStatus().getCode().toString()
            : "no connection";
    return """
        Cannot reach Temporal at %s: %s.
        Fix: start the server there (a small one: temporal server start-dev, see deploy/dev/README.md), or
             say where it is: TEMPORAL_ADDRESS=host:port, TEMPORAL_NAMESPACE, or a profile in temporal.toml.
        Without it: whimbrel inspect RUNBOOK asks the databases themselves where writes go, and prints how to act by hand."""
        .formatted(target, found);
  }

  WorkflowClient client() {
    return client;
  }

  WorkflowServiceStubs stubs() {
    return stubs;
  }

  String namespace() {
    return client.getOptions().getNamespace();
  }

  String address() {
    String target = stubs.getOptions().getTarget();
    return target == null ? "this process" : target;
  }

  /** Whether Whimbrel's search attributes are registered; no when the server cannot say. */
  boolean hasSearchAttributes() {
    OperatorServiceStubs operator =
        OperatorServiceStubs.newServiceStubs(
            OperatorServiceStubsOptions.newBuilder()
                .setChannel(stubs.getRawChannel())
                .validateAndBuildWithDefaults());
    try {
      return operator
          .blockingStub()
          .withDeadlineAfter(3, TimeUnit.SECONDS)
          .listSearchAttributes(
              ListSearchAttributesRequest.newBuilder().setNamespace(namespace()).build())
          .getCustomAttributesMap()
          .keySet()
          .containsAll(SEARCH_ATTRIBUTES);
    } catch (StatusRuntimeException e) {
      // Not allowed, or not built into this server: the migration does without.
      return false;
    }
  }

  /** Whether the server says that something does not exist. */
  static boolean isMissing(StatusRuntimeException e) {
    return e.getStatus().getCode() == Status.Code.NOT_FOUND;
  }

  @Override
  public void close() {
    if (owned) {
      stubs.shutdownNow();
    }
  }
}
