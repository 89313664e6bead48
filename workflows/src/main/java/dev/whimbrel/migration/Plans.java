package dev.whimbrel.migration;

import static dev.whimbrel.migration.Timeouts.call;

import dev.whimbrel.activity.ChangePlan;
import dev.whimbrel.activity.Compute;
import dev.whimbrel.activity.Dns;
import dev.whimbrel.activity.DnsMove;
import dev.whimbrel.activity.Finding;
import dev.whimbrel.activity.MachinesRequest;
import dev.whimbrel.activity.NamesRequest;
import dev.whimbrel.activity.PreflightReport;
import dev.whimbrel.activity.PreflightReport.PlannedChange;
import dev.whimbrel.activity.RetireRequest;
import dev.whimbrel.activity.ShareRequest;
import dev.whimbrel.activity.Traffic;
import dev.whimbrel.runbook.CanarySpec;
import dev.whimbrel.runbook.DnsSpec;
import dev.whimbrel.runbook.RetireSpec;
import dev.whimbrel.runbook.Runbook;
import dev.whimbrel.runbook.TrafficSpec;
import io.temporal.activity.ActivityOptions;
import io.temporal.failure.ActivityFailure;
import io.temporal.failure.TimeoutFailure;
import io.temporal.workflow.Workflow;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Supplier;

/** Asks everything outside of the databases what a runbook would change there. Changes nothing. */
final class Plans {
  private static final String LABEL = "plan: look at names, traffic and machines";

  private static final String OLD_MACHINES = "old machines";

  private Plans() {}

  /** How a look is taken whose subject may not answer. */
  private interface Asking {
    ChangePlan ask(String subject, Supplier<ChangePlan> look);
  }

  /**
   * Everything that the runbook names, for a person who waits at a terminal. What does not answer
   * in time, or has no time for the question, is said to be not looked at.
   */
  static List<PlannedChange> all(Runbook runbook) {
    List<PlannedChange> changes =
        ask(runbook, Timeouts.LOOK_ELSEWHERE, LABEL, Plans::asFarAsItAnswers);
    return withOldMachines(
        changes, runbook, Timeouts.LOOK_ELSEWHERE, LABEL, Plans::asFarAsItAnswers);
  }

  private static ChangePlan asFarAsItAnswers(String subject, Supplier<ChangePlan> look) {
    try {
      return look.get();
    } catch (ActivityFailure e) {
      if (!Judgement.isTransient(e) && !(e.getCause() instanceof TimeoutFailure)) {
        throw e;
      }
      return new ChangePlan(
          List.of(
              new Finding(
                  Finding.Level.WARNING,
                  "not-looked-at",
                  subject,
                  "not looked at, which says nothing about the runbook: %s."
                      .formatted(Judgement.help(LABEL, e).cause()),
                  "plan again")),
          List.of(),
          List.of());
    }
  }

  /**
   * The same before a migration touches anything. Where all that moves is a zone that takes
   * updates, it is looked at when its TTL is lowered.
   */
  static List<PlannedChange> beforeTheStart(Runbook runbook, String label) {
    DnsSpec dns = runbook.dns();
    boolean onlyUpdates = dns == null || dns.rfc2136() != null;
    Asking sure = (subject, look) -> look.get();
    List<PlannedChange> changes =
        onlyUpdates && runbook.traffic() == null && runbook.provision() == null
            ? List.of()
            : ask(runbook, Timeouts.CALL, label, sure);
    return withOldMachines(changes, runbook, Timeouts.CALL, label, sure);
  }

  /** Whether the source's machines were looked at, and all were there. */
  static boolean sawOldMachines(PreflightReport report) {
    return report.changes().stream().anyMatch(each -> each.what().equals(OLD_MACHINES));
  }

  private static List<PlannedChange> withOldMachines(
      List<PlannedChange> changes,
      Runbook runbook,
      ActivityOptions options,
      String label,
      Asking asking) {
    RetireSpec retire = runbook.decommission().retire();
    if (retire == null
        || Workflow.getVersion("look-at-old-machines", Workflow.DEFAULT_VERSION, 1)
            == Workflow.DEFAULT_VERSION) {
      return changes;
    }
    Compute machines = call(Compute.class, options, label);
    RetireRequest request = new RetireRequest(runbook.name(), retire);
    List<PlannedChange> all = new ArrayList<>(changes);
    all.add(
        new PlannedChange(
            OLD_MACHINES, asking.ask(OLD_MACHINES, () -> machines.planRetirement(request))));
    return List.copyOf(all);
  }

  private static List<PlannedChange> ask(
      Runbook runbook, ActivityOptions options, String label, Asking asking) {
    List<PlannedChange> changes = new ArrayList<>();
    DnsSpec dns = runbook.dns();
    TrafficSpec traffic = runbook.traffic();
    CanarySpec canary = runbook.validate().canary();
    List<Integer> weights = canary == null ? List.of() : canary.weights();
    if (dns != null) {
      boolean byNames = traffic == null || traffic.byDns();
      NamesRequest request =
          new NamesRequest(DnsMove.of(runbook, dns), byNames ? weights : List.of());
      Dns names = call(Dns.class, options, label);
      changes.add(new PlannedChange("names", asking.ask("names", () -> names.planNames(request))));
    }
    if (traffic != null && (!traffic.byDns() || traffic.forwards())) {
      Traffic shares = call(Traffic.class, options, label);
      ShareRequest request = new ShareRequest(runbook.name(), traffic, 100);
      changes.add(
          new PlannedChange("traffic", asking.ask("traffic", () -> shares.planShare(request))));
    }
    if (runbook.provision() != null) {
      Compute machines = call(Compute.class, options, label);
      MachinesRequest request = new MachinesRequest(runbook.name(), runbook.provision());
      changes.add(
          new PlannedChange(
              "machines", asking.ask("machines", () -> machines.planMachines(request))));
    }
    return List.copyOf(changes);
  }
}
