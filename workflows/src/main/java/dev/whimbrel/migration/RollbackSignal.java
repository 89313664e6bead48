package dev.whimbrel.migration;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.temporal.common.converter.RawValue;
import org.jspecify.annotations.Nullable;

/**
 * Reads a rollback signal. Whatever was sent asks for a rollback; what cannot be read becomes the
 * reason.
 */
final class RollbackSignal {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final String UNKNOWN = "a signal";
  private static final int LONGEST_REASON = 500;

  private RollbackSignal() {}

  static RollbackRequest read(@Nullable RawValue payload) {
    if (payload == null || payload.getPayload() == null) {
      return new RollbackRequest(UNKNOWN, null, false);
    }
    return read(payload.getPayload().getData().toStringUtf8());
  }

  static RollbackRequest read(String text) {
    if (text.isBlank()) {
      return new RollbackRequest(UNKNOWN, null, false);
    }
    JsonNode node;
    try {
      node = JSON.readTree(text);
    } catch (JsonProcessingException e) {
      return new RollbackRequest(UNKNOWN, shortened(text), false);
    }
    if (node.isNull() || node.isMissingNode()) {
      return new RollbackRequest(UNKNOWN, null, false);
    }
    if (!node.isObject()) {
      return new RollbackRequest(
          UNKNOWN, shortened(node.isTextual() ? node.asText() : text), false);
    }
    String by = text(node, "by");
    String reason = text(node, "reason");
    // Only a named person may accept a loss.
    boolean acceptLoss =
        by != null && node.path("acceptLoss").isBoolean() && node.path("acceptLoss").asBoolean();
    return new RollbackRequest(
        by == null ? UNKNOWN : by, reason == null ? shortened(text) : reason, acceptLoss);
  }

  private static @Nullable String text(JsonNode node, String key) {
    JsonNode value = node.get(key);
    return value != null && value.isTextual() && !value.asText().isBlank()
        ? shortened(value.asText())
        : null;
  }

  private static String shortened(String text) {
    return text.length() <= LONGEST_REASON ? text : text.substring(0, LONGEST_REASON) + "…";
  }
}
