package dev.whimbrel.compute;

import dev.whimbrel.activity.ChangePlan;
import dev.whimbrel.activity.Compute;
import dev.whimbrel.activity.Failures;
import dev.whimbrel.activity.MachinesRequest;
import dev.whimbrel.activity.OldMachines;
import dev.whimbrel.activity.Outcome;
import dev.whimbrel.activity.RetireRequest;
import dev.whimbrel.attempt.Attempt;
import dev.whimbrel.compute.azure.AzureClients;
import dev.whimbrel.compute.azure.AzureCompute;
import dev.whimbrel.compute.ec2.AwsClients;
import dev.whimbrel.compute.ec2.Ec2Compute;
import dev.whimbrel.runbook.ProvisionSpec;
import dev.whimbrel.runbook.RetireSpec;
import io.temporal.failure.ApplicationFailure;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.function.BiConsumer;
import java.util.stream.Collectors;

/** Machines, at whichever clouds the runbook names. */
public final class RegistryCompute implements Compute {
  private final AwsClients aws;
  private final AzureClients azure;
  private final Pace pace;

  /** Clouds by their SDKs' own configuration. */
  public RegistryCompute() {
    this(new AwsClients(), new AzureClients(), Pace.USUAL);
  }

  /** AWS by these clients, looked at as often as {@code pace} says; Azure by its SDK's own. */
  public RegistryCompute(AwsClients aws, Pace pace) {
    this(aws, new AzureClients(), pace);
  }

  /** Clouds by these clients, looked at as often as {@code pace} says. */
  public RegistryCompute(AwsClients aws, AzureClients azure, Pace pace) {
    this.aws = aws;
    this.azure = azure;
    this.pace = pace;
  }

  @Override
  public ChangePlan planMachines(MachinesRequest request) {
    List<ChangePlan> plans = new ArrayList<>();
    for (ComputeProvider provider : providers(request.provision())) {
      plans.add(new ChangePlan(provider.findings(request.migration()), List.of(), List.of()));
      plans.add(new MachinesCalls(provider, request.migration(), new Looks(pace)).plan());
    }
    ProvisionSpec.Command command = request.provision().command();
    if (command != null) {
      plans.add(CommandCompute.plan(command));
    }
    return ChangePlan.together(plans);
  }

  @Override
  public Outcome provisionMachines(MachinesRequest request) {
    return beating(
        (looks, lines) -> {
          for (Place here : places(request, looks)) {
            lines.addAll(here.machines().make());
            lines.addAll(here.snapshots().make());
          }
          command(request, looks).map(CommandCompute::make).ifPresent(lines::add);
        });
  }

  @Override
  public Outcome awaitMachines(MachinesRequest request) {
    return beating(
        (looks, lines) -> {
          for (Place here : places(request, looks)) {
            lines.addAll(here.machines().awaitHealthy());
            lines.addAll(here.snapshots().dropSeconds());
          }
          command(request, looks).map(CommandCompute::awaitHealthy).ifPresent(lines::add);
        });
  }

  @Override
  public Outcome removeMachines(MachinesRequest request) {
    return beating(
        (looks, lines) -> {
          // What was made last, and may use the machines, goes first.
          command(request, looks).map(CommandCompute::remove).ifPresent(lines::add);
          for (Place here : places(request, looks)) {
            lines.addAll(here.snapshots().remove());
            lines.addAll(here.machines().remove());
          }
        });
  }

  @Override
  public ChangePlan planRetirement(RetireRequest request) {
    try {
      return ChangePlan.together(
          oldSide(request.retire()).stream()
              .map(old -> new RetirementCalls(old.provider(), request, old.ids()).plan())
              .toList());
    } catch (ApplicationFailure e) {
      // An id that is none, or a region that is not known.
      return new ChangePlan(
          List.of(Refusals.blocker("decommission.retire", e)), List.of(), List.of());
    }
  }

  @Override
  public OldMachines lookAtOldMachines(RetireRequest request) {
    List<String> running = new ArrayList<>();
    List<String> lines = new ArrayList<>();
    for (Retiring retiring : retirings(request, new Looks(pace))) {
      OldMachines found = retiring.look();
      running.addAll(found.running());
      lines.addAll(found.lines());
    }
    return new OldMachines(running, lines);
  }

  @Override
  public Outcome stopMachines(RetireRequest request) {
    return beating(
        (looks, lines) ->
            retirings(request, looks).forEach(retiring -> lines.addAll(retiring.stop())));
  }

  @Override
  public Outcome terminateMachines(RetireRequest request) {
    return beating(
        (looks, lines) ->
            retirings(request, looks).forEach(retiring -> lines.addAll(retiring.terminate())));
  }

  @Override
  public Outcome listCosts(RetireRequest request) {
    return new OldCosts(new Attempt(), request.migration()).of(oldSide(request.retire()));
  }

  /** Work that takes long, with what it has to say. */
  private Outcome beating(BiConsumer<Looks, List<String>> work) {
    Looks looks = new Looks(pace);
    List<String> lines = new ArrayList<>();
    return looks.beating(
        () -> {
          work.accept(looks, lines);
          return new Outcome(lines.isEmpty() ? "nothing to do" : String.join(", ", lines));
        });
  }

  private record Place(Provisioning machines, Snapshots snapshots) {}

  private List<Place> places(MachinesRequest request, Looks looks) {
    return providers(request.provision()).stream()
        .map(
            provider ->
                new Place(
                    new Provisioning(provider, request.migration(), looks),
                    new Snapshots(provider, request.migration(), looks)))
        .toList();
  }

  private List<Retiring> retirings(RetireRequest request, Looks looks) {
    return oldSide(request.retire()).stream()
        .map(old -> new Retiring(old.provider(), request, old.ids(), looks))
        .toList();
  }

  private String region(RetireSpec retire) {
    return Optional.ofNullable(retire.region())
        .or(aws::region)
        .orElseThrow(
            () ->
                Failures.needsHelp(
                    "decommission.retire names EC2 instances and no region",
                    "let the workers know one, then retry, or stop the instances by hand and skip this step",
                    "export AWS_REGION=…"));
  }

  private List<OldSide> oldSide(RetireSpec retire) {
    List<OldSide> old = new ArrayList<>();
    if (!retire.ec2().isEmpty()) {
      old.add(new OldSide(Ec2Compute.in(aws, region(retire)), retire.ec2()));
    }
    Map<String, List<String>> azureIds =
        retire.azure().stream()
            .collect(
                Collectors.groupingBy(
                    AzureCompute::subscriptionOf, TreeMap::new, Collectors.toList()));
    azureIds.forEach(
        (subscription, ids) -> old.add(new OldSide(AzureCompute.in(azure, subscription), ids)));
    return old;
  }

  private List<ComputeProvider> providers(ProvisionSpec provision) {
    List<ComputeProvider> providers = new ArrayList<>();
    if (provision.ec2() != null) {
      providers.add(new Ec2Compute(aws, provision.ec2()));
    }
    if (provision.azure() != null) {
      providers.add(new AzureCompute(azure, provision.azure()));
    }
    return providers;
  }

  private static Optional<CommandCompute> command(MachinesRequest request, Looks looks) {
    return Optional.ofNullable(request.provision().command())
        .map(command -> new CommandCompute(command, looks));
  }
}
