package dev.whimbrel.servers;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;

/** What Azure offers in a location: sizes, images, and how many vCPUs the subscription may use. */
public final class AzureCatalogue {
  private static final String MACHINES = "microsoft.compute/virtualmachines";

  private final AzureStore store;
  private final Map<String, Size> sizes = new TreeMap<>();
  private final Set<String> withheld = new TreeSet<>();
  private final Map<String, Integer> quotas = new TreeMap<>();
  private final Set<String> images = new TreeSet<>();

  private record Size(String name, String family, int cores) {}

  AzureCatalogue(AzureStore store) {
    this.store = store;
    size("Standard_B2s", "standardBSFamily", 2);
    size("Standard_D4s_v5", "standardDSv5Family", 4);
    image("Debian:debian-12:12-gen2:0.20251101.1");
  }

  /** A size is offered everywhere. */
  public synchronized void size(String name, String family, int cores) {
    sizes.put(name, new Size(name, family, cores));
  }

  /** A size is not available to the subscription in a location. */
  public synchronized void withhold(String size, String location) {
    withheld.add(size + " " + location);
  }

  /** How many vCPUs of a family may be used in a location; {@code cores}: of all together. */
  public synchronized void quota(String location, String family, int limit) {
    quotas.put(location + " " + family, limit);
  }

  /** An image is offered everywhere: {@code publisher:offer:sku:version}. */
  public synchronized void image(String urn) {
    images.add(urn);
  }

  synchronized ArmAnswer answer(ArmRequest request, ArmOperations operations) {
    ArmId id = request.id();
    if (!request.method().equals("GET")) {
      return ArmAnswer.error(405, "MethodNotAllowed", request.method());
    }
    return switch (id.type()) {
      case "microsoft.compute/locations/usages" -> usages(id);
      case "microsoft.compute/skus" -> skus(request);
      case "microsoft.compute/locations/publishers/artifacttypes/offers/skus/versions" ->
          versions(request);
      default ->
          id.isResource()
              ? store
                  .get(AzureStore.key(id))
                  .map(ArmAnswer::ok)
                  .orElseGet(() -> ArmAnswer.notFound(request))
              : ArmAnswer.page(request, operations.root(), store.of(id.scope(), id.type()), 100);
    };
  }

  /** Why a machine of this size cannot be made, as Azure says it; a status of 200 if it can. */
  synchronized ArmAnswer refusal(String subscription, String location, String name) {
    Size size = sizes.get(name);
    if (size == null) {
      return ArmAnswer.error(
          400,
          "InvalidParameter",
          "The value %s provided for the VM size is not valid.".formatted(name));
    }
    if (withheld.contains(name + " " + location)) {
      return ArmAnswer.error(
          409,
          "SkuNotAvailable",
          "The requested VM size for resource 'Following SKUs have failed for Capacity Restrictions: %s' is currently not available in location '%s'."
              .formatted(name, location));
    }
    for (String family : List.of(size.family(), "cores")) {
      int used = used(subscription, location, family);
      int limit = limit(location, family);
      if (used + size.cores() > limit) {
        return ArmAnswer.error(
            409,
            "OperationNotAllowed",
            "Operation could not be completed as it results in exceeding approved %s Cores quota. Location: %s, Current Limit: %d, Current Usage: %d, Additional Required: %d"
                .formatted(family, location, limit, used, size.cores()));
      }
    }
    return ArmAnswer.empty(200);
  }

  /** Whether an image of the marketplace is there; {@code latest} is any version. */
  synchronized boolean offers(String publisher, String offer, String sku, String version) {
    String start = "%s:%s:%s:".formatted(publisher, offer, sku);
    return version.equals("latest")
        ? images.stream().anyMatch(each -> each.startsWith(start))
        : images.contains(start + version);
  }

  private ArmAnswer usages(ArmId id) {
    String location = id.key(0);
    List<ObjectNode> usages = new ArrayList<>();
    Set<String> families = new TreeSet<>(Set.of("cores"));
    sizes.values().forEach(each -> families.add(each.family()));
    for (String family : families) {
      ObjectNode usage = ArmAnswer.JSON.createObjectNode();
      usage.put("limit", limit(location, family)).put("unit", "Count");
      usage.put("currentValue", used(id.subscription(), location, family));
      usage.putObject("name").put("value", family).put("localizedValue", family + " vCPUs");
      usages.add(usage);
    }
    return ArmAnswer.list(usages);
  }

  private int limit(String location, String family) {
    return quotas.getOrDefault(location + " " + family, 100);
  }

  private int used(String subscription, String location, String family) {
    int used = 0;
    for (ObjectNode machine : store.of("/subscriptions/" + subscription, MACHINES)) {
      Size size = sizes.get(machine.at("/properties/hardwareProfile/vmSize").asText());
      if (size != null
          && machine.path("location").asText().equals(location)
          && (family.equals("cores") || size.family().equals(family))) {
        used += size.cores();
      }
    }
    return used;
  }

  private ArmAnswer skus(ArmRequest request) {
    String location =
        request.query().getOrDefault("$filter", "").replaceAll("location eq '([^']*)'", "$1");
    List<ObjectNode> skus = new ArrayList<>();
    for (Size size : sizes.values()) {
      ObjectNode sku = ArmAnswer.JSON.createObjectNode();
      sku.put("resourceType", "virtualMachines").put("name", size.name());
      sku.put("tier", "Standard").put("family", size.family());
      sku.putArray("locations").add(location);
      sku.putArray("capabilities")
          .addObject()
          .put("name", "vCPUs")
          .put("value", Integer.toString(size.cores()));
      if (withheld.contains(size.name() + " " + location)) {
        ObjectNode restriction = sku.putArray("restrictions").addObject();
        restriction.put("type", "Location").put("reasonCode", "NotAvailableForSubscription");
        restriction.putArray("values").add(location);
        restriction.putObject("restrictionInfo").putArray("locations").add(location);
      } else {
        sku.putArray("restrictions");
      }
      skus.add(sku);
    }
    return ArmAnswer.list(skus);
  }

  private ArmAnswer versions(ArmRequest request) {
    List<String> names = request.id().names();
    String publisher = names.get(1);
    String offer = names.get(3);
    String sku = names.get(4);
    if (names.size() == 6) {
      return offers(publisher, offer, sku, names.get(5))
          ? ArmAnswer.ok(version(request, names.get(5)))
          : ArmAnswer.error(
              404,
              "NotFound",
              "Artifact: VMImage, Publisher: %s, Offer: %s, Sku: %s, Version: %s was not found."
                  .formatted(publisher, offer, sku, names.get(5)));
    }
    String start = "%s:%s:%s:".formatted(publisher, offer, sku);
    var found = ArmAnswer.JSON.createArrayNode();
    images.stream()
        .filter(each -> each.startsWith(start))
        .forEach(each -> found.add(version(request, each.substring(start.length()))));
    return ArmAnswer.ok(found);
  }

  private static ObjectNode version(ArmRequest request, String version) {
    ObjectNode image = ArmAnswer.JSON.createObjectNode();
    String path = request.path().replaceAll("/versions(/.*)?$", "/versions/" + version);
    image.put("id", path).put("name", version).put("location", request.id().key(0));
    return image;
  }
}
