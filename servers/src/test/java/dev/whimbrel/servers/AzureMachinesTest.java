package dev.whimbrel.servers;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.azure.core.credential.AccessToken;
import com.azure.core.credential.TokenCredential;
import com.azure.core.http.policy.FixedDelayOptions;
import com.azure.core.http.policy.RetryOptions;
import com.azure.core.management.exception.ManagementException;
import com.azure.core.util.Context;
import com.azure.resourcemanager.compute.ComputeManager;
import com.azure.resourcemanager.compute.fluent.ComputeManagementClient;
import com.azure.resourcemanager.compute.fluent.models.SnapshotInner;
import com.azure.resourcemanager.compute.fluent.models.UsageInner;
import com.azure.resourcemanager.compute.fluent.models.VirtualMachineInner;
import com.azure.resourcemanager.compute.models.CreationData;
import com.azure.resourcemanager.compute.models.DeleteOptions;
import com.azure.resourcemanager.compute.models.DiskCreateOption;
import com.azure.resourcemanager.compute.models.DiskCreateOptionTypes;
import com.azure.resourcemanager.compute.models.DiskDeleteOptionTypes;
import com.azure.resourcemanager.compute.models.HardwareProfile;
import com.azure.resourcemanager.compute.models.ImageReference;
import com.azure.resourcemanager.compute.models.InstanceViewStatus;
import com.azure.resourcemanager.compute.models.InstanceViewTypes;
import com.azure.resourcemanager.compute.models.NetworkInterfaceReference;
import com.azure.resourcemanager.compute.models.NetworkProfile;
import com.azure.resourcemanager.compute.models.OSDisk;
import com.azure.resourcemanager.compute.models.StorageProfile;
import com.azure.resourcemanager.compute.models.VirtualMachineSizeTypes;
import com.azure.resourcemanager.network.NetworkManager;
import com.azure.resourcemanager.network.fluent.NetworkManagementClient;
import com.azure.resourcemanager.network.fluent.models.NetworkInterfaceInner;
import com.azure.resourcemanager.network.fluent.models.NetworkInterfaceIpConfigurationInner;
import com.azure.resourcemanager.network.fluent.models.SubnetInner;
import com.fasterxml.jackson.databind.JsonNode;
import java.time.Duration;
import java.time.OffsetDateTime;
import java.time.ZoneOffset;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import reactor.core.publisher.Mono;

class AzureMachinesTest {
  private static final String GROUP = "shop-rg";
  private static final String HERE = "swedencentral";
  private static final String PUT = "PUT Microsoft.Compute/virtualMachines";
  private static final String SUBNET =
      AzureMachines.id(GROUP, "Microsoft.Network/virtualNetworks", "net") + "/subnets/apps";

  private final AzureMachines machines = new AzureMachines();
  private final AzureService azure = AzureService.start("example.test", machines);
  private final ComputeManagementClient compute = compute();
  private final NetworkManagementClient network = network();

  @BeforeAll
  static void trustTheCertificate() {
    LocalCertificate.make().trustHere();
  }

  @BeforeEach
  void prepare() {
    azure.arm().resourceGroup(AzureService.SUBSCRIPTION, GROUP);
    azure.arm().operations().pace(Duration.ofMillis(50), 1);
    machines.place(SUBNET, AzureMachines.located(HERE, Map.of()));
  }

  @AfterEach
  void close() {
    azure.close();
  }

  @Test
  void makesStopsAndDeletesAMachineWithWhatGoesWithIt() {
    String bystander = machines.placeMachine(GROUP, HERE, "bystander", Map.of());
    Map<String, JsonNode> before = machines.all();
    make("app", "*");

    assertThat(statuses("app"))
        .containsExactly("ProvisioningState/succeeded", "PowerState/running");
    assertThat(machines.all()).hasSize(before.size() + 3);
    compute.getVirtualMachines().deallocate(GROUP, "app");
    assertThat(statuses("app")).contains("PowerState/deallocated");
    compute.getVirtualMachines().start(GROUP, "app");
    assertThat(statuses("app")).contains("PowerState/running");
    assertThat(compute.getVirtualMachines().listByResourceGroup(GROUP))
        .extracting(VirtualMachineInner::name)
        .containsExactlyInAnyOrder("app", "bystander");
    compute.getVirtualMachines().delete(GROUP, "app");
    assertThat(machines.all()).isEqualTo(before).containsKey(bystander.toLowerCase(Locale.ROOT));
  }

  @Test
  void makesAMachineOnceUnderItsCondition() {
    make("app", "*");

    assertRefused(() -> make("app", "*"), 412, "PreconditionFailed");
  }

  @Test
  void aMachineThatCouldNotBeMadeStaysAndSaysWhy() {
    azure.arm().fault(PUT, ArmFault.operationFails("AllocationFailed", "No capacity."));

    assertRefused(() -> make("app", null), 200, "AllocationFailed");

    assertThat(statuses("app")).containsExactly("ProvisioningState/failed/AllocationFailed");
  }

  @Test
  void refusesSizesQuotasImagesAndLocksAsAzureDoes() {
    String kept = machines.placeMachine(GROUP, HERE, "kept", Map.of());
    machines.catalogue().quota(HERE, "standardBSFamily", 3);
    assertRefused(() -> make("app", null), 409, "OperationNotAllowed");
    machines.catalogue().quota(HERE, "standardBSFamily", 10);
    machines.catalogue().withhold("Standard_B2s", HERE);
    assertRefused(() -> make("app", null), 409, "SkuNotAvailable");
    machines.lock(kept);
    assertRefused(() -> compute.getVirtualMachines().delete(GROUP, "kept"), 409, "ScopeLocked");
    assertRefused(() -> network.getNetworkInterfaces().delete(GROUP, "kept-nic"), 400, "NicInUse");

    assertThat(compute.getUsages().list(HERE))
        .extracting(each -> each.name().value() + " " + each.currentValue() + "/" + each.limit())
        .contains("standardBSFamily 2/10", "cores 2/100");
    assertThat(compute.getUsages().list("westus"))
        .extracting(UsageInner::currentValue)
        .containsOnly(0);
    assertThat(
            compute
                .getResourceSkus()
                .list("location eq '" + HERE + "'", null, Context.NONE)
                .stream()
                .filter(each -> !each.restrictions().isEmpty()))
        .singleElement()
        .satisfies(each -> assertThat(each.name()).isEqualTo("Standard_B2s"));
    assertThat(
            compute
                .getVirtualMachineImages()
                .get(HERE, "Debian", "debian-12", "12-gen2", "0.20251101.1")
                .name())
        .isEqualTo("0.20251101.1");
    assertThat(compute.getVirtualMachineImages().list(HERE, "Debian", "debian-12", "12-gen2"))
        .hasSize(1);
    assertRefused(
        () -> compute.getVirtualMachineImages().get(HERE, "Debian", "debian-12", "12-gen2", "9"),
        404,
        "NotFound");
  }

  @Test
  void copiesASnapshotToAnotherLocationInItsTime() {
    machines.placeMachine(GROUP, "westeurope", "old", Map.of());
    machines.copiesTake(Duration.ofMillis(400));
    String disk = AzureMachines.id(GROUP, "Microsoft.Compute/disks", "old-disk");
    SnapshotInner original = snapshot("one", "westeurope", disk, DiskCreateOption.COPY);
    assertRefused(() -> snapshot("wrong", HERE, disk, DiskCreateOption.COPY), 400, "BadRequest");

    SnapshotInner copy = snapshot("two", HERE, original.id(), DiskCreateOption.COPY_START);

    assertThat(original.completionPercent()).isNull();
    assertThat(copy.diskSizeGB()).isEqualTo(30);
    long deadline = System.nanoTime() + Duration.ofSeconds(10).toNanos();
    float percent = 0;
    while (percent < 100 && System.nanoTime() < deadline) {
      percent = compute.getSnapshots().getByResourceGroup(GROUP, "two").completionPercent();
    }
    assertThat(percent).isEqualTo(100f);
    compute.getSnapshots().delete(GROUP, "two");
    assertThat(compute.getSnapshots().listByResourceGroup(GROUP)).hasSize(1);
  }

  private SnapshotInner snapshot(
      String name, String location, String source, DiskCreateOption option) {
    SnapshotInner snapshot =
        new SnapshotInner()
            .withIncremental(true)
            .withCreationData(
                new CreationData().withCreateOption(option).withSourceResourceId(source));
    snapshot.withLocation(location);
    compute.getSnapshots().beginCreateOrUpdate(GROUP, name, snapshot).waitForCompletion();
    return compute.getSnapshots().getByResourceGroup(GROUP, name);
  }

  private void make(String name, @Nullable String ifNoneMatch) {
    NetworkInterfaceIpConfigurationInner address = new NetworkInterfaceIpConfigurationInner();
    SubnetInner subnet = new SubnetInner();
    subnet.withId(SUBNET);
    address.withName("primary").withSubnet(subnet);
    NetworkInterfaceInner wanted =
        new NetworkInterfaceInner().withIpConfigurations(List.of(address));
    wanted.withLocation(HERE);
    NetworkInterfaceInner nic =
        network.getNetworkInterfaces().createOrUpdate(GROUP, name + "-nic", wanted);
    assertThat(nic.provisioningState().toString()).isEqualTo("Succeeded");
    NetworkInterfaceReference reference = new NetworkInterfaceReference();
    reference.withId(nic.id());
    reference.withDeleteOption(DeleteOptions.DELETE);
    VirtualMachineInner machine =
        new VirtualMachineInner()
            .withHardwareProfile(
                new HardwareProfile()
                    .withVmSize(VirtualMachineSizeTypes.fromString("Standard_B2s")))
            .withStorageProfile(
                new StorageProfile()
                    .withImageReference(
                        new ImageReference()
                            .withPublisher("Debian")
                            .withOffer("debian-12")
                            .withSku("12-gen2")
                            .withVersion("latest"))
                    .withOsDisk(
                        new OSDisk()
                            .withName(name + "-disk")
                            .withCreateOption(DiskCreateOptionTypes.FROM_IMAGE)
                            .withDeleteOption(DiskDeleteOptionTypes.DELETE)))
            .withNetworkProfile(new NetworkProfile().withNetworkInterfaces(List.of(reference)));
    machine.withLocation(HERE);
    compute
        .getVirtualMachines()
        .createOrUpdate(GROUP, name, machine, null, ifNoneMatch, Context.NONE);
  }

  private List<String> statuses(String name) {
    return compute
        .getVirtualMachines()
        .getByResourceGroupWithResponse(GROUP, name, InstanceViewTypes.INSTANCE_VIEW, Context.NONE)
        .getValue()
        .instanceView()
        .statuses()
        .stream()
        .map(InstanceViewStatus::code)
        .toList();
  }

  private static void assertRefused(Runnable call, int status, String code) {
    assertThatThrownBy(call::run)
        .isInstanceOfSatisfying(
            ManagementException.class,
            e -> {
              assertThat(e.getResponse().getStatusCode()).isEqualTo(status);
              assertThat(e.getValue().getCode()).isEqualTo(code);
            });
  }

  private TokenCredential token() {
    return request ->
        Mono.just(
            new AccessToken(
                azure.identity().token(), OffsetDateTime.now(ZoneOffset.UTC).plusDays(1)));
  }

  private ComputeManagementClient compute() {
    return ComputeManager.configure()
        .withRetryOptions(new RetryOptions(new FixedDelayOptions(0, Duration.ofMillis(1))))
        .authenticate(token(), AzureServiceTest.azureProfile(azure.arm().address()))
        .serviceClient();
  }

  private NetworkManagementClient network() {
    return NetworkManager.configure()
        .withRetryOptions(new RetryOptions(new FixedDelayOptions(0, Duration.ofMillis(1))))
        .authenticate(token(), AzureServiceTest.azureProfile(azure.arm().address()))
        .serviceClient();
  }
}
