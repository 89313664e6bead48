package dev.whimbrel.compute.azure;

import com.azure.core.management.polling.PollResult;
import com.azure.core.util.polling.PollResponse;
import com.azure.core.util.polling.SyncPoller;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.MissingNode;
import dev.whimbrel.activity.Failures;
import dev.whimbrel.azure.AzureCalls;
import dev.whimbrel.azure.AzureCalls.Refused;
import dev.whimbrel.azure.AzureRight;
import java.time.Duration;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;

/**
 * Long operations that this attempt has begun. They are looked at beside their resource: Azure says
 * only there why one has failed. A later attempt sees what it has to see at the resource.
 */
final class Operations {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final Duration LIMIT = Duration.ofMinutes(2);
  private static final Duration BETWEEN = Duration.ofMillis(200);

  private final Map<String, Begun> begun = new ConcurrentHashMap<>();

  private record Begun(String what, String scope, SyncPoller<? extends PollResult<?>, ?> poller) {}

  void remember(
      String id, String what, String scope, SyncPoller<? extends PollResult<?>, ?> poller) {
    begun.put(id.toLowerCase(Locale.ROOT), new Begun(what, scope, poller));
  }

  /**
   * Looks at the operation that was begun at a resource, if there is one.
   *
   * @throws io.temporal.failure.ApplicationFailure if it has failed
   */
  void look(String id) {
    Begun operation = begun.get(id.toLowerCase(Locale.ROOT));
    if (operation != null && ended(operation)) {
      begun.remove(id.toLowerCase(Locale.ROOT));
    }
  }

  /** Waits for an operation that takes seconds. */
  static void await(String what, String scope, SyncPoller<? extends PollResult<?>, ?> poller) {
    Begun operation = new Begun(what, scope, poller);
    long deadline = System.nanoTime() + LIMIT.toNanos();
    while (!ended(operation)) {
      if (System.nanoTime() > deadline) {
        throw Failures.transientFailure(
            "%s: Azure has not ended it after %d s".formatted(what, LIMIT.toSeconds()));
      }
      try {
        Thread.sleep(BETWEEN.toMillis());
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        throw Failures.transientFailure("Interrupted: this worker is stopping");
      }
    }
  }

  private static boolean ended(Begun operation) {
    PollResponse<? extends PollResult<?>> response =
        ComputeCalls.make(operation.what(), operation.scope(), operation.poller()::poll);
    if (!response.getStatus().isComplete()) {
      return false;
    }
    PollResult<?> result = response.getValue();
    if (result != null && result.getError() != null) {
      throw failure(operation, result.getError());
    }
    return true;
  }

  private static RuntimeException failure(Begun operation, PollResult.Error error) {
    JsonNode said = said(error.getResponseBody());
    RuntimeException judged =
        AzureCalls.failedOperation(
            operation.what(),
            new AzureRight(ComputeCalls.ROLE, operation.scope()),
            error,
            said.path("code").asText(),
            said.path("message").asText());
    return judged instanceof Refused refused
        ? ComputeCalls.meaning(refused, operation.scope())
        : judged;
  }

  /** The SDK hands out the text of the answer only. */
  private static JsonNode said(@Nullable String body) {
    try {
      return body == null ? MissingNode.getInstance() : JSON.readTree(body).path("error");
    } catch (JsonProcessingException e) {
      return MissingNode.getInstance();
    }
  }
}
