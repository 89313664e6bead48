package dev.whimbrel.checks;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.whimbrel.checks.GuardWatch.Seen;
import dev.whimbrel.checks.GuardWindow.Kind;
import dev.whimbrel.runbook.GuardSpec;
import dev.whimbrel.secrets.Secrets;
import java.io.IOException;
import java.net.URI;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;

/**
 * Asks a Prometheus server an instant query. Whatever is not exactly one finite number tells
 * nothing about the service: it is "not known", never good and never bad.
 */
final class PrometheusProbe {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final int LONGEST_ERROR = 200;

  private final HttpProbe http;
  private final Secrets secrets;

  PrometheusProbe(HttpProbe http, Secrets secrets) {
    this.http = http;
    this.secrets = secrets;
  }

  /** Asks once: 0 is bad, any other number is good. */
  Seen look(GuardSpec.Prometheus prometheus, Duration limit) {
    URI url =
        HttpProbe.url(
            prometheus.url().replaceAll("/+$", "")
                + "/api/v1/query?query="
                + URLEncoder.encode(prometheus.query(), StandardCharsets.UTF_8));
    List<String> headers =
        prometheus.token() == null
            ? List.of()
            : List.of("Authorization: Bearer " + secrets.resolve(prometheus.token()));
    try {
      HttpAnswer answer = http.fetch(url, null, headers, limit);
      return answer.status() == 401 || answer.status() == 403
          ? notKnown("Prometheus refuses the query: status %d".formatted(answer.status()))
          : judge(answer);
    } catch (IOException e) {
      return notKnown("Prometheus cannot be asked: " + e.getMessage());
    }
  }

  private static Seen judge(HttpAnswer answer) {
    JsonNode json;
    try {
      json = JSON.readTree(answer.body());
    } catch (JsonProcessingException e) {
      json = null;
    }
    if (json == null || !json.path("status").asText().equals("success")) {
      String error = json == null ? "" : json.path("error").asText("");
      return notKnown(
          "Prometheus answers with status %d%s"
              .formatted(answer.status(), error.isEmpty() ? "" : ": " + cut(error)));
    }
    JsonNode result = json.path("data").path("result");
    return switch (json.path("data").path("resultType").asText()) {
      case "scalar" -> value(result.path(1).asText());
      case "vector" ->
          switch (result.size()) {
            case 0 -> notKnown("the query gives no value");
            case 1 -> value(result.path(0).path("value").path(1).asText());
            default -> notKnown("expected one value, the query gives " + result.size());
          };
      default -> notKnown("the query gives no number");
    };
  }

  private static Seen value(String text) {
    double value;
    try {
      value = Double.parseDouble(text);
    } catch (NumberFormatException e) {
      // "+Inf" and "-Inf", which Java spells otherwise.
      value = Double.NaN;
    }
    if (Double.isNaN(value) || Double.isInfinite(value)) {
      return notKnown("expected a number, the query gives " + cut(text));
    }
    String seen = "the query gives " + cut(text);
    return new Seen(value == 0 ? Kind.BAD : Kind.GOOD, seen);
  }

  private static Seen notKnown(String text) {
    return new Seen(Kind.UNKNOWN, text);
  }

  private static String cut(String text) {
    return text.length() > LONGEST_ERROR ? text.substring(0, LONGEST_ERROR) + "…" : text;
  }
}
