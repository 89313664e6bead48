package dev.whimbrel.compute.ec2;

import dev.whimbrel.activity.Failures;
import dev.whimbrel.activity.Finding;
import dev.whimbrel.compute.ComputeProvider;
import dev.whimbrel.compute.Machine;
import dev.whimbrel.compute.Refusals;
import dev.whimbrel.compute.Snapshot;
import dev.whimbrel.compute.WantedMachine;
import dev.whimbrel.compute.WantedSnapshot;
import dev.whimbrel.runbook.ProvisionSpec;
import dev.whimbrel.runbook.ProvisionSpec.Ec2Machine;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.SortedMap;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;
import software.amazon.awssdk.core.exception.SdkException;
import software.amazon.awssdk.services.ec2.Ec2Client;
import software.amazon.awssdk.services.ec2.model.Instance;

/** Amazon EC2 in one region; snapshots are taken in others as well. */
public final class Ec2Compute implements ComputeProvider {
  private final AwsClients clients;
  private final ProvisionSpec.Ec2 spec;
  private final Ec2Client client;
  private final Ec2Calls calls;
  private final Ec2Instances instances;
  private final Ec2Launch launch;
  private final Ec2Snapshots snapshots;

  /** What a runbook wants under {@code provision.ec2}. */
  public Ec2Compute(AwsClients clients, ProvisionSpec.Ec2 spec) {
    this.clients = clients;
    this.spec = spec;
    this.client = clients.ec2(spec.region());
    this.calls = new Ec2Calls(spec.region());
    this.instances = new Ec2Instances(client, calls);
    this.launch = new Ec2Launch(client, calls, instances);
    this.snapshots = new Ec2Snapshots(clients, spec);
  }

  /** A region in which nothing is wanted, only things are looked at and ended. */
  public static Ec2Compute in(AwsClients clients, String region) {
    return new Ec2Compute(clients, new ProvisionSpec.Ec2(region, List.of(), List.of(), List.of()));
  }

  @Override
  public String place() {
    return "EC2 " + spec.region();
  }

  @Override
  public List<WantedMachine> wanted() {
    return spec.machines().stream()
        .map(each -> new WantedMachine(each.name(), each.adopt(), facts(each)))
        .toList();
  }

  private static SortedMap<String, String> facts(Ec2Machine machine) {
    SortedMap<String, String> facts = new TreeMap<>();
    put(facts, "image", machine.image());
    put(facts, "type", machine.type());
    put(facts, "subnet", machine.subnet());
    put(facts, "key", machine.key());
    if (!machine.securityGroups().isEmpty()) {
      facts.put(
          "securityGroups", String.join(",", machine.securityGroups().stream().sorted().toList()));
    }
    return facts;
  }

  private static void put(SortedMap<String, String> facts, String name, @Nullable String value) {
    if (value != null) {
      facts.put(name, value);
    }
  }

  @Override
  public List<Machine> tagged(String migration) {
    return instances.tagged(migration);
  }

  @Override
  public Optional<Machine> find(String id) {
    return instances.find(id).map(Ec2Instances::machine);
  }

  @Override
  public Machine make(String migration, WantedMachine wanted, int gone, Runnable requireTime) {
    return launch.launch(migration, machine(wanted), gone, requireTime);
  }

  private Ec2Machine machine(WantedMachine wanted) {
    return spec.machines().stream()
        .filter(each -> each.name().equals(wanted.name()))
        .findFirst()
        .orElseThrow();
  }

  @Override
  public void start(Machine machine) {
    calls.call(
        "StartInstances",
        machine.id(),
        () -> client.startInstances(request -> request.instanceIds(machine.id())));
  }

  @Override
  public void stop(Machine machine) {
    try {
      client.stopInstances(request -> request.instanceIds(machine.id()));
    } catch (SdkException e) {
      if (Ec2Calls.code(e).equals("OperationNotPermitted")) {
        throw isProtected(machine, "stop");
      }
      throw calls.failure("StopInstances", machine.id(), e);
    }
  }

  @Override
  public void terminate(Machine machine) {
    try {
      client.terminateInstances(request -> request.instanceIds(machine.id()));
    } catch (SdkException e) {
      if (Ec2Calls.code(e).equals("OperationNotPermitted")) {
        throw isProtected(machine, "termination");
      }
      if (!Ec2Calls.code(e).startsWith("InvalidInstanceID")) {
        throw calls.failure("TerminateInstances", machine.id(), e);
      }
    }
  }

  private RuntimeException isProtected(Machine machine, String from) {
    return Failures.needsHelp(
        "%s in %s is protected against %s".formatted(machine.id(), spec.region(), from),
        "if it is really to go, take the protection away, then retry",
        unprotect(machine, from));
  }

  private String unprotect(Machine machine, String from) {
    return "aws ec2 modify-instance-attribute --region %s --instance-id %s --no-disable-api-%s"
        .formatted(spec.region(), machine.id(), from);
  }

  @Override
  public Optional<String> unhealthy(Machine machine) {
    return instances.unhealthy(machine.id());
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
    snapshots.delete(snapshot);
  }

  @Override
  public String deleteByHand(Snapshot snapshot) {
    return "aws ec2 delete-snapshot --snapshot-id %s --region %s"
        .formatted(snapshot.id(), snapshot.place());
  }

  @Override
  public String retireCall(String verb, Machine machine) {
    return "%s region=%s instance=%s".formatted(operation(verb), spec.region(), machine.id());
  }

  private static String operation(String verb) {
    return verb.equals("stop") ? "StopInstances" : "TerminateInstances";
  }

  @Override
  public List<Finding> rights(String verb, Machine machine) {
    try {
      if (verb.equals("stop")) {
        client.stopInstances(request -> request.instanceIds(machine.id()).dryRun(true));
      } else {
        client.terminateInstances(request -> request.instanceIds(machine.id()).dryRun(true));
      }
      return List.of();
    } catch (SdkException e) {
      if (Ec2Calls.code(e).equals("DryRunOperation")) {
        return List.of();
      }
      // AWS describes a dry run as a look at rights alone; should it see the protection too, there
      // is time to take that away.
      if (Ec2Calls.code(e).equals("OperationNotPermitted")) {
        String from = verb.equals("stop") ? "stop" : "termination";
        return List.of(
            new Finding(
                Finding.Level.WARNING,
                Refusals.CHECK,
                machine.id(),
                "is protected against %s: the step will park until the protection is gone."
                    .formatted(from),
                unprotect(machine, from)));
      }
      return List.of(
          Refusals.blocker(
              machine.id(), calls.failure(operation(verb), machine.id() + " as a dry run", e)));
    }
  }

  @Override
  public String byHand(String verb, String id) {
    String end = " --region " + spec.region();
    return switch (verb) {
      case "untag" ->
          "aws ec2 delete-tags --resources %s --tags Key=%s Key=%s"
                  .formatted(id, Marks.MIGRATION, Marks.MACHINE)
              + end;
      case "show" -> "aws ec2 describe-instances --instance-ids " + id + end;
      default -> "aws ec2 %s-instances --instance-ids %s".formatted(verb, id) + end;
    };
  }

  @Override
  public List<Finding> findings(String migration) {
    List<Finding> findings =
        new ArrayList<>(new Ec2Availability(clients, spec, calls, launch).findings(migration));
    List<String> there =
        tagged(migration).stream()
            .filter(Machine::alive)
            .map(each -> String.valueOf(each.name()))
            .toList();
    List<Ec2Machine> toMake =
        spec.machines().stream()
            .filter(each -> each.adopt() == null && !there.contains(each.name()))
            .toList();
    if (!toMake.isEmpty()) {
      findings.add(
          new Ec2Quota(spec.region(), client, clients.quotas(spec.region())).finding(toMake));
    }
    findings.addAll(new Ec2Groups(clients, spec).findings());
    return findings;
  }

  @Override
  public String makeCall(String migration, WantedMachine wanted) {
    return Ec2Launch.words(spec.region(), migration, machine(wanted));
  }

  @Override
  public List<String> costs(String migration, List<String> machines) {
    List<String> lines = new ArrayList<>(new Ec2Costs(client, calls, instances).of(machines));
    snapshots
        .in(spec.region(), migration)
        .forEach(
            each ->
                lines.add(
                    "%s (%d GiB), a snapshot of %s"
                        .formatted(each.id(), each.gibibytes(), each.disk())));
    return lines;
  }

  @Override
  public List<String> staying(Machine machine) {
    return instances.find(machine.id()).map(Ec2Compute::staying).orElse(List.of());
  }

  private static List<String> staying(Instance instance) {
    return Ec2Costs.staying(instance);
  }
}
