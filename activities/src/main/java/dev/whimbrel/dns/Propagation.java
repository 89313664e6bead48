package dev.whimbrel.dns;

import dev.whimbrel.activity.DnsSnapshot.RecordSet;
import dev.whimbrel.activity.Outcome;
import dev.whimbrel.activity.ShiftRequest;
import dev.whimbrel.activity.Side;
import dev.whimbrel.attempt.Attempt;
import dev.whimbrel.dns.NameState.Split;
import dev.whimbrel.runbook.DnsSpec;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;

/** Waits until a change is seen by whoever asks: at every server with authority, and resolvers. */
final class Propagation {
  private final DnsProvider provider;
  private final Zone zone;
  private final Attempt attempt;
  private final Duration betweenLooks;

  Propagation(DnsProvider provider, Zone zone, Attempt attempt, Duration betweenLooks) {
    this.provider = provider;
    this.zone = zone;
    this.attempt = attempt;
    this.betweenLooks = betweenLooks;
  }

  /** The target's percent that a request asks for. */
  static int share(ShiftRequest request) {
    if (request.share() != null) {
      return request.share();
    }
    return request.to() == Side.SOURCE ? 0 : NamePlan.ALL;
  }

  Outcome await(ShiftRequest request) {
    DnsSpec dns = request.move().dns();
    int share = share(request);
    List<Nameserver> authoritative = provider.authoritative();
    List<Nameserver> resolvers =
        dns.resolvers().stream().map(resolver -> Nameserver.of(resolver, true)).toList();
    List<Nameserver> servers = Stream.concat(authoritative.stream(), resolvers.stream()).toList();
    Waiting waiting =
        new Waiting(
            attempt,
            RegistryDns.SERVERS_LIMIT.plus(Duration.ofSeconds(dns.ttlInForce()).multipliedBy(5)),
            "see why this server keeps the old answer; clients behind it still use the old side",
            betweenLooks);
    List<String> measured = new ArrayList<>();
    List<NameState> split = new ArrayList<>();
    for (NamePlan plan : NamePlan.all(request.move(), request.found())) {
      NameState wanted = plan.at(share, zone.read(plan));
      if (wanted.splits().isEmpty()) {
        waiting.until(
            servers, () -> zone.requireAt(plan, share), server -> missing(plan, wanted, server));
        continue;
      }
      split.add(wanted);
      for (Split each : wanted.splits()) {
        SplitMeasure measure = new SplitMeasure(plan.name(), each, attempt);
        waiting.until(authoritative, () -> zone.requireAt(plan, share), measure::missingAt);
        measured.add(measure.line(authoritative.size(), resolvers));
      }
    }
    return new Outcome(
        measured.isEmpty()
            ? "%s answered by %s"
                .formatted(words(request, share), RegistryDns.count(servers.size(), "server"))
            : String.join("; ", measured) + Health.behind(provider.health(split)));
  }

  private static String words(ShiftRequest request, int share) {
    return share == NamePlan.ALL
        ? NamePlan.destination(request.move(), Side.TARGET).toString()
        : new NameState("", request.found().records(), Optional.empty()).destination().toString();
  }

  private static Optional<String> missing(NamePlan plan, NameState wanted, Nameserver server) {
    NameState now = server.look(plan.name());
    // What an alias of the source's stands for is not known here: anything but the target's.
    boolean alias = wanted.sets().stream().anyMatch(RecordSet::aliased);
    boolean there =
        alias
            ? !now.isEmpty() && !now.destination().equals(plan.target())
            : now.destination().equals(wanted.destination());
    return there ? Optional.empty() : Optional.of(old(server, now));
  }

  static String old(Nameserver server, NameState now) {
    return "%s still answers %s for %s".formatted(server.label(), now.line(), now.name());
  }
}
