package dev.whimbrel.dns.route53;

import dev.whimbrel.activity.DnsSnapshot.RecordSet;
import dev.whimbrel.activity.Failures;
import dev.whimbrel.activity.Finding;
import dev.whimbrel.activity.Finding.Level;
import dev.whimbrel.activity.Side;
import io.temporal.failure.ApplicationFailure;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import software.amazon.awssdk.services.route53.model.ResourceRecordSet;

/** What a person should know of a hosted zone before its names move. */
final class ZoneFindings {
  static final String CHECK = "route53";

  private static final Set<String> ALSO_ADDRESSES = Set.of("HTTPS", "SVCB");

  private final HostedZone zone;
  private final Weights weights;
  private final boolean serversListed;
  private final List<Finding> findings = new ArrayList<>();

  ZoneFindings(HostedZone zone, Weights weights, boolean serversListed) {
    this.zone = zone;
    this.weights = weights;
    this.serversListed = serversListed;
  }

  List<Finding> all(List<String> names, boolean weighted) {
    visibility();
    ifAllowed("whether other hosted zones have the same name", this::namesakes);
    names.forEach(name -> records(name, weighted));
    if (weighted) {
      for (Side side : Side.values()) {
        @Nullable String check = weights.check(side);
        if (check != null) {
          ifAllowed(
              "the state of the " + side.word() + "'s health check", () -> health(side, check));
        }
      }
    }
    return List.copyOf(findings);
  }

  private void visibility() {
    if (!zone.facts().isPrivate()) {
      return;
    }
    String networks = String.join(", ", zone.facts().networks());
    if (serversListed) {
      add(
          Level.WARNING,
          zone.resource(),
          "is private to %s: clients anywhere else do not see what changes here."
              .formatted(networks),
          null);
    } else {
      add(
          Level.BLOCKER,
          zone.resource(),
          "is private to %s and has no name servers of its own: nobody can see whether a change is served."
              .formatted(networks),
          "list a server that answers for it under dns.route53.authoritative, or name the public zone");
    }
  }

  private void namesakes() {
    for (HostedZone.Namesake other : zone.namesakes()) {
      add(
          Level.WARNING,
          zone.facts().name(),
          "the %s hosted zone %s has the same name: whoever is answered from it sees nothing of this move."
              .formatted(other.isPrivate() ? "private" : "public", other.id()),
          "if the names stand there too, change them there by hand at the same moments");
    }
  }

  /** A look that the move can do without: where it is not allowed, that is said. */
  private void ifAllowed(String subject, Runnable look) {
    try {
      look.run();
    } catch (ApplicationFailure e) {
      if (!Failures.NEEDS_HELP.equals(e.getType())) {
        throw e;
      }
      Failures.Help help = e.getDetails().get(Failures.Help.class);
      add(Level.WARNING, subject, "is not known. " + help.cause() + ".", help.command());
    }
  }

  private void records(String name, boolean weighted) {
    for (ResourceRecordSet set : zone.sets(name)) {
      String type = set.typeAsString();
      if (ALSO_ADDRESSES.contains(type)) {
        add(
            Level.WARNING,
            name,
            "has %s records, which may name addresses of the source and are not moved."
                .formatted(type),
            "take ipv4hint and ipv6hint out of them for the time of the move");
      }
      if (set.aliasTarget() != null) {
        add(
            Level.NOTE,
            name,
            "%s is an alias of %s: its TTL is %d s, and cannot be lowered."
                .formatted(type, set.aliasTarget().dnsName(), RecordSets.ALIAS_TTL),
            null);
      }
      @Nullable String check = weights.check(Side.SOURCE);
      if (weighted && check != null && set.healthCheckId() != null && !Weights.isOurs(set)) {
        RecordSet found = RecordSets.read(name, set);
        add(
            Level.BLOCKER,
            name,
            Weights.twoChecks(found, Side.SOURCE, check) + ".",
            "leave dns.route53.healthChecks.source out: the record's own stays with it");
      }
    }
  }

  private void health(Side side, String check) {
    Checked health = zone.checked(check);
    String figures = health.line(side);
    if (health.isUntold()) {
      add(
          Level.WARNING,
          "healthcheck/" + check,
          figures + ".",
          "see in Route 53's or CloudWatch's console that it is healthy before the first weight");
    } else if (health.isGood()) {
      add(Level.NOTE, "healthcheck/" + check, figures + ".", null);
    } else {
      add(
          Level.WARNING,
          "healthcheck/" + check,
          "%s%s: Route 53 sends nobody there, whatever the weights say."
              .formatted(
                  figures,
                  health.inverted() || health.example().isEmpty()
                      ? ""
                      : " (" + health.example() + ")"),
          "mend the %s's stack or the health check before the first weight".formatted(side.word()));
    }
  }

  private void add(Level level, String subject, String message, @Nullable String fix) {
    findings.add(new Finding(level, CHECK, subject, message, fix));
  }
}
