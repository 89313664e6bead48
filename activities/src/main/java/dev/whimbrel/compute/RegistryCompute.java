package dev.whimbrel.compute;

import dev.whimbrel.activity.ChangePlan;
import dev.whimbrel.activity.Compute;
import dev.whimbrel.activity.Failures;
import dev.whimbrel.activity.Finding;
import dev.whimbrel.activity.MachinesRequest;
import dev.whimbrel.activity.OldMachines;
import dev.whimbrel.activity.Outcome;
import dev.whimbrel.activity.RetireRequest;
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
import java.util.function.Function;
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
    List<Finding> findings = new ArrayList<>();
    List<String> forward = new ArrayList<>();
    List<String> back = new ArrayList<>();
    for (ComputeProvider provider : providers(request.provision())) {
      MachinesCalls calls = new MachinesCalls(provider, request.migration(), new Attempt(pace));
      findings.addAll(provider.findings(request.migration()));
      findings.addAll(calls.findings());
      forward.addAll(calls.forward());
      back.addAll(calls.back());
    }
    ProvisionSpec.Command command = request.provision().command();
    if (command != null) {
      forward.add(CommandCompute.words(command.doIt()));
      forward.add(CommandCompute.words(command.check()));
      back.add(CommandCompute.words(command.undo()));
    }
    return new ChangePlan(findings, forward, back);
  }

  @Override
  public Outcome provisionMachines(MachinesRequest request) {
    Attempt attempt = new Attempt(pace);
    return attempt.beating(() -> provision(request, attempt));
  }

  private Outcome provision(MachinesRequest request, Attempt attempt) {
    List<String> lines = new ArrayList<>();
    for (ComputeProvider provider : providers(request.provision())) {
      lines.addAll(new Provisioning(provider, request.migration(), attempt).make());
      lines.addAll(new Snapshots(provider, request.migration(), attempt).make());
    }
    command(request, attempt).map(CommandCompute::make).ifPresent(lines::add);
    return outcome(lines);
  }

  @Override
  public Outcome awaitMachines(MachinesRequest request) {
    Attempt attempt = new Attempt(pace);
    return attempt.beating(() -> awaitHealthy(request, attempt));
  }

  private Outcome awaitHealthy(MachinesRequest request, Attempt attempt) {
    List<String> lines = new ArrayList<>();
    for (ComputeProvider provider : providers(request.provision())) {
      lines.addAll(new Provisioning(provider, request.migration(), attempt).awaitHealthy());
    }
    command(request, attempt).map(CommandCompute::awaitHealthy).ifPresent(lines::add);
    return outcome(lines);
  }

  @Override
  public Outcome removeMachines(MachinesRequest request) {
    Attempt attempt = new Attempt(pace);
    return attempt.beating(() -> remove(request, attempt));
  }

  private Outcome remove(MachinesRequest request, Attempt attempt) {
    List<String> lines = new ArrayList<>();
    // What was made last, and may use the machines, goes first.
    command(request, attempt).map(CommandCompute::remove).ifPresent(lines::add);
    for (ComputeProvider provider : providers(request.provision())) {
      lines.addAll(new Snapshots(provider, request.migration(), attempt).remove());
      lines.addAll(new Provisioning(provider, request.migration(), attempt).remove());
    }
    return outcome(lines);
  }

  @Override
  public ChangePlan planRetirement(RetireRequest request) {
    List<Finding> findings = new ArrayList<>();
    List<String> forward = new ArrayList<>();
    List<String> back = new ArrayList<>();
    try {
      for (Old old : oldSide(request.retire())) {
        RetirementCalls calls = new RetirementCalls(old.provider(), request, old.ids());
        findings.addAll(calls.findings());
        forward.addAll(calls.forward());
        back.addAll(calls.back());
      }
    } catch (ApplicationFailure e) {
      // An id that is none, or a region that is not known.
      findings.add(Refusals.blocker("decommission.retire", e));
    }
    return new ChangePlan(findings, forward, back);
  }

  @Override
  public OldMachines lookAtOldMachines(RetireRequest request) {
    List<String> running = new ArrayList<>();
    List<String> lines = new ArrayList<>();
    for (Old old : oldSide(request.retire())) {
      OldMachines found =
          new Retiring(old.provider(), request, old.ids(), new Attempt(pace)).look();
      running.addAll(found.running());
      lines.addAll(found.lines());
    }
    return new OldMachines(running, lines);
  }

  @Override
  public Outcome stopMachines(RetireRequest request) {
    return retire(request, Retiring::stop);
  }

  @Override
  public Outcome terminateMachines(RetireRequest request) {
    return retire(request, Retiring::terminate);
  }

  @Override
  public Outcome listCosts(RetireRequest request) {
    List<String> lines = new ArrayList<>();
    for (Old old : oldSide(request.retire())) {
      old.provider()
          .costs(request.migration(), old.ids())
          .forEach(line -> lines.add("%s: %s".formatted(old.provider().place(), line)));
    }
    return lines.isEmpty()
        ? new Outcome("nothing that the old machines used costs money any more")
        : new Outcome("still costs money: " + String.join("; ", lines));
  }

  private Outcome retire(RetireRequest request, Function<Retiring, List<String>> what) {
    Attempt attempt = new Attempt(pace);
    return attempt.beating(() -> retire(request, what, attempt));
  }

  private Outcome retire(
      RetireRequest request, Function<Retiring, List<String>> what, Attempt attempt) {
    List<String> lines = new ArrayList<>();
    for (Old old : oldSide(request.retire())) {
      lines.addAll(what.apply(new Retiring(old.provider(), request, old.ids(), attempt)));
    }
    return outcome(lines);
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

  private record Old(ComputeProvider provider, List<String> ids) {}

  private List<Old> oldSide(RetireSpec retire) {
    List<Old> old = new ArrayList<>();
    if (!retire.ec2().isEmpty()) {
      old.add(new Old(Ec2Compute.in(aws, region(retire)), retire.ec2()));
    }
    Map<String, List<String>> azureIds =
        retire.azure().stream()
            .collect(
                Collectors.groupingBy(
                    AzureCompute::subscriptionOf, TreeMap::new, Collectors.toList()));
    azureIds.forEach(
        (subscription, ids) -> old.add(new Old(AzureCompute.in(azure, subscription), ids)));
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

  private static Optional<CommandCompute> command(MachinesRequest request, Attempt attempt) {
    return Optional.ofNullable(request.provision().command())
        .map(command -> new CommandCompute(command, attempt));
  }

  private static Outcome outcome(List<String> lines) {
    return new Outcome(lines.isEmpty() ? "nothing to do" : String.join(", ", lines));
  }
}
