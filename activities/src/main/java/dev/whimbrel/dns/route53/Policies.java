package dev.whimbrel.dns.route53;

import dev.whimbrel.activity.Failures;
import java.util.List;
import java.util.Optional;
import software.amazon.awssdk.services.route53.model.ResourceRecordSet;

/** Route 53's ways to choose among several sets of one name and type. */
final class Policies {
  private Policies() {}

  /**
   * Makes sure that nothing but Whimbrel's own weights chooses among sets.
   *
   * @throws io.temporal.failure.ApplicationFailure {@code NeedsHelp} naming the policy, or the
   *     other migration whose weights they are
   */
  static void requireKnown(String name, String migration, List<ResourceRecordSet> sets) {
    for (ResourceRecordSet set : sets) {
      Optional<String> policy = foreign(set);
      if (policy.isPresent()) {
        throw Failures.needsHelp(
            "%s %s is answered by %s%s, which Whimbrel neither changes nor copies"
                .formatted(
                    name,
                    set.typeAsString(),
                    policy.get(),
                    set.setIdentifier() == null
                        ? ""
                        : " (SetIdentifier %s)".formatted(set.setIdentifier())),
            "put one simple record in its place for the time of the move, or take the name out of"
                + " dns.names, then retry",
            null);
      }
      Optional<String> owner = Weights.owner(set).filter(other -> !other.equals(migration));
      if (owner.isPresent()) {
        throw Failures.needsHelp(
            "%s %s carries the weights of the migration %s"
                .formatted(name, set.typeAsString(), owner.get()),
            "end that migration first; if it is gone, put one simple record in their place",
            null);
      }
    }
  }

  private static Optional<String> foreign(ResourceRecordSet set) {
    if (set.trafficPolicyInstanceId() != null) {
      return Optional.of("a traffic policy");
    }
    if (set.setIdentifier() == null || Weights.isOurs(set)) {
      return Optional.empty();
    }
    if (set.weight() != null) {
      return Optional.of("weights of somebody else's");
    }
    if (set.region() != null) {
      return Optional.of("latency routing");
    }
    if (set.failover() != null) {
      return Optional.of("failover routing");
    }
    if (set.geoLocation() != null) {
      return Optional.of("geolocation routing");
    }
    if (set.geoProximityLocation() != null) {
      return Optional.of("geoproximity routing");
    }
    if (Boolean.TRUE.equals(set.multiValueAnswer())) {
      return Optional.of("multivalue answers");
    }
    if (set.cidrRoutingConfig() != null) {
      return Optional.of("IP-based routing");
    }
    return Optional.of("a routing policy that is not known here");
  }
}
