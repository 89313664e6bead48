package dev.whimbrel.compute;

import dev.whimbrel.activity.ChangePlan;
import dev.whimbrel.activity.Finding;
import dev.whimbrel.activity.Finding.Level;
import dev.whimbrel.activity.RetireRequest;
import io.temporal.failure.ApplicationFailure;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** Every call that would retire the source's machines at one place; changes nothing. */
final class RetirementCalls {
  static final String CHECK = "old-machines";

  private final ComputeProvider provider;
  private final RetireRequest request;
  private final List<Finding> findings = new ArrayList<>();
  private final List<String> forward = new ArrayList<>();
  private final List<String> back = new ArrayList<>();

  RetirementCalls(ComputeProvider provider, RetireRequest request, List<String> ids) {
    this.provider = provider;
    this.request = request;
    ids.forEach(this::machine);
  }

  ChangePlan plan() {
    return new ChangePlan(findings, forward, back);
  }

  private void machine(String id) {
    try {
      Optional<Machine> found = provider.find(id);
      if (found.filter(Machine::alive).isEmpty()) {
        findings.add(missing(id, found));
        return;
      }
      Retiring.requireOldSide(provider, request.migration(), found.get());
      calls(found.get());
    } catch (ApplicationFailure e) {
      findings.add(Refusals.blocker(id, e));
    }
  }

  private Finding missing(String id, Optional<Machine> found) {
    return finding(
        Level.BLOCKER,
        id,
        "expected this machine in %s, found %s. Correct decommission.retire in the runbook."
            .formatted(
                provider.place(), found.isEmpty() ? "none" : "it " + found.get().state().word()),
        provider.byHand("show", id));
  }

  private void calls(Machine machine) {
    findings.add(finding(Level.NOTE, machine.id(), words(machine), null));
    if (machine.owner() != null) {
      findings.add(
          finding(
              Level.WARNING,
              machine.id(),
              "it belongs to %s, which would replace it when it stops: let that go before the decommission."
                  .formatted(machine.owner()),
              null));
    }
    forward.add(
        machine.state() == Machine.State.STOPPED
            ? machine.id() + " stands already: it is not stopped"
            : provider.retireCall("stop", machine));
    findings.addAll(provider.rights("stop", machine));
    Duration after = request.retire().terminateAfter();
    if (after != null) {
      forward.add(
          "%s, %s later%s"
              .formatted(
                  provider.retireCall("terminate", machine),
                  words(after),
                  request.retire().approvalRequired() ? ", with an approval of its own" : ""));
      findings.addAll(provider.rights("terminate", machine));
      provider
          .staying(machine)
          .forEach(
              each ->
                  findings.add(
                      finding(Level.NOTE, machine.id(), each + " stays when it is ended.", null)));
    }
    back.add(
        provider.byHand("start", machine.id())
            + (after == null ? "" : " (until it is terminated)"));
  }

  private String words(Machine machine) {
    return "it is %s in %s: %s."
        .formatted(
            machine.state().word(),
            provider.place(),
            String.join(
                ", ",
                machine.facts().entrySet().stream()
                    .map(each -> each.getKey() + " " + each.getValue())
                    .toList()));
  }

  private static String words(Duration time) {
    long seconds = time.toSeconds();
    return seconds % 86400 == 0
        ? seconds / 86400 + " d"
        : seconds % 3600 == 0 ? seconds / 3600 + " h" : seconds + " s";
  }

  private static Finding finding(
      Level level, String subject, String message, @Nullable String fix) {
    return new Finding(level, CHECK, subject, message, fix);
  }
}
