package dev.whimbrel.compute.azure;

import com.azure.core.management.polling.PollResult;
import com.azure.core.util.polling.SyncPoller;
import com.azure.resourcemanager.compute.fluent.VirtualMachinesClient;
import dev.whimbrel.activity.Failures;
import dev.whimbrel.activity.Finding;
import dev.whimbrel.compute.ComputeProvider;
import dev.whimbrel.compute.Machine;
import dev.whimbrel.compute.Snapshot;
import dev.whimbrel.compute.WantedMachine;
import dev.whimbrel.compute.WantedSnapshot;
import dev.whimbrel.runbook.ProvisionSpec;
import dev.whimbrel.runbook.ProvisionSpec.AzureMachine;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.function.BiFunction;
import org.jspecify.annotations.Nullable;

/** Azure's virtual machines in one resource group; those that are named by id may lie elsewhere. */
public final class AzureCompute implements ComputeProvider {
  private final AzureClients clients;
  private final ProvisionSpec.Azure spec;
  private final VirtualMachines machines;
  private final Interfaces interfaces;
  private final Launch launch;
  private final DiskSnapshots snapshots;
  private final Costs costs;
  private final Operations operations = new Operations();

  /** What a runbook wants under {@code provision.azure}. */
  public AzureCompute(AzureClients clients, ProvisionSpec.Azure spec) {
    this.clients = clients;
    this.spec = spec;
    this.machines = new VirtualMachines(clients);
    this.interfaces = new Interfaces(clients, spec, machines);
    this.launch = new Launch(clients, spec, machines, interfaces);
    this.snapshots = new DiskSnapshots(clients, spec, operations);
    this.costs = new Costs(clients, machines);
  }

  /** A subscription in which nothing is wanted, only things are looked at and ended. */
  public static AzureCompute in(AzureClients clients, String subscription) {
    return new AzureCompute(
        clients, new ProvisionSpec.Azure(subscription, "", "", List.of(), List.of(), List.of()));
  }

  /** The subscription that the id of a machine names. */
  public static String subscriptionOf(String id) {
    return ResourceId.of(id, ResourceId.MACHINE).subscription().toLowerCase(Locale.ROOT);
  }

  @Override
  public String place() {
    return spec.resourceGroup().isEmpty()
        ? "Azure subscription " + spec.subscription()
        : "Azure %s in %s".formatted(spec.resourceGroup(), spec.location());
  }

  @Override
  public List<WantedMachine> wanted() {
    return spec.machines().stream()
        .map(each -> new WantedMachine(each.name(), each.adopt(), facts(each)))
        .toList();
  }

  private SortedMap<String, String> facts(AzureMachine machine) {
    SortedMap<String, String> facts = new TreeMap<>();
    put(facts, "image", machine.image());
    put(facts, "size", machine.size());
    put(facts, "subnet", machine.subnet());
    put(facts, "securityGroup", machine.securityGroup());
    facts.put("location", VirtualMachines.location(spec.location()));
    return facts;
  }

  private static void put(SortedMap<String, String> facts, String name, @Nullable String value) {
    if (value != null) {
      facts.put(name, value.toLowerCase(Locale.ROOT));
    }
  }

  /** What the runbook wants is asked for by its name: a list may be some seconds old. */
  @Override
  public List<Machine> tagged(String migration) {
    Set<String> names = new LinkedHashSet<>();
    spec.machines().stream()
        .filter(each -> each.adopt() == null)
        .forEach(each -> names.add(each.name()));
    machines.tagged(spec.subscription(), spec.resourceGroup(), migration).stream()
        .filter(each -> names.stream().noneMatch(each::equalsIgnoreCase))
        .forEach(names::add);
    return names.stream()
        .map(each -> machines.get(launch.id(each)))
        .flatMap(Optional::stream)
        .map(each -> machines.machine(asWritten(each.id()), each))
        .filter(each -> migration.equals(each.migration()))
        .toList();
  }

  @Override
  public Optional<Machine> find(String id) {
    operations.look(id);
    return machines
        .get(ResourceId.of(id, ResourceId.MACHINE))
        .map(each -> machines.machine(id, each));
  }

  /** The id as the runbook writes it, where it names the machine. */
  private String asWritten(String id) {
    return spec.machines().stream()
        .map(AzureMachine::adopt)
        .filter(each -> each != null && each.equalsIgnoreCase(id))
        .findFirst()
        .orElse(id);
  }

  @Override
  public Machine make(String migration, WantedMachine wanted, int gone, Runnable requireTime) {
    return launch.make(migration, machine(wanted), requireTime);
  }

  private AzureMachine machine(WantedMachine wanted) {
    return spec.machines().stream()
        .filter(each -> each.name().equals(wanted.name()))
        .findFirst()
        .orElseThrow();
  }

  @Override
  public void start(Machine machine) {
    begin("start", machine, (all, id) -> all.beginStart(id.group(), id.name()));
  }

  /** Deallocates: a machine that only stops is paid for as if it ran. */
  @Override
  public void stop(Machine machine) {
    begin("deallocate", machine, (all, id) -> all.beginDeallocate(id.group(), id.name()));
  }

  private void begin(
      String verb,
      Machine machine,
      BiFunction<VirtualMachinesClient, ResourceId, SyncPoller<PollResult<Void>, Void>> call) {
    ResourceId id = ResourceId.of(machine.id(), ResourceId.MACHINE);
    String what = "Cannot %s the machine %s".formatted(verb, machine.id());
    operations.remember(
        machine.id(),
        what,
        id.scope(),
        ComputeCalls.make(
            what,
            id.scope(),
            () -> call.apply(clients.compute(id.subscription()).getVirtualMachines(), id)));
  }

  @Override
  public void terminate(Machine machine) {
    ResourceId id = ResourceId.of(machine.id(), ResourceId.MACHINE);
    String what = "Cannot delete the machine " + machine.id();
    ComputeCalls.find(
            what,
            id.scope(),
            () ->
                clients
                    .compute(id.subscription())
                    .getVirtualMachines()
                    .beginDelete(id.group(), id.name()))
        .ifPresent(poller -> operations.remember(machine.id(), what, id.scope(), poller));
  }

  @Override
  public List<String> leftovers(String migration) {
    return interfaces.leftovers(migration);
  }

  @Override
  public void removeLeftover(String id) {
    interfaces.delete(ResourceId.of(id, ResourceId.INTERFACE));
  }

  @Override
  public Optional<String> unhealthy(Machine machine) {
    if (!machine.reason().isEmpty()) {
      throw Failures.needsHelp(
          "%s runs, and Azure could not provision it: %s".formatted(machine.id(), machine.reason()),
          "look at the machine; when it is repaired, let Azure look again, then retry",
          "az vm reapply --ids " + machine.id());
    }
    String state = machine.facts().getOrDefault(VirtualMachines.PROVISIONING, "");
    return state.equals("succeeded")
        ? Optional.empty()
        : Optional.of("%s is provisioned: %s".formatted(machine.id(), state));
  }

  @Override
  public List<WantedSnapshot> wantedSnapshots() {
    return snapshots.wanted();
  }

  @Override
  public List<Snapshot> snapshots(String migration, String place) {
    return snapshots.in(place, migration);
  }

  @Override
  public void snapshot(
      String migration, WantedSnapshot wanted, Optional<Snapshot> from, Runnable requireTime) {
    snapshots.begin(migration, wanted, from, requireTime);
  }

  @Override
  public void delete(Snapshot snapshot) {
    snapshots.delete(snapshot.id());
  }

  @Override
  public String deleteByHand(Snapshot snapshot) {
    return "az snapshot delete --ids " + snapshot.id();
  }

  @Override
  public String retireCall(String verb, Machine machine) {
    return verb.equals("stop")
        ? "POST %s/deallocate".formatted(machine.id())
        : "DELETE " + machine.id();
  }

  /** Azure lets nobody try a call without making it. */
  @Override
  public List<Finding> rights(String verb, Machine machine) {
    return verb.equals("stop")
        ? List.of(
            new Finding(
                Finding.Level.NOTE,
                "old-machines",
                machine.id(),
                "whether this worker may deallocate and delete it is not known before it does: the role %s gives the rights."
                    .formatted(ComputeCalls.ROLE),
                null))
        : List.of();
  }

  @Override
  public String byHand(String verb, String id) {
    return switch (verb) {
      case "untag" ->
          "az vm update --ids %s --remove tags.%s --remove tags.%s"
              .formatted(id, Marks.MIGRATION, Marks.MACHINE);
      case "terminate" -> "az vm delete --yes --ids " + id;
      // What only stops is paid for as if it ran.
      case "stop" -> "az vm deallocate --ids " + id;
      default -> "az vm %s --ids %s".formatted(verb, id);
    };
  }

  @Override
  public List<Finding> findings(String migration) {
    List<Finding> findings =
        new ArrayList<>(new Availability(clients, spec, machines, launch).findings(migration));
    findings.addAll(new GroupRules(clients).findings(spec.securityGroups()));
    return findings;
  }

  @Override
  public String makeCall(String migration, WantedMachine wanted) {
    return launch.words(migration, machine(wanted));
  }

  @Override
  public List<String> staying(Machine machine) {
    return machines
        .get(ResourceId.of(machine.id(), ResourceId.MACHINE))
        .map(costs::staying)
        .orElse(List.of());
  }

  @Override
  public List<String> costs(String migration, List<String> ids) {
    List<String> lines = new ArrayList<>(costs.of(ids));
    lines.addAll(costs.snapshots(spec.subscription(), migration));
    return lines;
  }
}
