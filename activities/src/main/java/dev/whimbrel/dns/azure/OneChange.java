package dev.whimbrel.dns.azure;

import com.azure.resourcemanager.dns.fluent.models.RecordSetInner;
import com.azure.resourcemanager.trafficmanager.fluent.models.ProfileInner;
import dev.whimbrel.activity.DnsSnapshot.RecordSet;
import dev.whimbrel.activity.Failures;
import dev.whimbrel.dns.Destination;
import dev.whimbrel.dns.DnsProvider.Change;
import dev.whimbrel.dns.Mark;
import dev.whimbrel.dns.NameState;
import dev.whimbrel.dns.NameState.Split;
import dev.whimbrel.dns.Nameserver;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * One change of one name, in several calls, as Azure DNS has no batch. The mark is written first,
 * under its etag: whoever read the name before then gets no further. Every record set is written
 * anew, also where nothing about it changes, so that an update which was prepared earlier no longer
 * finds its etag. What is new comes before what goes, so that the name always resolves. A change
 * that was cut off is recognised at the next read, and completed by the next attempt.
 *
 * <p>A profile at Traffic Manager has no etag, and nothing makes the creation of a record set
 * depend on another one: there the mark is looked at just before the call, which leaves a moment.
 */
final class OneChange {
  private final ZoneRecords zone;
  private final Profiles profiles;
  private final Supplier<List<Nameserver>> servers;
  private final NameState expected;
  private final NameState wanted;
  private final String name;

  OneChange(
      ZoneRecords zone,
      Profiles profiles,
      Supplier<List<Nameserver>> servers,
      NameState expected,
      NameState wanted) {
    this.zone = zone;
    this.profiles = profiles;
    this.servers = servers;
    this.expected = expected;
    this.wanted = wanted;
    this.name = wanted.name();
  }

  Change make() {
    Optional<Mark> next =
        wanted.mark().or(() -> expected.mark().map(mark -> Mark.next(mark.migration())));
    String etag = null;
    if (next.isPresent()) {
      Optional<RecordSetInner> marked =
          zone.put(
              Mark.nameFor(name),
              "TXT",
              RecordSets.mark(next.get()),
              expected.versions().get("TXT"));
      if (marked.isEmpty()) {
        return Change.CONFLICT;
      }
      etag = marked.get().etag();
    }
    for (String type : Destination.TYPES) {
      if (isThere(wanted, type) && !write(type, etag)) {
        return Change.CONFLICT;
      }
    }
    for (String type : Destination.TYPES) {
      if (isThere(expected, type) && !isThere(wanted, type) && !remove(type)) {
        return Change.CONFLICT;
      }
    }
    return wanted.mark().isPresent() || etag == null ? Change.MADE : release(etag);
  }

  private static boolean isThere(NameState state, String type) {
    return state.set(type).isPresent() || state.split(type).isPresent();
  }

  private boolean write(String type, @Nullable String mark) {
    Optional<Split> split = wanted.split(type);
    boolean untouched =
        expected.mark().isEmpty()
            && expected.set(type).equals(wanted.set(type))
            && expected.split(type).equals(split);
    if (untouched) {
      return true;
    }
    String etag = expected.versions().get(type);
    boolean alone = split.isEmpty() && etag != null;
    if (!alone && mark != null && !isStill(mark)) {
      return false;
    }
    if (split.isPresent()) {
      profiles.answer(name, split.get());
      RecordSet source = split.get().source();
      Map<String, String> metadata = Metadata.of(source, expected);
      return zone.put(
              name, type, RecordSets.alias(profiles.id(name, type), source.ttl(), metadata), etag)
          .isPresent();
    }
    RecordSet set = wanted.set(type).orElseThrow();
    boolean written =
        zone.put(name, type, RecordSets.write(set, Metadata.of(set, expected)), etag).isPresent();
    if (written) {
      retire(type, set);
    }
    return written;
  }

  private boolean remove(String type) {
    String etag = expected.versions().get(type);
    return etag == null || zone.delete(name, type, etag);
  }

  /** Whoever was led to the profile before goes where the name itself leads now. */
  private void retire(String type, RecordSet now) {
    Optional<Split> before = expected.split(type);
    if (before.isPresent()) {
      boolean target = before.get().target().values().equals(now.values());
      profiles.retire(name, type, target);
    }
  }

  private boolean isStill(String mark) {
    return zone.get(Mark.nameFor(name), "TXT").filter(now -> now.etag().equals(mark)).isPresent();
  }

  /** The last change: the profiles go, and then the mark. */
  private Change release(String mark) {
    for (String type : Destination.TYPES) {
      Optional<ProfileInner> profile =
          wanted.split(type).isPresent() ? Optional.empty() : profiles.get(name, type);
      if (profile.isPresent()) {
        requireUnused(type, profile.get());
        profiles.delete(name, type);
      }
    }
    return zone.delete(Mark.nameFor(name), "TXT", mark) ? Change.MADE : Change.CONFLICT;
  }

  /** A profile that somebody may still be led to would take the name away from them. */
  private void requireUnused(String type, ProfileInner profile) {
    Optional<RecordSet> now = wanted.set(type).filter(set -> !set.aliased());
    for (Nameserver server : now.isPresent() ? servers.get() : List.<Nameserver>of()) {
      Optional<RecordSet> served = server.look(name).set(type);
      if (!served.map(RecordSet::plain).equals(now.map(RecordSet::plain))) {
        throw Failures.transientFailure(
            "%s still answers %s by the profile %s, which is deleted when all servers have forgotten it"
                .formatted(server.label(), name, profiles.called(name, type)),
            Duration.ofSeconds(5));
      }
    }
    if (!type.equals("CNAME")) {
      return;
    }
    // A resolver may keep the alias, and ask for the profile's name until its TTL has run out.
    Instant since = Endpoints.retired(profile).orElseGet(Instant::now);
    profiles.retire(name, type, !expected.set(type).equals(wanted.set(type)));
    Duration left =
        Duration.between(Instant.now(), since.plusSeconds(profile.dnsConfig().ttl() + 1));
    if (left.compareTo(Duration.ZERO) > 0) {
      throw Failures.transientFailure(
          "Resolvers may lead clients of %s to the profile %s for another %d s; it is deleted then"
              .formatted(name, profiles.called(name, type), left.toSeconds() + 1),
          left);
    }
  }
}
