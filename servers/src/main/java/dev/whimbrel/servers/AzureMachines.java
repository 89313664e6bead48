package dev.whimbrel.servers;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;

/**
 * Azure's virtual machines with their disks, snapshots, network interfaces, security groups and
 * addresses, and the catalogue of sizes, quotas and images, as a part of {@link ArmServer}. No
 * machine runs: each only says that it does.
 */
public final class AzureMachines implements ArmResources {
  private final AzureStore store = new AzureStore();
  private final AzureCatalogue catalogue = new AzureCatalogue(store);
  private final AzureDisks disks = new AzureDisks(store);
  private final AzureNetwork network = new AzureNetwork(store);
  private final AzureVirtualMachines machines = new AzureVirtualMachines(store, catalogue);

  @Override
  public Map<String, String> apiVersions() {
    Map<String, String> versions = new TreeMap<>();
    versions.put("microsoft.compute/virtualmachines", "2025-04-01");
    versions.put("microsoft.compute/images", "2025-04-01");
    versions.put("microsoft.compute/locations", "2025-04-01");
    versions.put("microsoft.compute/skus", "2021-07-01");
    versions.put("microsoft.compute/galleries", "2024-03-03");
    versions.put("microsoft.compute/disks", "2025-01-02");
    versions.put("microsoft.compute/snapshots", "2025-01-02");
    for (String type : AzureNetwork.TYPES) {
      versions.put(type, "2025-03-01");
    }
    return versions;
  }

  @Override
  public ArmAnswer answer(ArmRequest request, ArmOperations operations) {
    synchronized (store) {
      String type = request.id().type();
      if (type.startsWith("microsoft.network/")) {
        return network.answer(request, operations);
      }
      if (type.startsWith("microsoft.compute/virtualmachines")) {
        return machines.answer(request, operations);
      }
      if (type.matches("microsoft.compute/(disks|snapshots)")) {
        return disks.answer(request, operations);
      }
      return catalogue.answer(request, operations);
    }
  }

  /** The sizes, images and quotas. */
  public AzureCatalogue catalogue() {
    return catalogue;
  }

  /** How long copies of snapshots between locations take from now on. */
  public void copiesTake(Duration duration) {
    disks.copiesTake(duration);
  }

  /** The next copy of a snapshot between locations fails with this text. */
  public void nextCopyFails(String message) {
    disks.nextCopyFails(message);
  }

  /**
   * Somebody makes a resource, with what is given and nothing else.
   *
   * @param id its whole id
   * @param resource {@code location}, {@code tags}, {@code properties}…
   */
  public void place(String id, ObjectNode resource) {
    ArmId parsed = ArmId.parse(id);
    ObjectNode placed = ArmAnswer.JSON.createObjectNode();
    placed.put("id", id).put("name", parsed.names().get(parsed.names().size() - 1));
    placed.put("type", parsed.type());
    placed.setAll(resource.deepCopy());
    store.put(id, placed);
  }

  /**
   * Somebody makes a machine that runs, with a network interface and a disk of its own, none of
   * which goes with it: {@code NAME-nic} and {@code NAME-disk}.
   *
   * @return the machine's id
   */
  public String placeMachine(String group, String location, String name, Map<String, String> tags) {
    String id = id(group, "Microsoft.Compute/virtualMachines", name);
    String nic = id(group, "Microsoft.Network/networkInterfaces", name + "-nic");
    String disk = id(group, "Microsoft.Compute/disks", name + "-disk");
    ObjectNode interfaces = located(location, Map.of());
    interfaces.withObject("/properties").put("provisioningState", "Succeeded");
    interfaces.withObject("/properties/virtualMachine").put("id", id);
    place(nic, interfaces);
    place(disk, AzureDisks.disk(location, Map.of(), 30, id));
    ObjectNode machine = located(location, tags);
    ObjectNode properties = machine.putObject("properties");
    properties.putObject("hardwareProfile").put("vmSize", "Standard_B2s");
    ObjectNode osDisk = properties.putObject("storageProfile").putObject("osDisk");
    osDisk.put("osType", "Linux").put("name", name + "-disk").put("createOption", "FromImage");
    osDisk.put("diskSizeGB", 30).put("deleteOption", "Detach");
    osDisk.putObject("managedDisk").put("id", disk);
    properties
        .putObject("networkProfile")
        .putArray("networkInterfaces")
        .addObject()
        .put("id", nic)
        .putObject("properties")
        .put("primary", true)
        .put("deleteOption", "Detach");
    properties.put("provisioningState", "Succeeded").put("vmId", "vm-" + name);
    properties.put(AzureVirtualMachines.POWER, "running");
    place(id, machine);
    return id;
  }

  /** Somebody's machine is in another power state: {@code stopped} is still paid for. */
  public void power(String id, String state) {
    synchronized (store) {
      store.get(id).orElseThrow().withObject("/properties").put(AzureVirtualMachines.POWER, state);
    }
  }

  /** Somebody puts a lock against deletion on a resource or a group. */
  public void lock(String scope) {
    store.lock(scope);
  }

  /** Somebody takes that lock away. */
  public void unlock(String scope) {
    store.unlock(scope);
  }

  /**
   * Whether network interfaces and snapshots refuse a PUT with {@code If-None-Match: *} where one
   * is there; Microsoft describes the header for neither. At first they do.
   */
  public void heedIfNoneMatch(boolean heeds) {
    store.heedIfNoneMatch(heeds);
  }

  /** A resource as it is kept, with what clients never see. */
  public Optional<JsonNode> resource(String id) {
    synchronized (store) {
      return store.get(id).map(JsonNode::deepCopy);
    }
  }

  /** Somebody deletes a resource, without asking. */
  public void erase(String id) {
    store.remove(id);
  }

  /** Everything by its id in lower case, to compare before and after. */
  public Map<String, JsonNode> all() {
    return store.all();
  }

  /** The id of a resource in {@link AzureService#SUBSCRIPTION}. */
  public static String id(String group, String type, String name) {
    return "/subscriptions/%s/resourceGroups/%s/providers/%s/%s"
        .formatted(AzureService.SUBSCRIPTION, group, type, name);
  }

  static ObjectNode located(String location, Map<String, String> tags) {
    ObjectNode resource = ArmAnswer.JSON.createObjectNode();
    resource.put("location", location);
    ObjectNode shown = resource.putObject("tags");
    new TreeMap<>(tags).forEach(shown::put);
    return resource;
  }
}
