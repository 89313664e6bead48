package dev.whimbrel.servers;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.List;
import java.util.Optional;
import java.util.UUID;

/**
 * Network interfaces, which can be made and deleted, and security groups, addresses and networks,
 * which can be read.
 */
final class AzureNetwork {
  static final List<String> TYPES =
      List.of(
          "microsoft.network/networkinterfaces",
          "microsoft.network/networksecuritygroups",
          "microsoft.network/publicipaddresses",
          "microsoft.network/virtualnetworks");

  private final AzureStore store;

  AzureNetwork(AzureStore store) {
    this.store = store;
  }

  ArmAnswer answer(ArmRequest request, ArmOperations operations) {
    ArmId id = request.id();
    if (!id.isResource()) {
      return ArmAnswer.page(request, operations.root(), store.of(id.scope(), id.type()), 100);
    }
    String key = AzureStore.key(id);
    Optional<ObjectNode> there = store.get(key);
    if (request.method().equals("GET")) {
      return there.map(ArmAnswer::ok).orElseGet(() -> ArmAnswer.notFound(request));
    }
    if (!id.type().equals("microsoft.network/networkinterfaces")) {
      return ArmAnswer.error(405, "MethodNotAllowed", request.method());
    }
    return switch (request.method()) {
      case "PUT" -> put(request, operations, key, there);
      case "DELETE" -> delete(request, operations, key, there);
      default -> ArmAnswer.error(405, "MethodNotAllowed", request.method());
    };
  }

  private ArmAnswer put(
      ArmRequest request, ArmOperations operations, String key, Optional<ObjectNode> there) {
    JsonNode configuration = request.body().at("/properties/ipConfigurations/0/properties");
    String subnet = configuration.at("/subnet/id").asText();
    if (store.get(subnet).isEmpty()) {
      return missing(subnet, request);
    }
    if (there.isPresent() && "*".equals(request.ifNoneMatch()) && store.heedsIfNoneMatch()) {
      return isThere(request);
    }
    String group = request.body().at("/properties/networkSecurityGroup/id").asText("");
    if (!group.isEmpty() && store.get(group).isEmpty()) {
      return missing(group, request);
    }
    ObjectNode kept = request.body().deepCopy();
    kept.put("id", request.path()).put("name", request.id().names().get(0));
    kept.put("type", "Microsoft.Network/networkInterfaces");
    kept.put("etag", "W/\"%s\"".formatted(UUID.randomUUID()));
    ObjectNode properties = (ObjectNode) kept.path("properties");
    properties.put("provisioningState", "Updating");
    there
        .map(each -> each.at("/properties/virtualMachine"))
        .filter(JsonNode::isObject)
        .ifPresent(each -> properties.set("virtualMachine", each));
    store.put(key, kept);
    return operations.begin(
        request,
        there.isPresent() ? 200 : 201,
        kept,
        () -> settle(key, "Succeeded"),
        () -> settle(key, "Failed"));
  }

  private ArmAnswer delete(
      ArmRequest request, ArmOperations operations, String key, Optional<ObjectNode> there) {
    if (there.isEmpty()) {
      return ArmAnswer.empty(204);
    }
    Optional<String> lock = store.lockOf(key);
    if (lock.isPresent()) {
      return AzureDisks.locked(request, lock.get());
    }
    String machine = there.get().at("/properties/virtualMachine/id").asText("");
    return machine.isEmpty()
        ? operations.begin(request, 202, null, () -> store.remove(key))
        : ArmAnswer.error(
            400,
            "NicInUse",
            "Network Interface %s is used by existing resource %s."
                .formatted(request.path(), machine));
  }

  private void settle(String key, String state) {
    synchronized (store) {
      store
          .get(key)
          .ifPresent(each -> each.withObject("/properties").put("provisioningState", state));
    }
  }

  static ArmAnswer isThere(ArmRequest request) {
    return ArmAnswer.error(
        412, "PreconditionFailed", "The resource %s exists.".formatted(request.path()));
  }

  private static ArmAnswer missing(String id, ArmRequest request) {
    return ArmAnswer.error(
        400,
        "InvalidResourceReference",
        "Resource %s referenced by resource %s was not found.".formatted(id, request.path()));
  }
}
