package dev.whimbrel.servers;

import com.fasterxml.jackson.databind.node.ObjectNode;
import com.sun.net.httpserver.Headers;
import com.sun.net.httpserver.HttpExchange;
import java.io.IOException;
import java.net.URI;
import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.TreeMap;
import java.util.UUID;

/** Calls and answers of Azure Resource Manager as they go over the wire. */
final class ArmHttp {
  private ArmHttp() {}

  /**
   * Reads a call, and takes the fault that was planted for it.
   *
   * @throws IllegalArgumentException if its path is none of Azure Resource Manager's
   */
  static ArmRequest read(HttpExchange exchange, ArmFaults faults) throws IOException {
    String path = exchange.getRequestURI().getPath();
    ArmId id = ArmId.parse(path);
    byte[] sent = exchange.getRequestBody().readAllBytes();
    ObjectNode body =
        sent.length == 0
            ? ArmAnswer.JSON.createObjectNode()
            : (ObjectNode) ArmAnswer.JSON.readTree(sent);
    String method = exchange.getRequestMethod();
    Headers headers = exchange.getRequestHeaders();
    String ifMatch = headers.getFirst("If-Match");
    return new ArmRequest(
        method,
        id,
        path,
        query(exchange.getRequestURI()),
        ifMatch == null ? null : ifMatch.replace("\"", ""),
        headers.getFirst("If-None-Match"),
        body,
        faults.next(method, id));
  }

  static Map<String, String> query(URI uri) {
    Map<String, String> query = new TreeMap<>();
    String raw = uri.getRawQuery();
    if (raw != null) {
      for (String each : raw.split("&", -1)) {
        int equals = each.indexOf('=');
        String key = equals < 0 ? each : each.substring(0, equals);
        String value = equals < 0 ? "" : each.substring(equals + 1);
        query.put(
            URLDecoder.decode(key, StandardCharsets.UTF_8),
            URLDecoder.decode(value, StandardCharsets.UTF_8));
      }
    }
    return query;
  }

  static void send(HttpExchange exchange, ArmAnswer answer) throws IOException {
    Headers headers = exchange.getResponseHeaders();
    answer.headers().forEach(headers::set);
    headers.set("x-ms-request-id", UUID.randomUUID().toString());
    if (answer.body() == null || exchange.getRequestMethod().equals("HEAD")) {
      exchange.sendResponseHeaders(answer.status(), -1);
      return;
    }
    byte[] bytes = ArmAnswer.JSON.writeValueAsBytes(answer.body());
    headers.set("Content-Type", "application/json; charset=utf-8");
    exchange.sendResponseHeaders(answer.status(), bytes.length);
    exchange.getResponseBody().write(bytes);
  }
}
