package dev.whimbrel.activity;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.fasterxml.jackson.databind.node.TextNode;
import com.google.protobuf.ByteString;
import io.temporal.api.common.v1.Payload;
import io.temporal.api.common.v1.Payloads;
import io.temporal.api.failure.v1.Failure;
import io.temporal.common.converter.DataConverter;
import io.temporal.common.converter.DefaultDataConverter;
import io.temporal.common.converter.FailureConverter;
import io.temporal.failure.DefaultFailureConverter;
import java.io.IOException;
import java.util.function.UnaryOperator;

/**
 * The last gate before a failure is written to a history: cuts the causes of application failures
 * and masks secrets in messages, stack traces and details. Failures that are read are masked by
 * shape again, so that an older worker's text does not reach a terminal or a status.
 */
public final class RedactingFailureConverter implements FailureConverter {
  private static final ObjectMapper JSON = new ObjectMapper();

  private final FailureConverter delegate = new DefaultFailureConverter();
  private final UnaryOperator<String> redaction;

  private RedactingFailureConverter(UnaryOperator<String> redaction) {
    this.redaction = redaction;
  }

  /** The data converter of a process that resolves no secrets: masks by shape. */
  public static DataConverter dataConverter() {
    return dataConverter(UnaryOperator.identity());
  }

  /**
   * The data converter of a worker: masks by shape, and whatever else {@code redaction} knows.
   *
   * @param redaction masks the secrets that this process has resolved
   */
  public static DataConverter dataConverter(UnaryOperator<String> redaction) {
    return DefaultDataConverter.newDefaultInstance()
        .withFailureConverter(
            new RedactingFailureConverter(text -> Redaction.redact(redaction.apply(text))));
  }

  @Override
  public Failure exceptionToFailure(Throwable throwable, DataConverter dataConverter) {
    return masked(delegate.exceptionToFailure(throwable, dataConverter), redaction);
  }

  /** Masks by shape only: what a workflow reads must not depend on what its worker has resolved. */
  @Override
  public RuntimeException failureToException(Failure failure, DataConverter dataConverter) {
    return delegate.failureToException(masked(failure, Redaction::redact), dataConverter);
  }

  private static Failure masked(Failure failure, UnaryOperator<String> redaction) {
    Failure.Builder masked =
        failure.toBuilder()
            .setMessage(redaction.apply(failure.getMessage()))
            .setStackTrace(redaction.apply(failure.getStackTrace()));
    if (failure.hasApplicationFailureInfo()) {
      masked.clearCause();
      masked
          .getApplicationFailureInfoBuilder()
          .setDetails(masked(failure.getApplicationFailureInfo().getDetails(), redaction));
    } else if (failure.hasCause()) {
      masked.setCause(masked(failure.getCause(), redaction));
    }
    return masked.build();
  }

  private static Payloads masked(Payloads details, UnaryOperator<String> redaction) {
    Payloads.Builder masked = Payloads.newBuilder();
    details.getPayloadsList().forEach(p -> masked.addPayloads(masked(p, redaction)));
    return masked.build();
  }

  private static Payload masked(Payload payload, UnaryOperator<String> redaction) {
    try {
      JsonNode before = JSON.readTree(payload.getData().toByteArray());
      JsonNode after = masked(before, redaction);
      return after.equals(before) ? payload : withData(payload, after);
    } catch (IOException e) {
      // Not JSON: nothing that Whimbrel writes, and nothing that can be masked safely.
      return payload;
    }
  }

  private static Payload withData(Payload payload, JsonNode data) throws JsonProcessingException {
    return payload.toBuilder().setData(ByteString.copyFrom(JSON.writeValueAsBytes(data))).build();
  }

  private static JsonNode masked(JsonNode node, UnaryOperator<String> redaction) {
    if (node.isTextual()) {
      return TextNode.valueOf(redaction.apply(node.textValue()));
    }
    if (node.isArray()) {
      ArrayNode masked = JSON.createArrayNode();
      node.forEach(element -> masked.add(masked(element, redaction)));
      return masked;
    }
    if (node.isObject()) {
      ObjectNode masked = JSON.createObjectNode();
      node.properties().forEach(e -> masked.set(e.getKey(), masked(e.getValue(), redaction)));
      return masked;
    }
    return node;
  }
}
