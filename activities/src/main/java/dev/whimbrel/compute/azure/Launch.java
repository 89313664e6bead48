package dev.whimbrel.compute.azure;

import com.azure.core.util.Context;
import com.azure.resourcemanager.compute.fluent.models.VirtualMachineInner;
import com.azure.resourcemanager.compute.models.DeleteOptions;
import com.azure.resourcemanager.compute.models.DiskCreateOptionTypes;
import com.azure.resourcemanager.compute.models.DiskDeleteOptionTypes;
import com.azure.resourcemanager.compute.models.HardwareProfile;
import com.azure.resourcemanager.compute.models.ImageReference;
import com.azure.resourcemanager.compute.models.LinuxConfiguration;
import com.azure.resourcemanager.compute.models.NetworkInterfaceReference;
import com.azure.resourcemanager.compute.models.NetworkProfile;
import com.azure.resourcemanager.compute.models.OSDisk;
import com.azure.resourcemanager.compute.models.OSProfile;
import com.azure.resourcemanager.compute.models.SshConfiguration;
import com.azure.resourcemanager.compute.models.SshPublicKey;
import com.azure.resourcemanager.compute.models.StorageProfile;
import com.azure.resourcemanager.compute.models.VirtualMachineSizeTypes;
import dev.whimbrel.activity.Failures;
import dev.whimbrel.azure.AzureCalls.Refused;
import dev.whimbrel.azure.OnlyNew;
import dev.whimbrel.compute.Machine;
import dev.whimbrel.compute.UserData;
import dev.whimbrel.runbook.ProvisionSpec;
import dev.whimbrel.runbook.ProvisionSpec.AzureMachine;
import java.util.List;
import java.util.Optional;
import java.util.stream.Collectors;

/**
 * Makes a machine: first its network interface, then the machine itself, each by a name that is the
 * same at every attempt, and only where nothing of that name is there. Its disk and its interface
 * go with it.
 */
final class Launch {
  private static final int LONGEST_USER_DATA = 48 * 1024;

  private final AzureClients clients;
  private final ProvisionSpec.Azure spec;
  private final VirtualMachines machines;
  private final Interfaces interfaces;

  Launch(
      AzureClients clients,
      ProvisionSpec.Azure spec,
      VirtualMachines machines,
      Interfaces interfaces) {
    this.clients = clients;
    this.spec = spec;
    this.machines = machines;
    this.interfaces = interfaces;
  }

  Machine make(String migration, AzureMachine wanted, Runnable requireTime) {
    ResourceId id = id(wanted.name());
    Optional<Machine> there = machines.get(id).map(machines::machine);
    if (there.isPresent()) {
      return own(migration, wanted, there.get());
    }
    VirtualMachineInner inner = inner(migration, wanted);
    String nic = interfaces.make(migration, wanted, requireTime);
    inner.withNetworkProfile(
        new NetworkProfile()
            .withNetworkInterfaces(
                List.of(
                    new NetworkInterfaceReference()
                        .withId(nic)
                        .withPrimary(true)
                        .withDeleteOption(DeleteOptions.DELETE))));
    requireTime.run();
    try {
      ComputeCalls.raw(
          "Cannot make the machine " + id.id(),
          id.scope(),
          () ->
              clients
                  .compute(spec.subscription())
                  .getVirtualMachines()
                  .beginCreateOrUpdate(
                      spec.resourceGroup(), wanted.name(), inner, null, "*", Context.NONE));
    } catch (Refused e) {
      // An attempt of the same time, or one whose answer was lost, may have been faster.
      if (e.status() != OnlyNew.IS_THERE) {
        throw ComputeCalls.meaning(e, id.scope());
      }
    }
    return machines
        .get(id)
        .map(machines::machine)
        .map(each -> own(migration, wanted, each))
        .orElseThrow(
            () ->
                Failures.transientFailure(
                    "The machine %s was made and is not seen".formatted(id.id())));
  }

  private static Machine own(String migration, AzureMachine wanted, Machine found) {
    if (migration.equals(found.migration()) && found.made()) {
      return found;
    }
    throw Failures.needsHelp(
        stranger(wanted.name(), found),
        "write another name into the runbook, or adopt that machine",
        null);
  }

  /** Says that the name is taken. */
  static String stranger(String name, Machine found) {
    return "%s: a machine of this name is there, %s, and was not made by this migration: it is not touched"
        .formatted(name, found.id());
  }

  ResourceId id(String name) {
    return ResourceId.of(
        ResourceId.of(
            spec.subscription(), spec.resourceGroup(), "Microsoft.Compute/virtualMachines", name));
  }

  private VirtualMachineInner inner(String migration, AzureMachine wanted) {
    String user = String.valueOf(wanted.adminUser());
    VirtualMachineInner inner =
        new VirtualMachineInner()
            .withHardwareProfile(
                new HardwareProfile()
                    .withVmSize(VirtualMachineSizeTypes.fromString(String.valueOf(wanted.size()))))
            .withStorageProfile(
                new StorageProfile()
                    .withImageReference(image(String.valueOf(wanted.image())))
                    .withOsDisk(
                        new OSDisk()
                            .withName(Marks.diskName(migration, wanted.name()))
                            .withCreateOption(DiskCreateOptionTypes.FROM_IMAGE)
                            .withDeleteOption(DiskDeleteOptionTypes.DELETE)))
            .withOsProfile(
                new OSProfile()
                    .withComputerName(wanted.name())
                    .withAdminUsername(user)
                    .withLinuxConfiguration(
                        new LinuxConfiguration()
                            .withDisablePasswordAuthentication(true)
                            .withSsh(
                                new SshConfiguration()
                                    .withPublicKeys(
                                        List.of(
                                            new SshPublicKey()
                                                .withPath(
                                                    "/home/%s/.ssh/authorized_keys".formatted(user))
                                                .withKeyData(wanted.sshKey()))))));
    if (wanted.userData() != null) {
      inner.withUserData(userData(wanted, wanted.userData()).encoded());
    }
    inner.withLocation(spec.location());
    inner.withTags(Marks.tags(migration, wanted.name(), wanted.tags()));
    return inner;
  }

  static ImageReference image(String image) {
    if (image.startsWith("/")) {
      return new ImageReference().withId(image);
    }
    String[] words = image.split(":", -1);
    if (words.length != 4) {
      throw Failures.needsHelp(
          "expected an image's id, or publisher:offer:sku:version, found '%s'".formatted(image),
          "correct it in the runbook",
          "az vm image list --all --output table --publisher <publisher>");
    }
    return new ImageReference()
        .withPublisher(words[0])
        .withOffer(words[1])
        .withSku(words[2])
        .withVersion(words[3]);
  }

  static UserData userData(AzureMachine machine, String file) {
    return new UserData(machine.name(), file, LONGEST_USER_DATA);
  }

  /** The calls in words. */
  String words(String migration, AzureMachine wanted) {
    StringBuilder text = new StringBuilder();
    text.append("PUT networkInterfaces/").append(Marks.interfaceName(migration, wanted.name()));
    text.append(" subnet=").append(wanted.subnet());
    if (wanted.securityGroup() != null) {
      text.append(" securityGroup=").append(wanted.securityGroup());
    }
    text.append(", then PUT virtualMachines/").append(wanted.name());
    text.append(" in ").append(spec.resourceGroup());
    text.append(" location=").append(spec.location());
    text.append(" image=").append(wanted.image());
    text.append(" size=").append(wanted.size());
    text.append(" osDisk=").append(Marks.diskName(migration, wanted.name()));
    text.append(" adminUser=").append(wanted.adminUser());
    if (wanted.userData() != null) {
      text.append(" userData=").append(wanted.userData());
    }
    return text.append(" tags=")
        .append(
            Marks.tags(migration, wanted.name(), wanted.tags()).entrySet().stream()
                .map(each -> each.getKey() + "=" + each.getValue())
                .collect(Collectors.joining(",")))
        .append(" If-None-Match=*")
        .toString();
  }
}
