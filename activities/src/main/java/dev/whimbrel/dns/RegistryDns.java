package dev.whimbrel.dns;

import dev.whimbrel.activity.Dns;
import dev.whimbrel.activity.DnsMove;
import dev.whimbrel.activity.DnsSnapshot;
import dev.whimbrel.activity.DnsSnapshot.RecordSet;
import dev.whimbrel.activity.Failures;
import dev.whimbrel.activity.Outcome;
import dev.whimbrel.activity.ShiftRequest;
import dev.whimbrel.activity.Side;
import dev.whimbrel.activity.TtlRequest;
import dev.whimbrel.dns.rfc2136.Rfc2136Provider;
import dev.whimbrel.runbook.DnsSpec;
import dev.whimbrel.secrets.Secrets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** The service's names, at whichever provider the runbook names. */
public final class RegistryDns implements Dns {
  /** Servers of one zone tell each other about changes within seconds, if at all. */
  private static final Duration SERVERS_LIMIT = Duration.ofMinutes(10);

  private final Secrets secrets;
  private final Duration betweenLooks;

  /** Names whose keys are resolved by {@code secrets}. */
  public RegistryDns(Secrets secrets) {
    this(secrets, null);
  }

  /**
   * Names whose servers are looked at more often than usual.
   *
   * @param atMost the longest time between two looks; null for the usual one
   */
  public RegistryDns(Secrets secrets, @Nullable Duration atMost) {
    this.secrets = secrets;
    this.betweenLooks =
        atMost == null || Waiting.INTERVAL.compareTo(atMost) < 0 ? Waiting.INTERVAL : atMost;
  }

  @Override
  public DnsSnapshot findRecords(DnsMove move) {
    DnsProvider provider = provider(move.dns());
    List<Nameserver> servers = provider.authoritative();
    Addresses source = NamePlan.addresses("source", move.sourceAddresses());
    if (NamePlan.addresses("target", move.targetAddresses()).isEmpty()) {
      throw Failures.needsHelp(
          "target.addresses is empty: the names would point to nothing",
          "write the addresses of the target's side into the runbook",
          null);
    }
    List<RecordSet> records = new ArrayList<>();
    for (String each : move.dns().names()) {
      String name = NamePlan.bare(each);
      NameState now = new Agreement(servers).on(name, provider.read(name));
      if (now.sets().isEmpty() || !(source.isEmpty() || source.equals(now.addresses()))) {
        throw Failures.needsHelp(
            "%s: expected the source's addresses %s, found %s".formatted(name, source, now.line()),
            "correct source.addresses in the runbook, or the records, then retry",
            null);
      }
      records.addAll(now.sets());
    }
    return new DnsSnapshot(records);
  }

  @Override
  public Outcome setTtl(TtlRequest request) {
    DnsProvider provider = provider(request.move().dns());
    Zone zone = new Zone(provider, request.move().migration(), new Attempt());
    List<String> lines = new ArrayList<>();
    for (NamePlan plan : NamePlan.all(request.move(), request.found())) {
      requireExpectedTtl(request, plan, zone.read(plan));
      NameState before =
          request.restore()
              ? zone.release(plan, now -> withTtl(request, plan, now))
              : zone.change(plan, now -> withTtl(request, plan, now));
      lines.add(
          "%s: TTL %s → %s s"
              .formatted(plan.name(), ttls(before.sets()), ttls(withTtl(request, plan, before))));
    }
    return new Outcome(String.join(", ", lines));
  }

  @Override
  public Outcome awaitTtl(TtlRequest request) {
    DnsProvider provider = provider(request.move().dns());
    List<Nameserver> servers = provider.authoritative();
    Waiting waiting =
        new Waiting(
            new Attempt(),
            SERVERS_LIMIT,
            "see why this server does not follow the zone's primary, then retry",
            betweenLooks);
    for (NamePlan plan : NamePlan.all(request.move(), request.found())) {
      waiting.until(servers, () -> {}, server -> missingTtl(request, plan, server));
    }
    return new Outcome(
        "TTL in force at %s".formatted(count(servers.size(), "authoritative server")));
  }

  @Override
  public Outcome shift(ShiftRequest request) {
    DnsProvider provider = provider(request.move().dns());
    Zone zone = new Zone(provider, request.move().migration(), new Attempt());
    List<String> lines = new ArrayList<>();
    for (NamePlan plan : NamePlan.all(request.move(), request.found())) {
      NameState before = zone.change(plan, now -> plan.sets(request.to(), now));
      lines.add(
          "%s: %s → %s at TTL %s s"
              .formatted(
                  plan.name(), before.addresses(), plan.on(request.to()), ttls(before.sets())));
    }
    return new Outcome(String.join(", ", lines));
  }

  @Override
  public Outcome awaitPropagation(ShiftRequest request) {
    DnsSpec dns = request.move().dns();
    DnsProvider provider = provider(dns);
    Attempt attempt = new Attempt();
    Zone zone = new Zone(provider, request.move().migration(), attempt);
    List<Nameserver> servers =
        Stream.concat(
                provider.authoritative().stream(),
                dns.resolvers().stream().map(resolver -> Nameserver.of(resolver, true)))
            .toList();
    Waiting waiting =
        new Waiting(
            attempt,
            SERVERS_LIMIT.plus(inForce(dns).multipliedBy(5)),
            "see why this server keeps the old answer; clients behind it still use the old side",
            betweenLooks);
    for (NamePlan plan : NamePlan.all(request.move(), request.found())) {
      waiting.until(
          servers,
          () -> requireShifted(zone, plan, request.to()),
          server -> missingAddresses(plan, request.to(), server));
    }
    return new Outcome(
        "%s answered by %s"
            .formatted(
                NamePlan.addresses("target", addresses(request)), count(servers.size(), "server")));
  }

  private static List<String> addresses(ShiftRequest request) {
    return request.move().addresses(request.to());
  }

  /** What was shifted and is back where it was, was put back by somebody else. */
  private static void requireShifted(Zone zone, NamePlan plan, Side to) {
    NameState now = zone.read(plan);
    if (!now.addresses().equals(plan.on(to))) {
      throw zone.drifted(plan, now);
    }
  }

  private static Optional<String> missingAddresses(NamePlan plan, Side to, Nameserver server) {
    NameState now = server.addresses(plan.name());
    return now.addresses().equals(plan.on(to)) ? Optional.empty() : Optional.of(old(server, now));
  }

  private static String old(Nameserver server, NameState now) {
    return "%s still answers %s for %s".formatted(server.label(), now.line(), now.name());
  }

  private static void requireExpectedTtl(TtlRequest request, NamePlan plan, NameState now) {
    int longest = plan.longestExpectedTtl(request);
    if (now.longestTtl() > longest) {
      throw Failures.needsHelp(
          "%s was changed by somebody else: expected a TTL of at most %d s, found %s"
              .formatted(plan.name(), longest, now.line()),
          "stop whoever changes it, set the TTL back to %d s, then retry".formatted(longest),
          null);
    }
  }

  private static List<RecordSet> withTtl(TtlRequest request, NamePlan plan, NameState now) {
    return now.sets().stream()
        .map(s -> new RecordSet(s.name(), s.type(), plan.ttl(request, s.type()), s.values()))
        .toList();
  }

  private static Optional<String> missingTtl(TtlRequest request, NamePlan plan, Nameserver server) {
    NameState now = server.addresses(plan.name());
    boolean inForce =
        !now.sets().isEmpty()
            && now.sets().stream().allMatch(s -> s.ttl() == plan.ttl(request, s.type()));
    return inForce ? Optional.empty() : Optional.of(old(server, now));
  }

  /** The TTL that resolvers may keep an answer for during the move. */
  private static Duration inForce(DnsSpec dns) {
    List<Integer> lower = dns.ttl().lower();
    return Duration.ofSeconds(lower.get(lower.size() - 1));
  }

  private static String ttls(List<RecordSet> sets) {
    return sets.stream()
        .map(set -> Integer.toString(set.ttl()))
        .distinct()
        .collect(Collectors.joining("/"));
  }

  private static String count(int number, String what) {
    return number + " " + what + (number == 1 ? "" : "s");
  }

  private DnsProvider provider(DnsSpec dns) {
    if (dns.rfc2136() != null) {
      return new Rfc2136Provider(dns.rfc2136(), secrets);
    }
    throw Failures.needsHelp(
        "dns names no provider: expected rfc2136",
        "write where the zone is kept into the runbook, as dns.rfc2136",
        null);
  }
}
