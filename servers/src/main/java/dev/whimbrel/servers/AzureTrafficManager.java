package dev.whimbrel.servers;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.function.Consumer;

/**
 * Azure Traffic Manager: profiles with external endpoints, of which each question is answered with
 * one, by weight. Nothing is probed: what the probes find is said by {@link #monitor}.
 */
public final class AzureTrafficManager implements ArmResources {
  /** Under which every profile has a name. */
  public static final String DOMAIN = "trafficmanager.net";

  private static final String PROFILES = "microsoft.network/trafficmanagerprofiles";
  private static final int PAGE = 100;

  private final Map<String, ObjectNode> profiles = new TreeMap<>();
  private final Map<String, String> monitored = new TreeMap<>();
  private Consumer<String> whenGone = id -> {};
  private boolean heedsIfNoneMatch = true;

  AzureTrafficManager() {}

  /** What happens when a profile has been deleted, given its id. */
  void whenGone(Consumer<String> deed) {
    whenGone = deed;
  }

  @Override
  public Map<String, String> apiVersions() {
    return Map.of(PROFILES, "2022-04-01");
  }

  /**
   * What the probes find at an address from now on: {@code Online}, which it is at first, {@code
   * Degraded}, or {@code CheckingEndpoint}.
   */
  public synchronized void monitor(String target, String status) {
    monitored.put(target, status);
  }

  /**
   * Whether a PUT with {@code If-None-Match: *} is refused where a profile is there, which
   * Microsoft does not describe. At first it is.
   */
  public synchronized void heedIfNoneMatch(boolean heeds) {
    heedsIfNoneMatch = heeds;
  }

  /** A profile by its id, as a client would read it. */
  public synchronized Optional<JsonNode> profile(String id) {
    return Optional.ofNullable(profiles.get(id.toLowerCase(Locale.ROOT))).map(this::shown);
  }

  /** Every profile, as a client would read it. */
  public synchronized List<JsonNode> all() {
    return profiles.values().stream().<JsonNode>map(this::shown).toList();
  }

  /** The profile whose name ends with {@link #DOMAIN}. */
  synchronized Optional<JsonNode> named(String fqdn) {
    return profiles.values().stream()
        .filter(each -> each.at("/properties/dnsConfig/fqdn").asText().equalsIgnoreCase(fqdn))
        .findFirst()
        .map(this::shown);
  }

  @Override
  public ArmAnswer answer(ArmRequest request, ArmOperations operations) {
    String gone = "";
    ArmAnswer answer;
    synchronized (this) {
      ArmId id = request.id();
      if (!id.type().equals(PROFILES)) {
        answer = endpoint(request);
      } else if (!id.isResource()) {
        answer = list(request, operations);
      } else if (request.method().equals("DELETE")) {
        gone = profiles.remove(key(id)) == null ? "" : key(id);
        answer = ArmAnswer.empty(gone.isEmpty() ? 204 : 200);
      } else {
        answer = profile(request);
      }
    }
    if (!gone.isEmpty()) {
      whenGone.accept(gone);
    }
    return answer;
  }

  private ArmAnswer profile(ArmRequest request) {
    ArmId id = request.id();
    ObjectNode before = profiles.get(key(id));
    switch (request.method()) {
      case "GET" -> {
        return before == null ? ArmAnswer.notFound(request) : ArmAnswer.ok(shown(before));
      }
      case "PUT", "PATCH" -> {
        boolean patch = request.method().equals("PATCH");
        if (patch && before == null) {
          return ArmAnswer.notFound(request);
        }
        if (before != null && "*".equals(request.ifNoneMatch()) && heedsIfNoneMatch) {
          return AzureNetwork.isThere(request);
        }
        ObjectNode properties = ArmAnswer.JSON.createObjectNode();
        if (patch && before != null) {
          properties.setAll((ObjectNode) before.path("properties").deepCopy());
        }
        if (request.body().path("properties") instanceof ObjectNode sent) {
          properties.setAll(sent.deepCopy());
        }
        Optional<String> refused = refusal(id, properties);
        if (refused.isPresent()) {
          return ArmAnswer.error(400, "BadRequest", refused.get());
        }
        ObjectNode kept =
            AzureProfiles.kept(id, properties, request.body().get("tags"), patch ? before : null);
        profiles.put(key(id), kept);
        return ArmAnswer.of(before == null ? 201 : 200, shown(kept));
      }
      default -> {
        return ArmAnswer.error(405, "MethodNotAllowed", request.method());
      }
    }
  }

  private Optional<String> refusal(ArmId id, ObjectNode properties) {
    String name = properties.at("/dnsConfig/relativeName").asText("");
    if (!name.matches("[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?")) {
      return Optional.of("The DNS prefix '%s' is invalid.".formatted(name));
    }
    boolean taken =
        profiles.entrySet().stream()
            .anyMatch(
                each ->
                    !each.getKey().equals(key(id))
                        && each.getValue()
                            .at("/properties/dnsConfig/relativeName")
                            .asText()
                            .equalsIgnoreCase(name));
    if (taken) {
      return Optional.of(
          "Domain name %s.%s already exists. Please choose a different DNS prefix."
              .formatted(name, DOMAIN));
    }
    if (!properties.at("/monitorConfig/protocol").asText("").matches("HTTPS?|TCP")) {
      return Optional.of("The monitor's protocol must be HTTP, HTTPS or TCP.");
    }
    for (JsonNode endpoint : properties.path("endpoints")) {
      Optional<String> wrong = AzureProfiles.wrongEndpoint(endpoint.path("properties"));
      if (wrong.isPresent()) {
        return wrong;
      }
    }
    long targets =
        properties.path("endpoints").findValuesAsText("target").stream().distinct().count();
    return targets == properties.path("endpoints").size()
        ? Optional.empty()
        : Optional.of("Two endpoints have the same target.");
  }

  private ArmAnswer endpoint(ArmRequest request) {
    ArmId id = request.id();
    ObjectNode profile = profiles.get(key(id));
    if (profile == null || !id.isResource() || !id.lastType().equals("externalendpoints")) {
      return ArmAnswer.notFound(request);
    }
    ArrayNode endpoints = (ArrayNode) profile.at("/properties/endpoints");
    int at = -1;
    for (int i = 0; i < endpoints.size(); i++) {
      at = endpoints.get(i).path("name").asText().equalsIgnoreCase(id.key(1)) ? i : at;
    }
    switch (request.method()) {
      case "GET" -> {
        return at < 0
            ? ArmAnswer.notFound(request)
            : ArmAnswer.ok(shown(profile).at("/properties/endpoints").get(at));
      }
      case "DELETE" -> {
        if (at >= 0) {
          endpoints.remove(at);
        }
        return ArmAnswer.empty(at < 0 ? 204 : 200);
      }
      default -> {
        boolean patch = request.method().equals("PATCH");
        if (patch && at < 0) {
          return ArmAnswer.notFound(request);
        }
        ObjectNode properties = ArmAnswer.JSON.createObjectNode();
        if (patch) {
          properties.setAll((ObjectNode) endpoints.get(at).path("properties").deepCopy());
        }
        if (request.body().path("properties") instanceof ObjectNode sent) {
          properties.setAll(sent.deepCopy());
        }
        Optional<String> wrong = AzureProfiles.wrongEndpoint(properties);
        if (wrong.isPresent()) {
          return ArmAnswer.error(400, "BadRequest", wrong.get());
        }
        ObjectNode kept =
            AzureProfiles.endpoint(
                profile.path("id").asText(), id.names().get(1), properties, endpoints.size() + 1);
        if (at < 0) {
          endpoints.add(kept);
        } else {
          endpoints.set(at, kept);
        }
        int place = at < 0 ? endpoints.size() - 1 : at;
        return ArmAnswer.of(
            at < 0 ? 201 : 200, shown(profile).at("/properties/endpoints").get(place));
      }
    }
  }

  private ArmAnswer list(ArmRequest request, ArmOperations operations) {
    List<JsonNode> found =
        profiles.entrySet().stream()
            .filter(each -> each.getKey().startsWith(request.id().scope() + "/"))
            .<JsonNode>map(each -> shown(each.getValue()))
            .toList();
    return ArmAnswer.page(request, operations.root(), found, PAGE);
  }

  /** A profile with what the probes have found. */
  private ObjectNode shown(ObjectNode profile) {
    ObjectNode shown = profile.deepCopy();
    List<String> states = new ArrayList<>();
    for (JsonNode endpoint : shown.at("/properties/endpoints")) {
      if (endpoint.path("properties") instanceof ObjectNode properties) {
        String status = status(properties);
        properties.put("endpointMonitorStatus", status);
        states.add(status);
      }
    }
    states.removeIf(each -> each.equals("Disabled"));
    String all =
        states.isEmpty()
            ? "Inactive"
            : states.contains("Degraded")
                ? "Degraded"
                : states.contains("CheckingEndpoint") ? "CheckingEndpoints" : "Online";
    boolean enabled = shown.at("/properties/profileStatus").asText().equals("Enabled");
    shown
        .withObject("/properties/monitorConfig")
        .put("profileMonitorStatus", enabled ? all : "Disabled");
    return shown;
  }

  private String status(ObjectNode endpoint) {
    if (!endpoint.path("endpointStatus").asText().equals("Enabled")) {
      return "Disabled";
    }
    return endpoint.path("alwaysServe").asText().equals("Enabled")
        ? "Unmonitored"
        : monitored.getOrDefault(endpoint.path("target").asText(), "Online");
  }

  private static String key(ArmId id) {
    return "%s/providers/%s/%s".formatted(id.scope(), PROFILES, id.key(0));
  }
}
