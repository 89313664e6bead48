package dev.whimbrel.dns;

import dev.whimbrel.activity.ChangePlan;
import dev.whimbrel.activity.Dns;
import dev.whimbrel.activity.DnsMove;
import dev.whimbrel.activity.DnsSnapshot;
import dev.whimbrel.activity.DnsSnapshot.RecordSet;
import dev.whimbrel.activity.Failures;
import dev.whimbrel.activity.NamesRequest;
import dev.whimbrel.activity.Outcome;
import dev.whimbrel.activity.ShiftRequest;
import dev.whimbrel.activity.Side;
import dev.whimbrel.activity.TtlRequest;
import dev.whimbrel.attempt.Attempt;
import dev.whimbrel.attempt.Trouble;
import dev.whimbrel.azure.AzureAccount;
import dev.whimbrel.azure.AzureAccounts;
import dev.whimbrel.dns.azure.AzureProvider;
import dev.whimbrel.dns.rfc2136.Rfc2136Provider;
import dev.whimbrel.dns.route53.Route53Access;
import dev.whimbrel.runbook.DnsSpec;
import dev.whimbrel.secrets.Secrets;
import io.temporal.failure.ApplicationFailure;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/** The service's names, at whichever provider the runbook names. */
public final class RegistryDns implements Dns {
  /** Servers of one zone tell each other about changes within seconds, if at all. */
  static final Duration SERVERS_LIMIT = Duration.ofMinutes(10);

  private final Secrets secrets;
  private final Route53Access route53 = new Route53Access();
  private final Duration betweenLooks;
  private final Duration longestTrouble;
  private final Supplier<AzureAccount> azure;

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
    this(secrets, atMost, new AzureAccounts(System.getenv()));
  }

  /**
   * Names with an account at Azure of one's own.
   *
   * @param atMost as above
   * @param azure asked where a runbook keeps its names there
   */
  public RegistryDns(Secrets secrets, @Nullable Duration atMost, Supplier<AzureAccount> azure) {
    this(secrets, atMost, azure, Trouble.BREAK);
  }

  /**
   * Names that ask for help sooner than usual.
   *
   * @param longestTrouble how long a side may be out before a person is asked
   */
  public RegistryDns(
      Secrets secrets,
      @Nullable Duration atMost,
      Supplier<AzureAccount> azure,
      Duration longestTrouble) {
    this.longestTrouble = longestTrouble;
    this.secrets = secrets;
    this.azure = azure;
    this.betweenLooks =
        atMost == null || Waiting.INTERVAL.compareTo(atMost) < 0 ? Waiting.INTERVAL : atMost;
  }

  @Override
  public DnsSnapshot findRecords(DnsMove move) {
    DnsProvider provider = provider(move);
    List<Nameserver> servers = provider.authoritative();
    Destination source = NamePlan.destination(move, Side.SOURCE);
    if (NamePlan.destination(move, Side.TARGET).isEmpty()) {
      throw Failures.needsHelp(
          "target.addresses is empty: the names would point to nothing",
          "write the addresses of the target's side into the runbook",
          null);
    }
    List<RecordSet> records = new ArrayList<>();
    for (String each : move.dns().names()) {
      String name = NamePlan.bare(each);
      NameState now = new Agreement(servers).on(name, provider.read(name));
      boolean alias = now.sets().stream().anyMatch(RecordSet::aliased);
      boolean asWritten = source.isEmpty() || source.equals(now.destination()) || alias;
      if (now.sets().isEmpty() || !now.splits().isEmpty() || !asWritten) {
        throw Failures.needsHelp(
            "%s: expected the source's addresses %s, found %s".formatted(name, source, now.line()),
            "correct source.addresses (or source.cname) in the runbook, or the records, then retry",
            null);
      }
      records.addAll(now.sets());
    }
    return new DnsSnapshot(records);
  }

  @Override
  public ChangePlan planNames(NamesRequest request) {
    return new NamesPlanner(provider(request.move()), request).plan();
  }

  @Override
  public Outcome listZones(DnsMove move) {
    return new Outcome(
        String.join(
            "; ", provider(move).costs(move.dns().names().stream().map(NamePlan::bare).toList())));
  }

  @Override
  public Outcome setTtl(TtlRequest request) {
    Zone zone = zone(request.move());
    List<String> lines = new ArrayList<>();
    for (NamePlan plan : NamePlan.all(request.move(), request.found())) {
      requireExpectedTtl(request, plan, zone.read(plan));
      NameState before =
          request.restore()
              ? zone.release(plan, now -> now.withTtl(type -> plan.ttl(request, type)))
              : zone.change(plan, now -> now.withTtl(type -> plan.ttl(request, type)));
      lines.add(
          "%s: TTL %s → %s s"
              .formatted(
                  plan.name(),
                  before.ttls(),
                  before.withTtl(type -> plan.ttl(request, type)).ttls()));
    }
    return new Outcome(String.join(", ", lines));
  }

  @Override
  public Outcome awaitTtl(TtlRequest request) {
    Attempt attempt = new Attempt();
    DnsProvider provider = provider(request.move());
    Zone zone = new Zone(provider, request.move().migration(), attempt);
    List<Nameserver> servers = provider.authoritative();
    Waiting waiting =
        new Waiting(
            attempt,
            SERVERS_LIMIT,
            "see why this server does not follow the zone's primary, then retry",
            betweenLooks);
    for (NamePlan plan : NamePlan.all(request.move(), request.found())) {
      waiting.until(servers, () -> {}, server -> missingTtl(request, plan, server));
      if (!request.restore()) {
        zone.read(
            plan); // what somebody else changed while the TTL was set, a type of its own perhaps
      }
    }
    return new Outcome(
        "TTL in force at %s".formatted(count(servers.size(), "authoritative server")));
  }

  @Override
  public Outcome shift(ShiftRequest request) {
    Zone zone = zone(request.move());
    int share = Propagation.share(request);
    List<String> lines = new ArrayList<>();
    for (NamePlan plan : NamePlan.all(request.move(), request.found())) {
      NameState before = zone.change(plan, now -> plan.at(share, now));
      lines.add(
          "%s: %s → %s at TTL %s s"
              .formatted(
                  plan.name(), before.words(), plan.at(share, before).words(), before.ttls()));
    }
    return new Outcome(String.join(", ", lines));
  }

  @Override
  public Outcome awaitPropagation(ShiftRequest request) {
    Attempt attempt = new Attempt();
    DnsProvider provider = provider(request.move());
    Zone zone = new Zone(provider, request.move().migration(), attempt);
    return new Propagation(provider, zone, attempt, betweenLooks).await(request);
  }

  @Override
  public void holdNames(ShiftRequest request) {
    Attempt attempt = new Attempt();
    DnsProvider provider = provider(request.move());
    Zone zone = new Zone(provider, request.move().migration(), attempt);
    Trouble trouble = new Trouble(longestTrouble);
    List<NamePlan> plans = NamePlan.all(request.move(), request.found());
    int share = Propagation.share(request);
    Duration between = betweenLooks.compareTo(Waiting.INTERVAL) < 0 ? betweenLooks : Waiting.SELDOM;
    for (long looks = 0; ; looks++) {
      Optional<String> unserved;
      try {
        List<NameState> seen = new ArrayList<>();
        for (NamePlan plan : plans) {
          NameState now = zone.requireAt(plan, share);
          seen.add(now);
          attempt.beat("%s: %s".formatted(plan.name(), now.line()), looks);
        }
        List<Health> health = provider.health(seen);
        if (!health.isEmpty()) {
          attempt.beat(request.line() + Health.behind(health), looks);
        }
        unserved = out(request, health);
      } catch (ApplicationFailure e) {
        if (!Failures.TRANSIENT.equals(e.getType())) {
          throw e;
        }
        // A time when nobody could look never counts as good, so it must not pass unseen either.
        unserved =
            Optional.of(
                "nobody can see whether clients get %s: %s"
                    .formatted(request.line(), e.getOriginalMessage()));
        attempt.beat(e.getOriginalMessage(), looks);
      }
      requireServed(unserved, trouble);
      attempt.restBeating(between, looks);
    }
  }

  /** What a health check has taken out. */
  private static Optional<String> out(ShiftRequest request, List<Health> health) {
    return health.stream()
        .filter(each -> each.state() == Health.State.OUT)
        .map(each -> "clients do not get %s: %s".formatted(request.line(), each.line()))
        .findFirst()
        .or(
            () ->
                health.stream()
                    .filter(each -> each.state() == Health.State.ALL_OUT)
                    .map(
                        each ->
                            "every side is out, so that clients are led to all of them by %s: %s"
                                .formatted(request.line(), each.line()))
                    .findFirst());
  }

  private static void requireServed(Optional<String> wrong, Trouble trouble) {
    if (trouble.lasts(wrong.isPresent())) {
      throw Failures.needsHelp(
          "For more than %d s %s".formatted(trouble.longest().toSeconds(), wrong.orElse("")),
          "mend that side's stack or its health check, or roll back; then retry: the bake begins"
              + " anew",
          null);
    }
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

  /** An alias's TTL is nobody's to set, and a server shows what it stands for. */
  private static Optional<String> missingTtl(TtlRequest request, NamePlan plan, Nameserver server) {
    NameState now = server.look(plan.name());
    boolean inForce =
        !now.sets().isEmpty()
            && now.sets().stream()
                .filter(
                    s ->
                        plan.found().stream()
                            .noneMatch(f -> f.aliased() && f.type().equals(s.type())))
                .allMatch(s -> s.ttl() == plan.ttl(request, s.type()));
    return inForce ? Optional.empty() : Optional.of(Propagation.old(server, now));
  }

  static String count(int number, String what) {
    return number + " " + what + (number == 1 ? "" : "s");
  }

  private Zone zone(DnsMove move) {
    return new Zone(provider(move), move.migration(), new Attempt());
  }

  private DnsProvider provider(DnsMove move) {
    DnsSpec dns = move.dns();
    if (dns.route53() != null) {
      return route53.provider(dns.route53(), move.migration());
    }
    if (dns.azure() != null) {
      return new AzureProvider(move, dns.azure(), azure.get());
    }
    if (dns.rfc2136() != null) {
      return new Rfc2136Provider(dns.rfc2136(), secrets);
    }
    throw Failures.needsHelp(
        "dns names no provider: expected route53, azure or rfc2136",
        "write where the zone is kept into the runbook, as one of dns.route53, dns.azure, dns.rfc2136",
        null);
  }
}
