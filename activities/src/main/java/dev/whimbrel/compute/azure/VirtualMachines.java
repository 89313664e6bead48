package dev.whimbrel.compute.azure;

import com.azure.core.util.Context;
import com.azure.resourcemanager.compute.fluent.models.VirtualMachineInner;
import com.azure.resourcemanager.compute.models.ImageReference;
import com.azure.resourcemanager.compute.models.InstanceViewStatus;
import com.azure.resourcemanager.compute.models.InstanceViewTypes;
import com.azure.resourcemanager.compute.models.NetworkInterfaceReference;
import com.azure.resourcemanager.network.fluent.models.NetworkInterfaceInner;
import dev.whimbrel.compute.Machine;
import dev.whimbrel.compute.Machine.State;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** Virtual machines as they are, in Whimbrel's words. */
final class VirtualMachines {
  /** Azure's state of the last thing that was done to a machine, among its facts. */
  static final String PROVISIONING = "provisioning";

  private final AzureClients clients;

  VirtualMachines(AzureClients clients) {
    this.clients = clients;
  }

  /** A machine with its instance view. */
  Optional<VirtualMachineInner> get(ResourceId id) {
    return ComputeCalls.find(
        "Cannot read the machine " + id.id(),
        id.scope(),
        () ->
            clients
                .compute(id.subscription())
                .getVirtualMachines()
                .getByResourceGroupWithResponse(
                    id.group(), id.name(), InstanceViewTypes.INSTANCE_VIEW, Context.NONE)
                .getValue());
  }

  /** The names of the machines of a group that carry the migration's tag. */
  List<String> tagged(String subscription, String group, String migration) {
    return ComputeCalls.find(
            "Cannot list the machines of " + group,
            ResourceId.scope(subscription, group),
            () ->
                clients
                    .compute(subscription)
                    .getVirtualMachines()
                    .listByResourceGroup(group)
                    .stream()
                    .filter(each -> migration.equals(Marks.value(each.tags(), Marks.MIGRATION)))
                    .map(VirtualMachineInner::name)
                    .toList())
        .orElse(List.of());
  }

  /** A machine under the id that Azure gives it. */
  Machine machine(VirtualMachineInner found) {
    return machine(found.id(), found);
  }

  /**
   * A machine.
   *
   * @param id as the runbook writes it, which may differ in its case
   */
  Machine machine(String id, VirtualMachineInner found) {
    String migration = Marks.value(found.tags(), Marks.MIGRATION);
    String name = Marks.value(found.tags(), Marks.MACHINE);
    return new Machine(
        id,
        migration,
        name,
        migration != null && name != null && made(found, migration, name),
        state(found),
        failure(found),
        facts(found),
        owner(found),
        since(found));
  }

  /**
   * When the last thing was done to it that Azure gives a time of, which for one that runs is its
   * start.
   */
  private static @Nullable Instant since(VirtualMachineInner found) {
    return statuses(found)
        .map(InstanceViewStatus::time)
        .filter(Objects::nonNull)
        .map(OffsetDateTime::toInstant)
        .max(Comparator.naturalOrder())
        .orElse(null);
  }

  /** A machine's name and its disk's cannot be changed: tags can be put onto any. */
  private static boolean made(VirtualMachineInner found, String migration, String name) {
    String disk =
        found.storageProfile() == null || found.storageProfile().osDisk() == null
            ? ""
            : String.valueOf(found.storageProfile().osDisk().name());
    return name.equalsIgnoreCase(found.name())
        && disk.equalsIgnoreCase(Marks.diskName(migration, name));
  }

  private static State state(VirtualMachineInner found) {
    String provisioning = provisioning(found);
    if (provisioning.equals("deleting")) {
      return State.GOING;
    }
    return switch (power(found)) {
      case "running" -> provisioning.equals("creating") ? State.STARTING : State.RUNNING;
      case "starting" -> State.STARTING;
      case "stopping", "deallocating" -> State.STOPPING;
      case "stopped" -> State.IDLE;
      case "deallocated" -> State.STOPPED;
      default -> provisioning.equals("failed") ? State.STOPPED : State.STARTING;
    };
  }

  private static String provisioning(VirtualMachineInner found) {
    return String.valueOf(found.provisioningState()).toLowerCase(Locale.ROOT);
  }

  private static String power(VirtualMachineInner found) {
    return statuses(found)
        .map(InstanceViewStatus::code)
        .filter(each -> each.startsWith("PowerState/"))
        .map(each -> each.substring("PowerState/".length()))
        .findFirst()
        .orElse("");
  }

  /** Why it could not be made, as the instance view says, with what can be done about it. */
  private static String failure(VirtualMachineInner found) {
    if (!provisioning(found).equals("failed")) {
      return "";
    }
    return statuses(found)
        .filter(each -> each.code().startsWith("ProvisioningState/failed"))
        .map(VirtualMachines::words)
        .findFirst()
        .orElse("Azure says that its provisioning failed, and not why");
  }

  private static String words(InstanceViewStatus status) {
    String code = status.code().replaceFirst("ProvisioningState/failed/?", "");
    String message = status.message() == null ? "" : " (" + status.message() + ")";
    return "%s%s: %s"
        .formatted(code.isEmpty() ? "failed" : code, message, ComputeCalls.advice(code));
  }

  private static Stream<InstanceViewStatus> statuses(VirtualMachineInner found) {
    return found.instanceView() == null || found.instanceView().statuses() == null
        ? Stream.empty()
        : found.instanceView().statuses().stream();
  }

  private Map<String, String> facts(VirtualMachineInner found) {
    Map<String, String> facts = new TreeMap<>();
    facts.put(PROVISIONING, provisioning(found));
    facts.put("location", location(found.location()));
    if (found.hardwareProfile() != null) {
      facts.put("size", String.valueOf(found.hardwareProfile().vmSize()).toLowerCase(Locale.ROOT));
    }
    if (found.storageProfile() != null && found.storageProfile().imageReference() != null) {
      facts.put("image", image(found.storageProfile().imageReference()));
    }
    interfaces(found).stream()
        .findFirst()
        .flatMap(each -> networkInterface(ResourceId.of(each.id(), ResourceId.INTERFACE)))
        .ifPresent(each -> put(facts, each));
    return facts;
  }

  private static void put(Map<String, String> facts, NetworkInterfaceInner found) {
    if (found.networkSecurityGroup() != null) {
      facts.put("securityGroup", found.networkSecurityGroup().id().toLowerCase(Locale.ROOT));
    }
    if (found.ipConfigurations() != null) {
      found.ipConfigurations().stream()
          .filter(each -> each.subnet() != null)
          .findFirst()
          .ifPresent(each -> facts.put("subnet", each.subnet().id().toLowerCase(Locale.ROOT)));
    }
  }

  /** The network interfaces of a machine, the primary one first. */
  static List<NetworkInterfaceReference> interfaces(VirtualMachineInner found) {
    if (found.networkProfile() == null || found.networkProfile().networkInterfaces() == null) {
      return List.of();
    }
    return found.networkProfile().networkInterfaces().stream()
        .sorted(
            (one, other) ->
                Boolean.compare(
                    Boolean.TRUE.equals(other.primary()), Boolean.TRUE.equals(one.primary())))
        .toList();
  }

  Optional<NetworkInterfaceInner> networkInterface(ResourceId id) {
    return ComputeCalls.find(
        "Cannot read the network interface " + id.id(),
        id.scope(),
        () ->
            clients
                .network(id.subscription())
                .getNetworkInterfaces()
                .getByResourceGroup(id.group(), id.name()));
  }

  private static String image(ImageReference image) {
    String text =
        image.id() == null
            ? "%s:%s:%s:%s"
                .formatted(image.publisher(), image.offer(), image.sku(), image.version())
            : image.id();
    return text.toLowerCase(Locale.ROOT);
  }

  private static @Nullable String owner(VirtualMachineInner found) {
    if (found.virtualMachineScaleSet() != null) {
      return "the scale set " + found.virtualMachineScaleSet().id();
    }
    return found.managedBy() == null ? null : found.managedBy();
  }

  /** A location as it is compared: {@code Sweden Central} is {@code swedencentral}. */
  static String location(String location) {
    return location.replace(" ", "").toLowerCase(Locale.ROOT);
  }
}
