package dev.whimbrel.dns.route53;

import dev.whimbrel.activity.DnsSnapshot.RecordSet;
import dev.whimbrel.activity.Failures;
import dev.whimbrel.activity.Finding;
import dev.whimbrel.activity.Side;
import dev.whimbrel.dns.Destination;
import dev.whimbrel.dns.DnsProvider;
import dev.whimbrel.dns.Health;
import dev.whimbrel.dns.Mark;
import dev.whimbrel.dns.NameState;
import dev.whimbrel.dns.NameState.Split;
import dev.whimbrel.dns.Nameserver;
import dev.whimbrel.runbook.DnsSpec;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;
import software.amazon.awssdk.core.exception.SdkException;
import software.amazon.awssdk.services.route53.Route53Client;
import software.amazon.awssdk.services.route53.model.RRType;
import software.amazon.awssdk.services.route53.model.ResourceRecord;
import software.amazon.awssdk.services.route53.model.ResourceRecordSet;

/** A hosted zone at Amazon Route 53; see {@link Route53Access}. */
final class Route53Provider implements DnsProvider {
  private final DnsSpec.Route53 spec;
  private final String migration;
  private final HostedZone zone;
  private final Weights weights;
  private final Batch batch;

  /**
   * A provider for one zone and one step of a migration. Asks nothing yet.
   *
   * @param migration the runbook's name, which the weighted sets' identifiers hold
   * @param patience how long its changes are waited for, all together, until they are in sync
   */
  Route53Provider(DnsSpec.Route53 spec, String migration, Route53Client client, Duration patience) {
    this.spec = spec;
    this.migration = migration;
    this.zone = new HostedZone(client, spec.zone(), patience);
    this.weights = new Weights(migration, spec.healthChecks());
    this.batch = new Batch(weights);
  }

  @Override
  public Capabilities capabilities() {
    return new Capabilities(
        true,
        true,
        true,
        "one batch that deletes the old sets and Whimbrel's mark exactly as they were read, and"
            + " creates the new ones: all of it or nothing");
  }

  @Override
  public NameState read(String name) {
    String parent = zone.facts().name();
    if (!name.equals(parent) && !name.endsWith("." + parent)) {
      throw Failures.needsHelp(
          "%s does not lie in the zone %s (%s)".formatted(name, parent, zone.id()),
          "correct dns.names or dns.route53.zone in the runbook",
          null);
    }
    // The mark first: where it changes between the two looks, the batch does not match either.
    Optional<Mark> mark = mark(name);
    List<ResourceRecordSet> found = zone.sets(name);
    List<RecordSet> sets = new ArrayList<>();
    List<Split> splits = new ArrayList<>();
    Map<String, String> versions = new TreeMap<>();
    for (String type : Destination.TYPES) {
      List<ResourceRecordSet> ofType =
          found.stream().filter(set -> set.typeAsString().equals(type)).toList();
      Policies.requireKnown(name, migration, ofType);
      weights
          .read(name, ofType, versions)
          .ifPresentOrElse(
              splits::add, () -> ofType.forEach(set -> sets.add(RecordSets.read(name, set))));
    }
    return new NameState(name, sets, splits, mark, versions);
  }

  private Optional<Mark> mark(String name) {
    String marked = Mark.nameFor(name);
    List<String> texts =
        zone.sets(marked).stream()
            .filter(set -> set.type() == RRType.TXT)
            .flatMap(set -> set.resourceRecords().stream())
            .map(ResourceRecord::value)
            .toList();
    Optional<Mark> mark =
        texts.stream()
            .map(text -> Mark.parse(text.replaceAll("^\"|\"$", "")))
            .flatMap(Optional::stream)
            .findFirst();
    if (mark.isPresent() && texts.size() > 1) {
      throw Failures.needsHelp(
          "The TXT record %s holds more than Whimbrel's mark: %s"
              .formatted(marked, String.join(" ", texts)),
          "take the other values out of it, then retry",
          null);
    }
    return mark;
  }

  @Override
  public List<Nameserver> authoritative() {
    List<String> servers =
        spec.authoritative().isEmpty() ? zone.facts().servers() : spec.authoritative();
    if (servers.isEmpty()) {
      throw Failures.needsHelp(
          "The hosted zone %s is private and has no name servers of its own".formatted(zone.id()),
          "list a server that answers for it under dns.route53.authoritative",
          null);
    }
    return servers.stream().map(server -> Nameserver.of(server, false)).toList();
  }

  @Override
  public Change change(NameState expected, NameState wanted) {
    List<software.amazon.awssdk.services.route53.model.Change> changes =
        batch.between(expected, wanted);
    if (changes.isEmpty()) {
      return Change.MADE;
    }
    String id;
    try {
      id = zone.change(changes);
    } catch (SdkException e) {
      return afterFailure(expected, wanted, e);
    }
    if (!expected.sameRecords(wanted)) {
      zone.awaitInSync(id);
    }
    return Change.MADE;
  }

  /**
   * The SDK tries again by itself: where the answer to its first call was lost, or came too late,
   * the second one may be refused because the first has worked. So the zone is read before anything
   * is said about it.
   */
  private Change afterFailure(NameState expected, NameState wanted, SdkException failure) {
    if (!Refusals.mayPass(failure) && !Refusals.isInvalidBatch(failure)) {
      throw zone.report("ChangeResourceRecordSets", failure);
    }
    NameState now = read(wanted.name());
    if (isMade(now, wanted)) {
      return Change.MADE;
    }
    if (now.equals(expected)) {
      // A call that is still on its way matches nothing once the next attempt has changed the mark.
      throw zone.report("ChangeResourceRecordSets", failure);
    }
    return Refusals.isInvalidBatch(failure) ? Change.CONFLICT : Change.UNKNOWN;
  }

  /** A mark's token is used once: where it is there, so is everything else of its batch. */
  private static boolean isMade(NameState now, NameState wanted) {
    return now.mark().equals(wanted.mark())
        && (wanted.mark().isPresent() || now.sameRecords(wanted));
  }

  @Override
  public List<Health> health(List<NameState> names) {
    return new SideHealth(zone, weights).of(names);
  }

  @Override
  public List<String> costs(List<String> names) {
    List<String> costs = new ArrayList<>();
    costs.add("Route 53: the hosted zone " + zone.id());
    for (Side side : Side.values()) {
      @Nullable String check = weights.check(side);
      if (check != null) {
        costs.add("the %s's health check %s".formatted(side.word(), check));
      }
    }
    return costs;
  }

  @Override
  public String byHand(NameState from, NameState wanted) {
    return CommandLine.of(zone.id(), batch.byHand(from, wanted));
  }

  @Override
  public List<Finding> findings(List<String> names, boolean weighted) {
    return new ZoneFindings(zone, weights, !spec.authoritative().isEmpty()).all(names, weighted);
  }
}
