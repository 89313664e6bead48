package dev.whimbrel.servers;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import org.jspecify.annotations.Nullable;

/**
 * One call as the server saw it.
 *
 * @param operation {@code PUT microsoft.network/dnszones/a}
 * @param path as it was sent, without the query
 * @param apiVersion the version that the client spoke
 * @param ifMatch the header
 * @param ifNoneMatch the header
 * @param sent the request's body
 * @param status what was answered; 0 where the answer was lost
 * @param answered the answer's body
 */
public record ArmCall(
    String operation,
    String path,
    String apiVersion,
    @Nullable String ifMatch,
    @Nullable String ifNoneMatch,
    ObjectNode sent,
    int status,
    @Nullable JsonNode answered) {

  /** Whether it asked for a change. */
  public boolean changes() {
    return !operation.startsWith("GET ") && !operation.startsWith("HEAD ");
  }

  /** {@code PUT /subscriptions/… 201}, for messages. */
  @Override
  public String toString() {
    return operation.substring(0, operation.indexOf(' ') + 1) + path + " " + status;
  }
}
