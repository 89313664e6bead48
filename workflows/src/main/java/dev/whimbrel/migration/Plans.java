package dev.whimbrel.migration;

import static dev.whimbrel.migration.Timeouts.call;

import dev.whimbrel.activity.Compute;
import dev.whimbrel.activity.Dns;
import dev.whimbrel.activity.DnsMove;
import dev.whimbrel.activity.MachinesRequest;
import dev.whimbrel.activity.NamesRequest;
import dev.whimbrel.activity.PreflightReport.PlannedChange;
import dev.whimbrel.activity.ShareRequest;
import dev.whimbrel.activity.Traffic;
import dev.whimbrel.runbook.CanarySpec;
import dev.whimbrel.runbook.DnsSpec;
import dev.whimbrel.runbook.Runbook;
import dev.whimbrel.runbook.TrafficSpec;
import io.temporal.activity.ActivityOptions;
import java.util.ArrayList;
import java.util.List;

/** Asks everything outside of the databases what a runbook would change there. Changes nothing. */
final class Plans {
  private static final String LABEL = "plan: look at names, traffic and machines";

  private Plans() {}

  /** Everything that the runbook names, for a person who waits at a terminal. */
  static List<PlannedChange> all(Runbook runbook) {
    return ask(runbook, Timeouts.LOOK, LABEL);
  }

  /**
   * The same before a migration touches anything; nothing where all that moves is a zone that takes
   * updates, which is looked at when its TTL is lowered.
   */
  static List<PlannedChange> beforeTheStart(Runbook runbook, String label) {
    DnsSpec dns = runbook.dns();
    boolean onlyUpdates = dns == null || dns.rfc2136() != null;
    return onlyUpdates && runbook.traffic() == null && runbook.provision() == null
        ? List.of()
        : ask(runbook, Timeouts.CALL, label);
  }

  private static List<PlannedChange> ask(Runbook runbook, ActivityOptions options, String label) {
    List<PlannedChange> changes = new ArrayList<>();
    DnsSpec dns = runbook.dns();
    TrafficSpec traffic = runbook.traffic();
    CanarySpec canary = runbook.validate().canary();
    List<Integer> weights = canary == null ? List.of() : canary.weights();
    if (dns != null) {
      boolean byNames = traffic == null || traffic.byDns();
      NamesRequest request =
          new NamesRequest(DnsMove.of(runbook, dns), byNames ? weights : List.of());
      changes.add(new PlannedChange("names", call(Dns.class, options, label).planNames(request)));
    }
    if (traffic != null && (!traffic.byDns() || traffic.forwards())) {
      changes.add(
          new PlannedChange(
              "traffic",
              call(Traffic.class, options, label)
                  .planShare(new ShareRequest(runbook.name(), traffic, 100))));
    }
    if (runbook.provision() != null) {
      changes.add(
          new PlannedChange(
              "machines",
              call(Compute.class, options, label)
                  .planMachines(new MachinesRequest(runbook.name(), runbook.provision()))));
    }
    return List.copyOf(changes);
  }
}
