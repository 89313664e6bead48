package dev.whimbrel.migration;

import static dev.whimbrel.migration.Timeouts.call;

import dev.whimbrel.activity.Compute;
import dev.whimbrel.activity.Dns;
import dev.whimbrel.activity.DnsMove;
import dev.whimbrel.activity.MachinesRequest;
import dev.whimbrel.activity.OldMachines;
import dev.whimbrel.activity.Outcome;
import dev.whimbrel.activity.RetireRequest;
import dev.whimbrel.runbook.DnsSpec;
import dev.whimbrel.runbook.ProvisionSpec;
import dev.whimbrel.runbook.RetireSpec;
import io.temporal.workflow.Workflow;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;

/** The target's machines at the beginning, and the source's at the end. */
final class Machines {
  private final Migration migration;

  Machines(Migration migration) {
    this.migration = migration;
  }

  /** Makes the target's machines, where the runbook says so. */
  void provision() {
    ProvisionSpec provision = migration.runbook.provision();
    if (provision == null) {
      migration.board.notConfigured(Step.PROVISION);
      return;
    }
    MachinesRequest request = new MachinesRequest(migration.runbook.name(), provision);
    migration.undo.tidying(Step.UNPROVISION, step -> remove(step, request));
    migration.steps.run(
        Step.PROVISION,
        step -> {
          call(Compute.class, Timeouts.WORK, step).provisionMachines(request);
          return call(Compute.class, Timeouts.WATCH, step).awaitMachines(request);
        });
  }

  /** Clients keep an answer for as long as its TTL says: the machines behind it stay as long. */
  private Outcome remove(Step step, MachinesRequest request) {
    DnsSpec dns = migration.runbook.dns();
    if (dns != null && migration.shares.touched()) {
      int ttl =
          migration.steps.isSkipped(Step.LOWER_TTL) && migration.namesWereFound()
              ? migration.found().longestTtl()
              : dns.ttlInForce();
      migration.steps.pass(Duration.ofSeconds(ttl), step.label());
    }
    return call(Compute.class, Timeouts.WORK, step).removeMachines(request);
  }

  /**
   * Stops the source's machines, and terminates them where the runbook says so: after its time, and
   * with an approval of its own.
   */
  void retire() {
    RetireSpec retire = migration.runbook.decommission().retire();
    if (retire == null) {
      migration.board.notConfigured(Step.RETIRE);
      leaveStanding();
      return;
    }
    List<String> named = Stream.concat(retire.ec2().stream(), retire.azure().stream()).toList();
    RetireRequest request =
        new RetireRequest(migration.runbook.name(), retire)
            .seen(Plans.sawOldMachines(migration.preflight()) ? named : List.of());
    Outcome stopped =
        migration.steps.attempt(
            Step.RETIRE, step -> stop(step, request), Outcome::line, Step.RETIRE.skippable());
    Duration after = retire.terminateAfter();
    // What somebody would not let be stopped is not terminated either.
    if (stopped == null || after == null) {
      leaveStanding();
      return;
    }
    migration.steps.rest(
        Step.TERMINATE_AFTER,
        after,
        "the end of the time for which the old machines stay stopped",
        "the time is over");
    // What was stopped, or was gone and known, needs no other proof that it is the right one.
    RetireRequest approved = approved(request.seen(named));
    migration.steps.run(
        Step.TERMINATE,
        step -> {
          Outcome gone = call(Compute.class, Timeouts.WORK, step).terminateMachines(approved);
          return new Outcome(gone.line() + "; " + costs(step, approved));
        });
  }

  /** What may be terminated, approved where the runbook asks for that. */
  private RetireRequest approved(RetireRequest request) {
    boolean looks =
        Workflow.getVersion("look-before-terminate", Workflow.DEFAULT_VERSION, 1)
            != Workflow.DEFAULT_VERSION;
    if (!request.retire().approvalRequired()) {
      migration.board.notConfigured(Step.TERMINATE_APPROVAL);
      return looks ? request.running(List.of()) : request;
    }
    migration.approvals.clear();
    if (!looks) {
      awaitApproval(endOf(request.retire(), List.of()));
      return request;
    }
    while (true) {
      OldMachines now = look(request);
      MigrationStatus.Findings findings = endOf(request.retire(), now.lines());
      // Asked of the machines as they are now, also after the approval: it may be days old.
      if (migration.approvals.cover(findings)) {
        return request.running(now.running());
      }
      awaitApproval(findings);
    }
  }

  private void awaitApproval(MigrationStatus.Findings findings) {
    Gate.awaitApprovalOf(migration, Step.TERMINATE_APPROVAL, findings, Step.TERMINATE);
  }

  private OldMachines look(RetireRequest request) {
    return migration.steps.get(
        Step.TERMINATE_APPROVAL,
        step -> call(Compute.class, Timeouts.CALL, step).lookAtOldMachines(request),
        found -> line(request.retire(), found));
  }

  private String line(RetireSpec retire, OldMachines found) {
    String line =
        found.lines().isEmpty()
            ? "the old machines are as they were left"
            : String.join(" ", found.lines());
    return migration.approvals.cover(endOf(retire, found.lines()))
        ? "approved by %s; %s".formatted(migration.approvals.by(), line)
        : line;
  }

  private void leaveStanding() {
    migration.board.notConfigured(Step.TERMINATE_AFTER);
    migration.board.notConfigured(Step.TERMINATE_APPROVAL);
    migration.board.notConfigured(Step.TERMINATE);
  }

  private Outcome stop(Step step, RetireRequest request) {
    Outcome stopped = call(Compute.class, Timeouts.WORK, step).stopMachines(request);
    return new Outcome(stopped.line() + "; " + costs(step, request));
  }

  private String costs(Step step, RetireRequest request) {
    return call(Compute.class, Timeouts.CALL, step).listCosts(request).line()
        + zones(migration, step);
  }

  /** What goes on costing money for the names, to be put behind another line; or nothing. */
  static String zones(Migration migration, Step step) {
    DnsMove names = migration.names();
    // A server that takes updates is nobody's to pay for here.
    if (names == null || names.dns().rfc2136() != null) {
      return "";
    }
    if (Workflow.getVersion("list-zones", Workflow.DEFAULT_VERSION, 1) < 1) {
      return "";
    }
    String line = call(Dns.class, Timeouts.CALL, step).listZones(names).line();
    return line.isEmpty() ? "" : "; goes on costing money: " + line;
  }

  private static MigrationStatus.Findings endOf(RetireSpec retire, List<String> changed) {
    List<String> lines = new ArrayList<>();
    lines.add("THE OLD MACHINES ARE TERMINATED, with the disks that go with them.");
    retire.ec2().forEach(id -> lines.add("EC2 instance " + id));
    retire.azure().forEach(id -> lines.add("Azure virtual machine " + id));
    lines.addAll(changed);
    return Evidence.findings(List.copyOf(lines), List.of());
  }
}
