package dev.whimbrel.servers;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** Managed disks, and their snapshots with copies between locations. */
final class AzureDisks {
  private static final String DELETING = "Deleting";
  private static final String COPIED_SINCE = "copiedSince";
  private static final String COPY_FAILS = "copyFails";

  private final AzureStore store;
  private Duration copiesTake = Duration.ofMillis(300);
  private @Nullable String copyFails;

  AzureDisks(AzureStore store) {
    this.store = store;
  }

  synchronized void copiesTake(Duration duration) {
    copiesTake = duration;
  }

  synchronized void nextCopyFails(String message) {
    copyFails = message;
  }

  static ObjectNode disk(
      String location, Map<String, String> tags, int gibibytes, @Nullable String machine) {
    ObjectNode disk = AzureMachines.located(location, tags);
    disk.putObject("sku").put("name", "Premium_LRS").put("tier", "Premium");
    if (machine != null) {
      disk.put("managedBy", machine);
    }
    ObjectNode properties = disk.putObject("properties");
    properties.put("osType", "Linux").put("diskSizeGB", gibibytes);
    properties.put("diskState", machine == null ? "Unattached" : "Attached");
    properties.putObject("creationData").put("createOption", "FromImage");
    return put(properties, disk);
  }

  private static ObjectNode put(ObjectNode properties, ObjectNode disk) {
    properties.put("timeCreated", Instant.now().toString());
    properties.put("provisioningState", "Succeeded");
    return disk;
  }

  synchronized ArmAnswer answer(ArmRequest request, ArmOperations operations) {
    ArmId id = request.id();
    boolean snapshots = id.lastType().equals("snapshots");
    if (!id.isResource()) {
      List<ObjectNode> found = store.of(id.scope(), id.type()).stream().map(this::shown).toList();
      return ArmAnswer.page(request, operations.root(), found, 100);
    }
    String key = AzureStore.key(id);
    Optional<ObjectNode> there = store.get(key);
    return switch (request.method()) {
      case "GET" ->
          there.map(each -> ArmAnswer.ok(shown(each))).orElseGet(() -> ArmAnswer.notFound(request));
      case "PUT" ->
          snapshots
              ? snapshot(request, operations, key, there)
              : ArmAnswer.error(405, "MethodNotAllowed", "Disks come with their machines here.");
      case "DELETE" -> delete(request, operations, key, there);
      default -> ArmAnswer.error(405, "MethodNotAllowed", request.method());
    };
  }

  private ArmAnswer delete(
      ArmRequest request, ArmOperations operations, String key, Optional<ObjectNode> there) {
    if (there.isEmpty()) {
      return ArmAnswer.empty(204);
    }
    Optional<String> lock = store.lockOf(key);
    if (lock.isPresent()) {
      return locked(request, lock.get());
    }
    if (there.get().has("managedBy")) {
      return ArmAnswer.error(
          409,
          "OperationNotAllowed",
          "Disk %s is attached to VM %s."
              .formatted(
                  there.get().path("name").asText(), there.get().path("managedBy").asText()));
    }
    if (!request.id().lastType().equals("snapshots")) {
      return operations.begin(request, 202, null, () -> store.remove(key));
    }
    settle(key, DELETING);
    return operations.begin(
        request, 202, null, () -> store.remove(key), () -> settle(key, "Failed"));
  }

  private ArmAnswer snapshot(
      ArmRequest request, ArmOperations operations, String key, Optional<ObjectNode> there) {
    JsonNode creation = request.body().at("/properties/creationData");
    String location = request.body().path("location").asText();
    String source = creation.path("sourceResourceId").asText();
    String option = creation.path("createOption").asText();
    if (there.isPresent() && "*".equals(request.ifNoneMatch()) && store.heedsIfNoneMatch()) {
      return AzureNetwork.isThere(request);
    }
    if (there
        .map(each -> each.at("/properties/provisioningState").asText())
        .filter(DELETING::equals)
        .isPresent()) {
      return ArmAnswer.error(409, "Conflict", "The snapshot is being deleted.");
    }
    if (there.isPresent()) {
      JsonNode before = there.get().at("/properties/creationData");
      return before.path("sourceResourceId").asText().equalsIgnoreCase(source)
              && before.path("createOption").asText().equals(option)
          ? ArmAnswer.ok(shown(there.get()))
          : ArmAnswer.error(
              409, "PropertyChangeNotAllowed", "Changing property 'creationData' is not allowed.");
    }
    Optional<ObjectNode> from = store.get(source);
    if (from.isEmpty()) {
      return ArmAnswer.error(404, "NotFound", "Resource %s is not found.".formatted(source));
    }
    boolean copied = option.equals("CopyStart");
    boolean incremental = request.body().at("/properties/incremental").asBoolean();
    if (copied && !(incremental && from.get().at("/properties/incremental").asBoolean())) {
      return ArmAnswer.error(
          400, "InvalidParameter", "CopyStart is supported for incremental snapshots only.");
    }
    if (!copied && !from.get().path("location").asText().equals(location)) {
      return ArmAnswer.error(
          400,
          "BadRequest",
          "Resource %s is in a different location than %s.".formatted(source, location));
    }
    ObjectNode kept = request.body().deepCopy();
    kept.put("id", request.path()).put("name", request.id().names().get(0));
    kept.put("type", "Microsoft.Compute/snapshots");
    ObjectNode properties = (ObjectNode) kept.path("properties");
    properties.set("diskSizeGB", from.get().at("/properties/diskSizeGB"));
    properties.put("timeCreated", Instant.now().toString());
    properties.put("provisioningState", "Updating").put("diskState", "Unattached");
    if (copied) {
      properties.put(COPIED_SINCE, System.nanoTime());
      if (copyFails != null) {
        properties.put(COPY_FAILS, copyFails);
        copyFails = null;
      }
    }
    store.put(key, kept);
    return operations.begin(
        request, 202, shown(kept), () -> settle(key, "Succeeded"), () -> settle(key, "Failed"));
  }

  private void settle(String key, String state) {
    synchronized (store) {
      store
          .get(key)
          .ifPresent(each -> each.withObject("/properties").put("provisioningState", state));
    }
  }

  /** A snapshot with how far its copy is. */
  private ObjectNode shown(ObjectNode kept) {
    ObjectNode shown = kept.deepCopy();
    if (shown.path("properties") instanceof ObjectNode properties && properties.has(COPIED_SINCE)) {
      long elapsed = System.nanoTime() - properties.path(COPIED_SINCE).asLong();
      double percent = Math.min(100, 100.0 * elapsed / Math.max(1, copiesTake.toNanos()));
      String fails = properties.path(COPY_FAILS).asText("");
      if (!fails.isEmpty()) {
        percent = 40;
        properties
            .putObject("copyCompletionError")
            .put("errorCode", "CopySourceNotFound")
            .put("errorMessage", fails);
      }
      properties.put("completionPercent", percent);
      properties.remove(List.of(COPIED_SINCE, COPY_FAILS));
    }
    return shown;
  }

  static ArmAnswer locked(ArmRequest request, String lock) {
    return ArmAnswer.error(
        409,
        "ScopeLocked",
        "The scope '%s' cannot perform delete operation because following scope(s) are locked: '%s'. Please remove the lock and try again."
            .formatted(request.path(), lock));
  }
}
