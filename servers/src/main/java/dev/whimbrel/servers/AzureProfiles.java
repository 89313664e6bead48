package dev.whimbrel.servers;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ThreadLocalRandom;
import org.jspecify.annotations.Nullable;

/** What Traffic Manager makes of a profile that it is sent, and whom a profile answers with. */
final class AzureProfiles {
  private static final String EXTERNAL =
      "Microsoft.Network/trafficManagerProfiles/externalEndpoints";
  private static final int HEAVIEST = 1000;

  private AzureProfiles() {}

  /**
   * A profile as it is kept.
   *
   * @param before what keeps its tags where none are sent; null to forget them
   */
  static ObjectNode kept(
      ArmId id, ObjectNode properties, @Nullable JsonNode tags, @Nullable ObjectNode before) {
    ObjectNode kept = ArmAnswer.JSON.createObjectNode();
    String path =
        "/subscriptions/%s/resourceGroups/%s/providers/Microsoft.Network/trafficManagerProfiles/%s"
            .formatted(id.subscription(), id.group(), id.names().get(0));
    kept.put("id", path).put("name", id.names().get(0));
    kept.put("type", "Microsoft.Network/trafficManagerProfiles").put("location", "global");
    JsonNode known = tags == null && before != null ? before.path("tags") : tags;
    kept.set("tags", known == null ? ArmAnswer.JSON.createObjectNode() : known.deepCopy());
    usually(properties, "profileStatus", "Enabled");
    usually(properties, "trafficRoutingMethod", "Performance");
    usually(properties, "trafficViewEnrollmentStatus", "Disabled");
    ObjectNode dns = properties.withObject("dnsConfig");
    dns.put("fqdn", dns.path("relativeName").asText() + "." + AzureTrafficManager.DOMAIN);
    if (!dns.has("ttl")) {
      dns.put("ttl", 60);
    }
    ObjectNode monitor = properties.withObject("monitorConfig");
    for (Map.Entry<String, Integer> each :
        Map.of("intervalInSeconds", 30, "timeoutInSeconds", 10, "toleratedNumberOfFailures", 3)
            .entrySet()) {
      if (!monitor.has(each.getKey())) {
        monitor.put(each.getKey(), each.getValue());
      }
    }
    List<ObjectNode> endpoints = new ArrayList<>();
    for (JsonNode sent : properties.path("endpoints")) {
      endpoints.add(
          endpoint(
              path,
              sent.path("name").asText(),
              (ObjectNode) sent.path("properties"),
              endpoints.size() + 1));
    }
    ArrayNode array = properties.putArray("endpoints");
    endpoints.forEach(array::add);
    kept.set("properties", properties);
    return kept;
  }

  /** An external endpoint as it is kept. */
  static ObjectNode endpoint(String profile, String name, ObjectNode sent, int priority) {
    ObjectNode endpoint = ArmAnswer.JSON.createObjectNode();
    endpoint.put("id", profile + "/externalEndpoints/" + name).put("name", name);
    endpoint.put("type", EXTERNAL);
    ObjectNode properties = sent.deepCopy();
    usually(properties, "endpointStatus", "Enabled");
    usually(properties, "alwaysServe", "Disabled");
    if (!properties.has("weight")) {
      properties.put("weight", 1);
    }
    if (!properties.has("priority")) {
      properties.put("priority", priority);
    }
    endpoint.set("properties", properties);
    return endpoint;
  }

  /** What is wrong with an endpoint's properties. */
  static Optional<String> wrongEndpoint(JsonNode properties) {
    if (properties.path("target").asText("").isEmpty()) {
      return Optional.of("An external endpoint needs a target.");
    }
    int weight = properties.path("weight").asInt(1);
    return weight >= 1 && weight <= HEAVIEST
        ? Optional.empty()
        : Optional.of("The endpoint's weight must be between 1 and %d.".formatted(HEAVIEST));
  }

  /** Where one question is sent: to one enabled endpoint that is not down, by weight. */
  static Optional<String> choose(JsonNode profile) {
    if (!profile.at("/properties/profileStatus").asText().equals("Enabled")) {
      return Optional.empty();
    }
    List<JsonNode> enabled = new ArrayList<>();
    for (JsonNode endpoint : profile.at("/properties/endpoints")) {
      JsonNode properties = endpoint.path("properties");
      if (properties.path("endpointStatus").asText().equals("Enabled")) {
        enabled.add(properties);
      }
    }
    List<JsonNode> good =
        enabled.stream()
            .filter(each -> !each.path("endpointMonitorStatus").asText().equals("Degraded"))
            .toList();
    // Where none is up Traffic Manager answers as if all were.
    List<JsonNode> candidates = good.isEmpty() ? enabled : good;
    int sum = candidates.stream().mapToInt(each -> each.path("weight").asInt()).sum();
    int at = sum == 0 ? 0 : ThreadLocalRandom.current().nextInt(sum);
    for (JsonNode each : candidates) {
      at -= each.path("weight").asInt();
      if (at < 0) {
        return Optional.of(each.path("target").asText());
      }
    }
    return Optional.empty();
  }

  private static void usually(ObjectNode object, String key, String value) {
    if (!object.hasNonNull(key)) {
      object.put(key, value);
    }
  }
}
