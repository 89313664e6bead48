package dev.whimbrel.servers;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.time.Duration;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/** Operations that take a while: begun by a call, then asked about until they have ended. */
public final class ArmOperations implements AutoCloseable {
  private final String root;
  private final Map<String, Operation> operations = new ConcurrentHashMap<>();
  private final ScheduledExecutorService clock =
      Executors.newSingleThreadScheduledExecutor(
          task -> {
            Thread thread = new Thread(task, "arm-operations");
            thread.setDaemon(true);
            return thread;
          });
  private volatile Duration takes = Duration.ofMillis(200);
  private volatile int retryAfterSeconds = 1;

  /** One of them; {@code effect} happens when it ends well. */
  private static final class Operation {
    private final Runnable effect;
    private final Runnable failure;
    private final @Nullable ArmFault fault;
    private String status = "InProgress";

    private Operation(Runnable effect, Runnable failure, @Nullable ArmFault fault) {
      this.effect = effect;
      this.failure = failure;
      this.fault = fault;
    }

    private synchronized void end(boolean well) {
      if (status.equals("InProgress")) {
        (well ? effect : failure).run();
        status = well ? "Succeeded" : "Failed";
      }
    }

    private synchronized String status() {
      return status;
    }
  }

  ArmOperations(String root) {
    this.root = root;
  }

  /** The server's address, for links to further pages. */
  public String root() {
    return root;
  }

  /**
   * Changes how long operations take from now on, and how long clients are told to wait between two
   * looks: a second at least, as a client takes 0 for "not said".
   */
  public void pace(Duration takes, int retryAfterSeconds) {
    this.takes = takes;
    this.retryAfterSeconds = retryAfterSeconds;
  }

  /**
   * As {@link #begin(ArmRequest, int, ObjectNode, Runnable, Runnable)}; a failure changes nothing.
   */
  public ArmAnswer begin(
      ArmRequest request, int status, @Nullable ObjectNode body, Runnable effect) {
    return begin(request, status, body, effect, () -> {});
  }

  /**
   * Begins an operation.
   *
   * @param status what the call is answered with: 201 or 200 to PUT, 202 to POST and DELETE
   * @param body the resource as it is while the operation runs; null for none
   * @param effect happens when it ends well
   * @param failure happens when it fails, see {@link ArmFault#operationFails}
   */
  public ArmAnswer begin(
      ArmRequest request,
      int status,
      @Nullable ObjectNode body,
      Runnable effect,
      Runnable failure) {
    String id = UUID.randomUUID().toString();
    Operation operation = new Operation(effect, failure, request.fault());
    operations.put(id, operation);
    ArmFault.Kind kind = request.fault() == null ? null : request.fault().kind();
    if (kind != ArmFault.Kind.OPERATION_HANGS) {
      boolean well = kind != ArmFault.Kind.OPERATION_FAILS;
      var unused =
          clock.schedule(() -> operation.end(well), takes.toMillis(), TimeUnit.MILLISECONDS);
    }
    String provider = request.id().type().substring(0, request.id().type().indexOf('/'));
    String address =
        "%s/subscriptions/%s/providers/%s/locations/global/operations/%s?api-version=%s"
            .formatted(root, request.id().subscription(), provider, id, request.apiVersion());
    ArmAnswer answer =
        new ArmAnswer(status, body == null ? null : body.deepCopy(), Map.of())
            .with("Azure-AsyncOperation", address)
            .with("Retry-After", Integer.toString(retryAfterSeconds));
    return request.method().equals("PUT")
        ? answer
        : answer.with("Location", address + "&monitor=true");
  }

  /** Lets every operation that hangs end well. */
  public void release() {
    operations.values().forEach(each -> each.end(true));
  }

  /** How many have not ended. */
  public long running() {
    return operations.values().stream().filter(o -> o.status().equals("InProgress")).count();
  }

  static boolean isAbout(ArmId id) {
    return id.type().endsWith("/locations/operations");
  }

  ArmAnswer answer(ArmRequest request) {
    String id = request.id().key(1);
    Operation operation = operations.get(id);
    if (operation == null) {
      return ArmAnswer.notFound(request);
    }
    String status = operation.status();
    boolean running = status.equals("InProgress");
    if (request.query().containsKey("monitor")) {
      return running
          ? ArmAnswer.empty(202).with("Retry-After", Integer.toString(retryAfterSeconds))
          : ArmAnswer.empty(204);
    }
    ObjectNode body = ArmAnswer.JSON.createObjectNode();
    body.put("id", request.path()).put("name", id).put("status", status);
    ArmFault fault = operation.fault;
    if (status.equals("Failed") && fault != null) {
      body.putObject("error").put("code", fault.code()).put("message", fault.message());
    }
    ArmAnswer answer = ArmAnswer.ok(body);
    return running ? answer.with("Retry-After", Integer.toString(retryAfterSeconds)) : answer;
  }

  @Override
  public void close() {
    clock.shutdownNow();
  }
}
