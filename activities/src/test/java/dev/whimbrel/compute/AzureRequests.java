package dev.whimbrel.compute;

import dev.whimbrel.activity.MachinesRequest;
import dev.whimbrel.activity.RetireRequest;
import dev.whimbrel.runbook.ProvisionSpec;
import dev.whimbrel.runbook.ProvisionSpec.AzureMachine;
import dev.whimbrel.runbook.RetireSpec;
import dev.whimbrel.servers.AzureService;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/** What a runbook asks of {@link AzureWorld}, under names that no other test uses. */
final class AzureRequests {
  private static final AtomicInteger NAMES = new AtomicInteger();

  private AzureRequests() {}

  /** Names that no other test uses: of a migration, and of its one machine. */
  static String migration() {
    return "shop-" + NAMES.incrementAndGet();
  }

  static AzureMachine machine(String name) {
    return machine(name, "Standard_B2s", null);
  }

  static AzureMachine machine(String name, String size, @Nullable String userData) {
    return machine(name, AzureWorld.IMAGE, size, userData);
  }

  static AzureMachine machineOf(String name, String image) {
    return machine(name, image, "Standard_B2s", null);
  }

  private static AzureMachine machine(
      String name, String image, String size, @Nullable String userData) {
    return new AzureMachine(
        name,
        null,
        image,
        size,
        AzureWorld.SUBNET,
        AzureWorld.NSG,
        "ops",
        "ssh-ed25519 AAAAC3Nza ops@example.com",
        userData,
        Map.of("team", "shop"));
  }

  static AzureMachine adopting(String name, String id) {
    return new AzureMachine(name, id, null, null, null, null, null, null, null, Map.of());
  }

  /** One machine, which is called as its migration is. */
  static MachinesRequest request(String migration) {
    return request(migration, machine(migration));
  }

  static MachinesRequest request(String migration, AzureMachine... machines) {
    return request(migration, List.of(machines), List.of(), List.of());
  }

  static MachinesRequest request(
      String migration,
      List<AzureMachine> machines,
      List<ProvisionSpec.AzureSnapshot> snapshots,
      List<ProvisionSpec.AzureGroups> groups) {
    return new MachinesRequest(
        migration,
        new ProvisionSpec(
            null,
            new ProvisionSpec.Azure(
                AzureService.SUBSCRIPTION,
                AzureWorld.GROUP,
                AzureWorld.TARGET,
                machines,
                snapshots,
                groups),
            null));
  }

  static MachinesRequest snapshotOf(String migration, String disk) {
    return request(migration, List.of(), List.of(new ProvisionSpec.AzureSnapshot(disk)), List.of());
  }

  static RetireRequest retire(String migration, String... ids) {
    return new RetireRequest(
            migration,
            new RetireSpec(null, List.of(), List.of(ids), Duration.ofDays(7), "required"))
        .seen(List.of(ids));
  }
}
