package dev.whimbrel.servers;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * What Azure Resource Manager answers.
 *
 * @param status the HTTP status
 * @param body null for none
 * @param headers besides those that every answer has
 */
public record ArmAnswer(int status, @Nullable JsonNode body, Map<String, String> headers) {
  static final ObjectMapper JSON = new ObjectMapper();

  public ArmAnswer {
    headers = Map.copyOf(headers);
  }

  /** An answer without headers of its own. */
  public static ArmAnswer of(int status, JsonNode body) {
    return new ArmAnswer(status, body.deepCopy(), Map.of());
  }

  public static ArmAnswer ok(JsonNode body) {
    return of(200, body);
  }

  /** A status alone: 200 or 204 to DELETE. */
  public static ArmAnswer empty(int status) {
    return new ArmAnswer(status, null, Map.of());
  }

  /** A refusal as Resource Manager itself words it: {@code {"error": {"code", "message"}}}. */
  public static ArmAnswer error(int status, String code, String message) {
    ObjectNode body = JSON.createObjectNode();
    body.set("error", codeAndMessage(code, message));
    return new ArmAnswer(status, body, Map.of());
  }

  /** A refusal as some resource providers word it, Azure DNS among them: without the wrapper. */
  public static ArmAnswer bareError(int status, String code, String message) {
    return new ArmAnswer(status, codeAndMessage(code, message), Map.of());
  }

  /** What Resource Manager says about a resource that is not there. */
  public static ArmAnswer notFound(ArmRequest request) {
    String group = request.id().group() == null ? "" : request.id().group();
    return error(
        404,
        "ResourceNotFound",
        "The Resource '%s/%s' under resource group '%s' was not found. For more details please go to https://aka.ms/ARMResourceNotFoundFix"
            .formatted(request.id().type(), String.join("/", request.id().names()), group));
  }

  /** What Resource Manager says to a client without the right. */
  static ArmAnswer denied(ArmRequest request) {
    String deed =
        switch (request.method()) {
          case "GET", "HEAD" -> "read";
          case "DELETE" -> "delete";
          case "POST" -> "action";
          default -> "write";
        };
    return error(
        403,
        "AuthorizationFailed",
        "The client '00000000-0000-0000-0000-0000000000c1' with object id '00000000-0000-0000-0000-0000000000c2' does not have authorization to perform action '%s/%s' over scope '%s' or the scope is invalid. If access was recently granted, please refresh your credentials."
            .formatted(request.id().type(), deed, request.path()));
  }

  /** A whole list in one page. */
  public static ArmAnswer list(List<? extends JsonNode> values) {
    ObjectNode body = JSON.createObjectNode();
    ArrayNode array = body.putArray("value");
    values.forEach(each -> array.add(each.deepCopy()));
    return new ArmAnswer(200, body, Map.of());
  }

  /**
   * A page of a list, of as many as {@code $top} asks for, with the next one's address.
   *
   * @param root the server's address
   */
  public static ArmAnswer page(
      ArmRequest request, String root, List<? extends JsonNode> all, int usual) {
    int top = Integer.parseInt(request.query().getOrDefault("$top", Integer.toString(usual)));
    int from = Integer.parseInt(request.query().getOrDefault("$skipToken", "0"));
    int to = Math.min(all.size(), from + top);
    ArmAnswer page = list(all.subList(Math.min(from, all.size()), to));
    if (to < all.size() && page.body() instanceof ObjectNode body) {
      body.put(
          "nextLink",
          "%s%s?api-version=%s&$top=%d&$skipToken=%d"
              .formatted(root, request.path(), request.apiVersion(), top, to));
    }
    return page;
  }

  /** The same with another header. */
  public ArmAnswer with(String header, String value) {
    Map<String, String> more = new TreeMap<>(headers);
    more.put(header, value);
    return new ArmAnswer(status, body, more);
  }

  private static ObjectNode codeAndMessage(String code, String message) {
    return JSON.createObjectNode().put("code", code).put("message", message);
  }
}
