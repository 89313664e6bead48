package dev.whimbrel.dns.azure;

import com.azure.core.management.profile.AzureProfile;
import com.azure.resourcemanager.dns.DnsZoneManager;
import com.azure.resourcemanager.dns.fluent.models.RecordSetInner;
import com.azure.resourcemanager.trafficmanager.TrafficManager;
import com.azure.resourcemanager.trafficmanager.fluent.models.ProfileInner;
import dev.whimbrel.activity.DnsMove;
import dev.whimbrel.activity.DnsSnapshot.RecordSet;
import dev.whimbrel.activity.Failures;
import dev.whimbrel.activity.Finding;
import dev.whimbrel.azure.AzureAccount;
import dev.whimbrel.azure.OnlyNew;
import dev.whimbrel.dns.Destination;
import dev.whimbrel.dns.DnsProvider;
import dev.whimbrel.dns.Health;
import dev.whimbrel.dns.Mark;
import dev.whimbrel.dns.NameState;
import dev.whimbrel.dns.NameState.Split;
import dev.whimbrel.dns.Nameserver;
import dev.whimbrel.runbook.DnsSpec;
import io.temporal.failure.ApplicationFailure;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.TreeMap;

/**
 * A zone at Azure DNS. It knows no weights: by weight, a record set becomes an alias of a Traffic
 * Manager profile that is made for the migration.
 */
public final class AzureProvider implements DnsProvider {
  private final DnsMove move;
  private final DnsSpec.Azure spec;
  private final ZoneRecords zone;
  private final Profiles profiles;

  /** A provider for one zone and one migration. Asks nothing yet. */
  public AzureProvider(DnsMove move, DnsSpec.Azure spec, AzureAccount account) {
    this.move = move;
    this.spec = spec;
    AzureProfile profile = account.profile(spec.subscription());
    this.zone =
        new ZoneRecords(
            account
                .configured(DnsZoneManager.configure())
                .authenticate(account.credential(), profile)
                .serviceClient(),
            spec);
    this.profiles =
        new Profiles(
            account
                .configured(TrafficManager.configure())
                .withPolicy(new OnlyNew())
                .authenticate(account.credential(), profile)
                .serviceClient(),
            spec,
            move.migration(),
            move.dns().names().stream().map(AzureProvider::bare).toList());
  }

  @Override
  public Capabilities capabilities() {
    return new Capabilities(
        true,
        true,
        false,
        "each record set under its etag (If-Match), Whimbrel's mark first: of two attempts one gets"
            + " through");
  }

  @Override
  public NameState read(String name) {
    Map<String, String> versions = new TreeMap<>();
    Optional<Mark> mark = mark(name, versions);
    List<RecordSet> sets = new ArrayList<>();
    List<Split> splits = new ArrayList<>();
    for (String type : Destination.TYPES) {
      Optional<RecordSetInner> found = zone.get(name, type);
      if (found.isEmpty()) {
        continue;
      }
      RecordSetInner inner = found.get();
      versions.put(type, inner.etag());
      Metadata.keep(versions, type, RecordSets.metadata(inner));
      Optional<Split> split = split(name, type, inner);
      if (split.isPresent()) {
        splits.add(split.get());
      } else if (!RecordSets.isEmpty(type, inner)) {
        sets.add(withoutTheSources(RecordSets.read(name, type, inner)));
      }
    }
    return new NameState(name, sets, splits, mark, versions);
  }

  private Optional<Mark> mark(String name, Map<String, String> versions) {
    Optional<RecordSetInner> found = zone.get(Mark.nameFor(name), "TXT");
    if (found.isEmpty()) {
      return Optional.empty();
    }
    List<String> texts = RecordSets.texts(found.get());
    Optional<Mark> mark = texts.size() == 1 ? Mark.parse(texts.get(0)) : Optional.empty();
    if (mark.isEmpty()) {
      throw Failures.needsHelp(
          "The TXT record set %s is not Whimbrel's mark: it holds %s"
              .formatted(Mark.nameFor(name), texts),
          "move what is in it elsewhere, then retry",
          AzCommands.delete(spec, "TXT", zone.relative(Mark.nameFor(name))));
    }
    versions.put("TXT", found.get().etag());
    return mark;
  }

  private Optional<Split> split(String name, String type, RecordSetInner inner) {
    String alias = RecordSets.target(inner);
    if (alias == null || !profiles.isTarget(name, type, alias)) {
      return Optional.empty();
    }
    RecordSet asRead = RecordSets.read(name, type, inner);
    Map<String, String> extras = new TreeMap<>(asRead.extras());
    extras.remove(RecordSet.ALIAS);
    return profiles
        .get(name, type)
        .map(profile -> Endpoints.split(name, type, asRead.ttl(), extras, profile));
  }

  /**
   * The metadata that stands beside a record set stays when its values become the target's; it is
   * none of the target's own.
   */
  private RecordSet withoutTheSources(RecordSet set) {
    boolean targets =
        !set.aliased()
            && Destination.of(List.of(set)).ofType(set.type()).equals(target(set.type()));
    return targets ? new RecordSet(set.name(), set.type(), set.ttl(), set.values()) : set;
  }

  private List<String> target(String type) {
    String cname = move.targetCname();
    try {
      return cname == null
          ? Destination.parse(move.targetAddresses()).ofType(type)
          : Destination.alias(cname).ofType(type);
    } catch (IllegalArgumentException e) {
      return List.of(); // said to people by whoever asks for the target
    }
  }

  @Override
  public List<Nameserver> authoritative() {
    List<String> servers =
        spec.authoritative().isEmpty() ? zone.nameServers() : spec.authoritative();
    return servers.stream().map(each -> Nameserver.of(each, false)).toList();
  }

  @Override
  public Change change(NameState expected, NameState wanted) {
    boolean gap = hasCname(expected) != hasCname(wanted) && !expected.isEmpty();
    if (gap && !wanted.isEmpty()) {
      throw Failures.needsHelp(
          "%s cannot go from %s to %s at Azure DNS: a CNAME and addresses cannot stand beside each other, and nothing changes both in one step"
              .formatted(wanted.name(), expected.line(), wanted.line()),
          "write a cname on both sides of the runbook, or addresses on both",
          null);
    }
    return new OneChange(zone, profiles, this::authoritative, expected, wanted).make();
  }

  private static boolean hasCname(NameState state) {
    return state.ttl("CNAME").isPresent();
  }

  @Override
  public List<Health> health(List<NameState> names) {
    List<Health> all = new ArrayList<>();
    for (NameState now : names) {
      for (Split split : now.splits()) {
        profiles
            .get(now.name(), split.type())
            .ifPresent(
                profile ->
                    all.add(Endpoints.health(profiles.called(now.name(), split.type()), profile)));
      }
    }
    return all;
  }

  @Override
  public List<String> costs(List<String> names) {
    List<String> costs = new ArrayList<>();
    costs.add("Azure DNS: the zone %s".formatted(spec.zone()));
    if (spec.trafficManager() != null) {
      try {
        for (String name : names) {
          for (String type : Destination.TYPES) {
            profiles
                .get(name, type)
                .ifPresent(each -> costs.add("the profile " + profiles.id(name, type)));
          }
        }
      } catch (ApplicationFailure e) {
        if (!Failures.NEEDS_HELP.equals(e.getType())) {
          throw e;
        }
        costs.add("whether a profile is left is not known: " + e.getOriginalMessage());
      }
    }
    return costs;
  }

  @Override
  public String byHand(NameState from, NameState wanted) {
    return new AzCommands(spec, zone.relative(wanted.name())).between(from, wanted);
  }

  @Override
  public List<Finding> findings(List<String> names, boolean weighted) {
    ZoneFindings findings = new ZoneFindings(spec, weighted, move.targetCname() != null);
    for (String name : names) {
      findings.look(read(name));
      if (weighted && spec.trafficManager() != null) {
        for (String type : Destination.TYPES) {
          Optional<ProfileInner> there = profiles.any(name, type);
          there.ifPresent(
              profile ->
                  findings.profile(profiles.id(name, type), profiles.isOurs(profile), profile));
        }
      }
    }
    return findings.all();
  }

  private static String bare(String name) {
    return Objects.requireNonNull(name).replaceAll("\\.$", "").toLowerCase(Locale.ROOT);
  }
}
