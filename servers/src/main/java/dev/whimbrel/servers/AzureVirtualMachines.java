package dev.whimbrel.servers;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.time.Instant;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;

/** Virtual machines: made, started, deallocated and deleted, each by a long operation. */
final class AzureVirtualMachines {
  /** What a machine does, kept beside its properties and shown in its instance view. */
  static final String POWER = "power";

  private static final String FAILURE = "failure";
  private static final int GIBIBYTES = 30;

  private final AzureStore store;
  private final AzureCatalogue catalogue;

  AzureVirtualMachines(AzureStore store, AzureCatalogue catalogue) {
    this.store = store;
    this.catalogue = catalogue;
  }

  ArmAnswer answer(ArmRequest request, ArmOperations operations) {
    ArmId id = request.id();
    String key = AzureStore.key(id);
    if (id.names().isEmpty()) {
      return ArmAnswer.page(
          request,
          operations.root(),
          store.of(id.scope(), id.type()).stream().map(each -> shown(each, false)).toList(),
          100);
    }
    Optional<ObjectNode> there = store.get(key);
    if (request.method().equals("PUT")) {
      return put(request, operations, key, there);
    }
    if (there.isEmpty()) {
      return request.method().equals("DELETE") ? ArmAnswer.empty(204) : ArmAnswer.notFound(request);
    }
    ObjectNode machine = there.get();
    return switch (request.method() + " " + id.lastType()) {
      case "GET virtualmachines" ->
          ArmAnswer.ok(
              shown(machine, "instanceView".equals(request.query().getOrDefault("$expand", ""))));
      case "GET instanceview" -> ArmAnswer.ok(shown(machine, true).at("/properties/instanceView"));
      case "POST start" -> power(request, operations, key, "starting", "running");
      case "POST deallocate" -> power(request, operations, key, "deallocating", "deallocated");
      case "DELETE virtualmachines" -> delete(request, operations, key, machine);
      default -> ArmAnswer.error(405, "MethodNotAllowed", request.method());
    };
  }

  private ArmAnswer put(
      ArmRequest request, ArmOperations operations, String key, Optional<ObjectNode> there) {
    if (!request.conditionsHold(there.isPresent() ? "there" : null)) {
      return ArmAnswer.error(
          412,
          "PreconditionFailed",
          "The condition '*' specified using HTTP conditional header(s) is not met.");
    }
    JsonNode properties = request.body().path("properties");
    if (there.isPresent()) {
      return ArmAnswer.error(
          409, "PropertyChangeNotAllowed", "Changing property 'osProfile' is not allowed.");
    }
    String location = request.body().path("location").asText();
    ArmAnswer offered =
        catalogue.refusal(
            request.id().subscription(),
            location,
            properties.at("/hardwareProfile/vmSize").asText());
    if (offered.status() != 200) {
      return offered;
    }
    JsonNode image = properties.at("/storageProfile/imageReference");
    boolean known =
        image.has("id")
            ? store.get(image.path("id").asText()).isPresent()
            : catalogue.offers(
                image.path("publisher").asText(),
                image.path("offer").asText(),
                image.path("sku").asText(),
                image.path("version").asText());
    if (!known) {
      return ArmAnswer.error(
          404, "PlatformImageNotFound", "The platform image %s is not available.".formatted(image));
    }
    JsonNode nic = properties.at("/networkProfile/networkInterfaces/0/id");
    Optional<ObjectNode> attached = store.get(nic.asText());
    if (attached.isEmpty()) {
      return ArmAnswer.error(
          404, "NotFound", "Network interface %s is not found.".formatted(nic.asText()));
    }
    if (attached.get().at("/properties/virtualMachine").isObject()) {
      return ArmAnswer.error(
          400,
          "NicInUse",
          "Network Interface %s is used by an existing resource.".formatted(nic.asText()));
    }
    String diskName = properties.at("/storageProfile/osDisk/name").asText(UUID.randomUUID() + "");
    String disk = request.id().scope() + "/providers/microsoft.compute/disks/" + diskName;
    if (store.get(disk).isPresent()) {
      return ArmAnswer.error(
          409, "ConflictingUserInput", "Disk %s already exists.".formatted(diskName));
    }
    return make(request, operations, key, attached.get(), disk);
  }

  private ArmAnswer make(
      ArmRequest request, ArmOperations operations, String key, ObjectNode nic, String disk) {
    ObjectNode kept = request.body().deepCopy();
    kept.put("id", request.path()).put("name", request.id().names().get(0));
    kept.put("type", "Microsoft.Compute/virtualMachines");
    ObjectNode properties = (ObjectNode) kept.path("properties");
    properties.put("vmId", UUID.randomUUID().toString());
    properties.put("provisioningState", "Creating").put(POWER, "starting");
    ObjectNode osDisk = kept.withObject("/properties/storageProfile/osDisk");
    osDisk.put("diskSizeGB", GIBIBYTES).put("osType", "Linux");
    osDisk.withObject("/managedDisk").put("id", disk);
    store.put(key, kept);
    // Azure gives such references with another case than the ids that they mean.
    String reference = request.path().replace("resourceGroups", "RESOURCEGROUPS");
    ObjectNode made =
        AzureDisks.disk(kept.path("location").asText(), Map.of(), GIBIBYTES, reference);
    made.put("id", disk).put("name", disk.substring(disk.lastIndexOf('/') + 1));
    made.put("type", "Microsoft.Compute/disks");
    store.put(disk, made);
    nic.withObject("/properties/virtualMachine").put("id", reference);
    ArmFault fault = request.fault();
    String code = fault == null ? "" : fault.code();
    String message = fault == null ? "" : fault.message();
    return operations.begin(
        request,
        201,
        shown(kept, false),
        () -> settle(key, "Succeeded", "running"),
        () -> {
          settle(key, "Failed", "");
          synchronized (store) {
            kept.withObject("/properties/" + FAILURE).put("code", code).put("message", message);
          }
        });
  }

  private ArmAnswer power(
      ArmRequest request, ArmOperations operations, String key, String meanwhile, String then) {
    String before = store.get(key).orElseThrow().at("/properties/" + POWER).asText();
    settle(key, "Updating", meanwhile);
    return operations.begin(
        request,
        202,
        null,
        () -> settle(key, "Succeeded", then),
        () -> settle(key, "Failed", before));
  }

  private ArmAnswer delete(
      ArmRequest request, ArmOperations operations, String key, ObjectNode machine) {
    Optional<String> lock = store.lockOf(key);
    if (lock.isPresent()) {
      return AzureDisks.locked(request, lock.get());
    }
    String before = machine.at("/properties/" + POWER).asText();
    settle(key, "Deleting", before);
    return operations.begin(
        request, 202, null, () -> remove(key, machine), () -> settle(key, "Failed", before));
  }

  private void remove(String key, ObjectNode machine) {
    synchronized (store) {
      store.remove(key);
      machine
          .at("/properties/networkProfile/networkInterfaces")
          .forEach(each -> letGo(each.path("id").asText(), each.path("properties")));
      JsonNode storage = machine.at("/properties/storageProfile");
      letGo(storage.at("/osDisk/managedDisk/id").asText(), storage.path("osDisk"));
      storage.path("dataDisks").forEach(each -> letGo(each.at("/managedDisk/id").asText(), each));
    }
  }

  private void letGo(String id, JsonNode how) {
    if (how.path("deleteOption").asText().equals("Delete")) {
      store.remove(id);
      return;
    }
    store
        .get(id)
        .ifPresent(
            each -> {
              each.remove("managedBy");
              ObjectNode properties = each.withObject("/properties");
              properties.remove("virtualMachine");
              if (properties.has("diskState")) {
                properties.put("diskState", "Unattached");
              }
            });
  }

  private void settle(String key, String state, String power) {
    synchronized (store) {
      store
          .get(key)
          .ifPresent(
              each ->
                  each.withObject("/properties").put("provisioningState", state).put(POWER, power));
    }
  }

  /** A machine without what Azure never tells. */
  private static ObjectNode shown(ObjectNode kept, boolean view) {
    ObjectNode shown = kept.deepCopy();
    ObjectNode properties = shown.withObject("/properties");
    String power = properties.path(POWER).asText("");
    JsonNode failure = properties.path(FAILURE);
    properties.remove(List.of(POWER, FAILURE, "userData"));
    if (view) {
      String state = properties.path("provisioningState").asText();
      var statuses = properties.putObject("instanceView").putArray("statuses");
      ObjectNode first = statuses.addObject();
      String code = "ProvisioningState/" + state.toLowerCase(Locale.ROOT);
      boolean failed = failure.isObject() && state.equals("Failed");
      first.put("code", failed ? code + "/" + failure.path("code").asText() : code);
      first.put("level", failed ? "Error" : "Info").put("time", Instant.now().toString());
      first.put("displayStatus", "Provisioning " + state.toLowerCase(Locale.ROOT));
      if (failed) {
        first.put("message", failure.path("message").asText());
      }
      if (!power.isEmpty()) {
        ObjectNode second = statuses.addObject();
        second.put("code", "PowerState/" + power).put("level", "Info");
        second.put("displayStatus", "VM " + power);
      }
    }
    return shown;
  }
}
