package dev.whimbrel.servers;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.TreeMap;
import java.util.function.Function;

/**
 * Azure DNS: public zones and their record sets, with etags. What an alias record set points to is
 * asked of whoever keeps it.
 */
public final class AzureDnsZones implements ArmResources {
  private static final String ZONES = "microsoft.network/dnszones";
  private static final int PAGE = 100;

  private final Map<String, AzureZone> zones = new TreeMap<>();
  private final Function<String, Optional<JsonNode>> profile;

  /**
   * Zones whose aliases lead to Traffic Manager.
   *
   * @param profile a profile by its id, if there is one
   */
  AzureDnsZones(Function<String, Optional<JsonNode>> profile) {
    this.profile = profile;
  }

  @Override
  public Map<String, String> apiVersions() {
    return Map.of(ZONES, "2018-05-01");
  }

  @Override
  public synchronized ArmAnswer answer(ArmRequest request, ArmOperations operations) {
    ArmId id = request.id();
    if (id.type().equals(ZONES)) {
      return id.isResource() ? zone(request, operations) : listZones(request, operations);
    }
    AzureZone zone = zones.get(key(id));
    if (zone == null) {
      return ArmAnswer.error(
          404,
          "ParentResourceNotFound",
          "Failed to perform '%s' on resource(s) of type '%s', because the parent resource '%s' could not be found."
              .formatted(request.method().equals("GET") ? "read" : "write", id.type(), key(id)));
    }
    if (!id.isResource()) {
      return listSets(request, operations, zone);
    }
    String type = id.lastType();
    if (!AzureRecordSets.VALUES.containsKey(type)) {
      return ArmAnswer.bareError(
          400, "BadRequest", "The record type '%s' is not kept here.".formatted(type));
    }
    return switch (request.method()) {
      case "GET" -> {
        ObjectNode set = zone.sets().get(setKey(id));
        yield set == null
            ? ArmAnswer.bareError(
                404,
                "NotFound",
                "The resource record '%s' does not exist in resource group '%s' of subscription '%s'."
                    .formatted(id.names().get(1), id.group(), id.subscription()))
            : ArmAnswer.ok(set);
      }
      case "PUT", "PATCH" -> change(request, zone);
      case "DELETE" -> remove(request, zone);
      default -> ArmAnswer.bareError(405, "MethodNotAllowed", request.method());
    };
  }

  private ArmAnswer change(ArmRequest request, AzureZone zone) {
    ArmId id = request.id();
    String type = id.lastType();
    ObjectNode before = zone.sets().get(setKey(id));
    if (!request.conditionsHold(before == null ? null : etag(before))) {
      return modified(id);
    }
    ObjectNode sent = ArmAnswer.JSON.createObjectNode();
    if (request.method().equals("PATCH")) {
      if (before == null) {
        return ArmAnswer.bareError(404, "NotFound", "The resource record does not exist.");
      }
      sent.setAll((ObjectNode) before.path("properties").deepCopy());
    } else if (before == null && type.equals("soa")) {
      return ArmAnswer.bareError(400, "BadRequest", "A SOA record set cannot be created.");
    }
    if (request.body().path("properties") instanceof ObjectNode properties) {
      sent.setAll(properties);
    }
    Optional<String> refused = AzureRecordSets.refusal(type, sent).or(() -> badTarget(type, sent));
    if (refused.isPresent()) {
      return ArmAnswer.bareError(400, "BadRequest", refused.get());
    }
    if (before == null && zone.isBesideCname(type, id.names().get(1))) {
      return ArmAnswer.bareError(
          409,
          "Conflict",
          type.equals("cname")
              ? "The CNAME record could not be created because another record with the same name already exists in this zone."
              : "The record could not be created because a CNAME record with the same name already exists in this zone.");
    }
    ObjectNode set = zone.put(type, id.names().get(1), AzureRecordSets.kept(type, sent));
    return before == null ? ArmAnswer.of(201, set) : ArmAnswer.ok(set);
  }

  private Optional<String> badTarget(String type, ObjectNode sent) {
    String target = sent.path("targetResource").path("id").asText("");
    if (target.isEmpty()) {
      return Optional.empty();
    }
    Optional<JsonNode> found = profile.apply(target);
    if (found.isEmpty()) {
      return Optional.of("The target resource '%s' does not exist.".formatted(target));
    }
    for (JsonNode endpoint : found.get().path("properties").path("endpoints")) {
      String address = endpoint.path("properties").path("target").asText();
      boolean fits =
          switch (type) {
            case "a" -> org.xbill.DNS.Address.toByteArray(address, 1) != null;
            case "aaaa" -> AzureRecordSets.canonical(address).isPresent();
            default -> true;
          };
      if (!fits) {
        return Optional.of(
            "RecordSets of type A or AAAA must reference a traffic manager profile with endpoints containing valid IP addresses");
      }
    }
    return Optional.empty();
  }

  private ArmAnswer remove(ArmRequest request, AzureZone zone) {
    ArmId id = request.id();
    ObjectNode before = zone.sets().get(setKey(id));
    if (before == null) {
      return ArmAnswer.empty(204);
    }
    if (!request.conditionsHold(etag(before))) {
      return modified(id);
    }
    if (id.key(1).equals("@") && (id.lastType().equals("soa") || id.lastType().equals("ns"))) {
      return ArmAnswer.bareError(
          400,
          "BadRequest",
          "Record sets of type '%s' with name '@' cannot be deleted."
              .formatted(id.lastType().toUpperCase(Locale.ROOT)));
    }
    zone.sets().remove(setKey(id));
    return ArmAnswer.empty(200);
  }

  private static ArmAnswer modified(ArmId id) {
    return ArmAnswer.bareError(
        412,
        "PreconditionFailed",
        "The Record set %s has been modified (etag mismatch).".formatted(id.names().get(1)));
  }

  private static ArmAnswer listSets(ArmRequest request, ArmOperations operations, AzureZone zone) {
    String type = request.id().lastType();
    boolean all = type.equals("recordsets") || type.equals("all");
    List<ObjectNode> sets =
        zone.sets().entrySet().stream()
            .filter(each -> all || each.getKey().startsWith(type + "/"))
            .map(Map.Entry::getValue)
            .toList();
    return ArmAnswer.page(request, operations.root(), sets, PAGE);
  }

  private ArmAnswer zone(ArmRequest request, ArmOperations operations) {
    ArmId id = request.id();
    AzureZone zone = zones.get(key(id));
    if (!request.method().equals("GET")
        && !request.conditionsHold(zone == null ? null : zone.etag())) {
      return ArmAnswer.bareError(
          412,
          "PreconditionFailed",
          "The Zone %s has been modified (etag mismatch).".formatted(id.names().get(0)));
    }
    switch (request.method()) {
      case "PUT" -> {
        AzureZone now = zone == null ? create(id) : zone;
        now.tag(request.body().get("tags"));
        return ArmAnswer.of(zone == null ? 201 : 200, now.shown());
      }
      case "DELETE" -> {
        return zone == null
            ? ArmAnswer.empty(204)
            : operations.begin(request, 202, null, () -> forget(id));
      }
      default -> {
        return zone == null ? ArmAnswer.notFound(request) : ArmAnswer.ok(zone.shown());
      }
    }
  }

  private synchronized void forget(ArmId id) {
    zones.remove(key(id));
  }

  /** Makes a zone with its SOA and NS records. */
  synchronized AzureZone create(ArmId id) {
    AzureZone zone = new AzureZone(id);
    zones.put(key(id), zone);
    return zone;
  }

  private ArmAnswer listZones(ArmRequest request, ArmOperations operations) {
    String scope = request.id().scope();
    List<ObjectNode> found =
        zones.entrySet().stream()
            .filter(each -> each.getKey().startsWith(scope + "/"))
            .map(each -> each.getValue().shown())
            .toList();
    return ArmAnswer.page(request, operations.root(), found, PAGE);
  }

  /** The zones as they are now; the content is a copy. */
  synchronized Map<String, Map<String, ObjectNode>> content() {
    Map<String, Map<String, ObjectNode>> all = new TreeMap<>();
    for (AzureZone zone : zones.values()) {
      Map<String, ObjectNode> sets = new TreeMap<>();
      zone.sets().forEach((key, set) -> sets.put(key, set.deepCopy()));
      all.put(zone.name(), sets);
    }
    return all;
  }

  /** Every record set of a name without its etag, in the order of their types. */
  synchronized List<ObjectNode> sets(ArmId zone, String name) {
    List<ObjectNode> found = new ArrayList<>();
    theZone(zone)
        .sets()
        .forEach(
            (key, set) -> {
              if (key.endsWith(AzureZone.key("", name))) {
                found.add(set.deepCopy().without(List.of("etag")));
              }
            });
    return found;
  }

  /** Somebody else writes a record set, without asking what was there. */
  synchronized void write(ArmId zone, String type, String name, ObjectNode properties) {
    String lower = type.toLowerCase(Locale.ROOT);
    theZone(zone).put(lower, name, AzureRecordSets.kept(lower, properties));
  }

  /** Somebody else removes a record set. */
  synchronized void erase(ArmId zone, String type, String name) {
    theZone(zone).sets().remove(AzureZone.key(type, name));
  }

  /** Every alias of a profile that is gone becomes an empty record set. */
  synchronized void profileGone(String profileId) {
    zones.values().forEach(zone -> zone.targetGone(profileId));
  }

  private AzureZone theZone(ArmId id) {
    return Objects.requireNonNull(zones.get(key(id)), "the zone");
  }

  private static String etag(ObjectNode set) {
    return set.path("etag").asText();
  }

  private static String setKey(ArmId id) {
    return AzureZone.key(id.lastType(), id.names().get(1));
  }

  private static String key(ArmId id) {
    return id.scope() + "/" + id.key(0);
  }
}
