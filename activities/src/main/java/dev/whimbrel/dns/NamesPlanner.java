package dev.whimbrel.dns;

import dev.whimbrel.activity.ChangePlan;
import dev.whimbrel.activity.DnsMove;
import dev.whimbrel.activity.DnsSnapshot.RecordSet;
import dev.whimbrel.activity.Failures;
import dev.whimbrel.activity.Finding;
import dev.whimbrel.activity.Finding.Level;
import dev.whimbrel.activity.NamesRequest;
import dev.whimbrel.activity.Side;
import io.temporal.failure.ApplicationFailure;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** Says before anything is changed what stands in the way of a move of names, and types it out. */
final class NamesPlanner {
  private static final String CHECK = "names";

  private final DnsProvider provider;
  private final DnsMove move;
  private final boolean weighted;
  private final List<Finding> findings = new ArrayList<>();
  private final List<String> forward = new ArrayList<>();
  private final List<String> back = new ArrayList<>();

  NamesPlanner(DnsProvider provider, NamesRequest request) {
    this.provider = provider;
    this.move = request.move();
    this.weighted = request.weights().stream().anyMatch(weight -> weight < NamePlan.ALL);
  }

  /**
   * Looks.
   *
   * @throws ApplicationFailure {@code Transient} where the provider has no time, or does not answer
   */
  ChangePlan plan() {
    List<String> names = move.dns().names().stream().map(NamePlan::bare).toList();
    if (weighted && !provider.capabilities().weights()) {
      blocker(
          "dns." + move.dns().provider(),
          "a canary by weight was asked for, and this provider cannot answer by weight.",
          "set the weights by traffic: {haproxy: …} or {command: …}, or leave canary out");
    }
    try {
      findings.addAll(provider.findings(names, weighted));
      names.forEach(this::look);
    } catch (ApplicationFailure e) {
      if (Failures.TRANSIENT.equals(e.getType())) {
        throw e; // such as throttling: it tells nothing about the names
      }
      blocker(String.join(", ", names), e.getOriginalMessage(), null);
    }
    return new ChangePlan(List.copyOf(findings), List.copyOf(forward), List.copyOf(back));
  }

  private void look(String name) {
    NameState now = provider.read(name);
    NamePlan plan = new NamePlan(name, now.sets(), NamePlan.destination(move, Side.TARGET));
    if (now.mark().isPresent() && !now.mark().get().migration().equals(move.migration())) {
      blocker(
          name,
          "is being moved by the migration %s.".formatted(now.mark().get().migration()),
          "end that migration first; if it is gone, remove the TXT record " + Mark.nameFor(name));
      return;
    }
    if (now.mark().isPresent()) {
      // What stands there now is the migration's own work: a way back to it would be none.
      findings.add(
          new Finding(
              Level.NOTE,
              CHECK,
              name,
              "is being moved by this migration: the card of its first plan holds the way back.",
              null));
      return;
    }
    if (now.isEmpty()) {
      blocker(name, "has no A, AAAA or CNAME record.", "make it, or correct dns.names");
      return;
    }
    if (weighted) {
      families(plan);
    }
    NameState target = plan.at(NamePlan.ALL, now).with(Optional.empty());
    NameState bare = now.with(Optional.empty());
    forward.add(provider.byHand(bare, target));
    back.add(provider.byHand(target, bare));
  }

  private void families(NamePlan plan) {
    List<String> here = plan.found().stream().map(RecordSet::type).toList();
    boolean alias = here.contains("CNAME");
    if (alias != (plan.target().cname() != null)) {
      blocker(
          plan.name(),
          "points to %s on the source and to %s on the target: an alias and addresses cannot stand beside each other by weight."
              .formatted(plan.words(0), plan.target()),
          "give both sides addresses, or both a cname");
      return;
    }
    for (String type : Destination.TYPES) {
      boolean there = !plan.target().ofType(type).isEmpty();
      if (here.contains(type) != there) {
        findings.add(
            new Finding(
                Level.WARNING,
                CHECK,
                plan.name(),
                "only the %s has %s records: during the canary %s."
                    .formatted(
                        there ? "target" : "source",
                        type,
                        there
                            ? "they are left out, and come with the whole shift"
                            : "their clients stay on the source"),
                null));
      }
    }
  }

  private void blocker(String subject, String message, @Nullable String fix) {
    findings.add(new Finding(Level.BLOCKER, CHECK, subject, message, fix));
  }
}
