package dev.whimbrel.compute.azure;

import com.azure.core.util.Context;
import com.azure.resourcemanager.compute.fluent.models.ResourceSkuInner;
import com.azure.resourcemanager.compute.fluent.models.UsageInner;
import com.azure.resourcemanager.compute.models.ImageReference;
import com.azure.resourcemanager.compute.models.ResourceSkuRestrictions;
import com.azure.resourcemanager.resources.fluent.models.SubscriptionInner;
import dev.whimbrel.activity.Finding;
import dev.whimbrel.activity.Finding.Level;
import dev.whimbrel.compute.Machine;
import dev.whimbrel.runbook.ProvisionSpec;
import dev.whimbrel.runbook.ProvisionSpec.AzureMachine;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/** Whether what the runbook names is there in the target's location, and may be used. */
final class Availability {
  private static final String CHECK = "machines";

  private final AzureClients clients;
  private final ProvisionSpec.Azure spec;
  private final VirtualMachines machines;
  private final Launch launch;

  Availability(
      AzureClients clients, ProvisionSpec.Azure spec, VirtualMachines machines, Launch launch) {
    this.clients = clients;
    this.spec = spec;
    this.machines = machines;
    this.launch = launch;
  }

  List<Finding> findings(String migration) {
    List<Finding> findings = new ArrayList<>();
    findings.add(subscription());
    boolean there =
        ComputeCalls.find(
                "Cannot read the resource group " + spec.resourceGroup(),
                scope(),
                () ->
                    clients
                        .manager(spec.subscription())
                        .resourceManager()
                        .serviceClient()
                        .getResourceGroups()
                        .get(spec.resourceGroup()))
            .isPresent();
    if (!there) {
      findings.add(
          blocker(
              spec.resourceGroup(),
              "expected this resource group in the subscription, found none.",
              "az group create --subscription %s --name %s --location %s"
                  .formatted(spec.subscription(), spec.resourceGroup(), spec.location())));
      return findings;
    }
    List<AzureMachine> toMake = new ArrayList<>();
    for (AzureMachine machine : spec.machines()) {
      if (machine.adopt() == null && isFree(migration, machine, findings)) {
        toMake.add(machine);
        needs(machine, findings);
      }
    }
    if (!toMake.isEmpty()) {
      sizes(toMake, findings);
    }
    return findings;
  }

  private Finding subscription() {
    SubscriptionInner found =
        ComputeCalls.make(
            "Cannot read the subscription",
            "/subscriptions/" + spec.subscription(),
            () ->
                clients
                    .manager(spec.subscription())
                    .resourceManager()
                    .subscriptionClient()
                    .getSubscriptions()
                    .get(spec.subscription()));
    return new Finding(
        Level.NOTE,
        "identity",
        "Azure " + spec.location(),
        "calls are made in the subscription %s (%s)."
            .formatted(found.displayName(), spec.subscription()),
        null);
  }

  /** Whether a machine is to be made; one of its name that is somebody else's blocks. */
  private boolean isFree(String migration, AzureMachine wanted, List<Finding> findings) {
    Optional<Machine> there = machines.get(launch.id(wanted.name())).map(machines::machine);
    if (there.isEmpty()) {
      return true;
    }
    if (!there.get().made() || !migration.equals(there.get().migration())) {
      findings.add(blocker(wanted.name(), Launch.stranger(wanted.name(), there.get()) + ".", null));
    }
    return false;
  }

  private void needs(AzureMachine machine, List<Finding> findings) {
    ResourceId subnet = ResourceId.of(String.valueOf(machine.subnet()), ResourceId.NETWORK);
    String[] rest = subnet.rest().split("/", -1);
    boolean found =
        rest.length == 2
            && ComputeCalls.find(
                    "Cannot read the subnet " + subnet.id(),
                    subnet.scope(),
                    () ->
                        clients
                            .network(subnet.subscription())
                            .getSubnets()
                            .get(subnet.group(), subnet.name(), rest[1]))
                .isPresent();
    if (!found) {
      findings.add(missing(machine, "subnet " + subnet.id()));
    }
    if (machine.securityGroup() != null
        && new GroupRules(clients)
            .group(ResourceId.of(machine.securityGroup(), ResourceId.GROUP))
            .isEmpty()) {
      findings.add(missing(machine, "network security group " + machine.securityGroup()));
    }
    if (!imageIsThere(String.valueOf(machine.image()))) {
      findings.add(missing(machine, "image %s in %s".formatted(machine.image(), spec.location())));
    }
    if (machine.userData() != null) {
      Launch.userData(machine, machine.userData())
          .unreadable()
          .ifPresent(why -> findings.add(blocker(machine.name(), why + ".", null)));
    }
  }

  private boolean imageIsThere(String image) {
    String what = "Cannot read the image " + image;
    ImageReference reference = Launch.image(image);
    var client = clients.compute(spec.subscription());
    if (reference.id() == null) {
      return ComputeCalls.find(
              what,
              "/subscriptions/" + spec.subscription(),
              () ->
                  reference.version().equals("latest")
                      ? client
                          .getVirtualMachineImages()
                          .list(
                              spec.location(),
                              reference.publisher(),
                              reference.offer(),
                              reference.sku())
                          .isEmpty()
                      : client
                              .getVirtualMachineImages()
                              .get(
                                  spec.location(),
                                  reference.publisher(),
                                  reference.offer(),
                                  reference.sku(),
                                  reference.version())
                          == null)
          .filter(empty -> !empty)
          .isPresent();
    }
    ResourceId id = ResourceId.of(image);
    if (!id.type().equals(ResourceId.IMAGE)) {
      return true; // a gallery's image may be another tenant's: the call itself says more
    }
    return ComputeCalls.find(
            what,
            id.scope(),
            () ->
                clients
                    .compute(id.subscription())
                    .getImages()
                    .getByResourceGroup(id.group(), id.name()))
        .isPresent();
  }

  private void sizes(List<AzureMachine> toMake, List<Finding> findings) {
    List<ResourceSkuInner> skus =
        ComputeCalls.make(
            "Cannot list the sizes of " + spec.location(),
            "/subscriptions/" + spec.subscription(),
            () ->
                clients
                    .compute(spec.subscription())
                    .getResourceSkus()
                    .list("location eq '%s'".formatted(spec.location()), null, Context.NONE)
                    .stream()
                    .filter(each -> "virtualMachines".equals(each.resourceType()))
                    .toList());
    Map<String, Long> needed = new TreeMap<>();
    for (AzureMachine machine : toMake) {
      Optional<ResourceSkuInner> sku =
          skus.stream().filter(each -> each.name().equalsIgnoreCase(machine.size())).findFirst();
      boolean withheld =
          sku.map(ResourceSkuInner::restrictions)
              .map(each -> each.stream().anyMatch(Availability::isForTheLocation))
              .orElse(false);
      if (sku.isEmpty() || withheld) {
        findings.add(
            blocker(
                machine.name(),
                "expected the size %s to be offered to the subscription in %s, found it is not."
                    .formatted(machine.size(), spec.location()),
                "az vm list-skus --resource-type virtualMachines --output table --location "
                    + spec.location()));
      } else {
        needed.merge(sku.get().family(), cores(sku.get()), Long::sum);
        needed.merge("cores", cores(sku.get()), Long::sum);
      }
    }
    quotas(needed, findings);
  }

  private static boolean isForTheLocation(ResourceSkuRestrictions restriction) {
    return "Location".equals(String.valueOf(restriction.type()));
  }

  private static long cores(ResourceSkuInner sku) {
    return sku.capabilities() == null
        ? 0
        : sku.capabilities().stream()
            .filter(each -> "vCPUs".equals(each.name()))
            .mapToLong(each -> Long.parseLong(each.value()))
            .findFirst()
            .orElse(0);
  }

  private void quotas(Map<String, Long> needed, List<Finding> findings) {
    List<UsageInner> usages =
        ComputeCalls.make(
            "Cannot read the quotas of " + spec.location(),
            "/subscriptions/" + spec.subscription(),
            () ->
                clients.compute(spec.subscription()).getUsages().list(spec.location()).stream()
                    .toList());
    needed.forEach(
        (family, cores) ->
            findings.add(
                usages.stream()
                    .filter(each -> family.equalsIgnoreCase(each.name().value()))
                    .findFirst()
                    .map(each -> quota(family, cores, each))
                    .orElseGet(() -> note("the quota of %s is not known.".formatted(family)))));
  }

  private Finding quota(String family, long needed, UsageInner usage) {
    String figures =
        "%d vCPUs of %s are needed, %d of %d are in use."
            .formatted(needed, family, usage.currentValue(), usage.limit());
    return usage.currentValue() + needed <= usage.limit()
        ? note(figures)
        : new Finding(
            Level.BLOCKER,
            "quota",
            spec.location(),
            "the quota leaves no room: " + figures,
            "az quota update --resource-name %s --scope /subscriptions/%s/providers/Microsoft.Compute/locations/%s --limit-object value=%d"
                .formatted(
                    family, spec.subscription(), spec.location(), usage.currentValue() + needed));
  }

  private Finding note(String message) {
    return new Finding(Level.NOTE, "quota", spec.location(), message, null);
  }

  private Finding missing(AzureMachine machine, String what) {
    return blocker(machine.name(), "expected the %s, found none.".formatted(what), null);
  }

  private static Finding blocker(String subject, String message, @Nullable String fix) {
    return new Finding(Level.BLOCKER, CHECK, subject, message, fix);
  }

  private String scope() {
    return ResourceId.scope(spec.subscription(), spec.resourceGroup());
  }
}
