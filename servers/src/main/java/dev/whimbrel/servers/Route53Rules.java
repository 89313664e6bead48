package dev.whimbrel.servers;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.function.Predicate;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import org.xbill.DNS.Address;

/**
 * What Route 53 refuses, and the stand-in behind the front lets pass: a batch is judged by what the
 * zone would be after it.
 */
final class Route53Rules {
  private static final int MOST_CHANGES = 1000;
  private static final Pattern NUMBER = Pattern.compile("-?[0-9]+");
  private static final Pattern TEXTS =
      Pattern.compile("\"([^\"\\\\]|\\\\.)*\"( \"([^\"\\\\]|\\\\.)*\")*");

  /** One change of a batch. */
  record Change(String action, Route53Set set) {}

  private final String zone;
  private final Predicate<String> healthCheckExists;

  /**
   * @param zone with the last dot
   * @param healthCheckExists whether there is a health check with an id
   */
  Route53Rules(String zone, Predicate<String> healthCheckExists) {
    this.zone = zone;
    this.healthCheckExists = healthCheckExists;
  }

  /** The refusal that a batch meets, or nothing. */
  Optional<HttpExchanges.Answer> refuse(List<Route53Set> now, List<Change> batch) {
    if (batch.isEmpty() || batch.size() > MOST_CHANGES) {
      return input("The number of changes must lie between 1 and " + MOST_CHANGES);
    }
    for (Change change : batch) {
      Optional<HttpExchanges.Answer> refusal = shape(change.set());
      if (refusal.isPresent()) {
        return refusal;
      }
    }
    List<Route53Set> after = after(now, batch);
    List<String> messages = new ArrayList<>();
    for (Change change : batch) {
      if (change.action().equals("DELETE")) {
        if (isApex(change.set()) && Set.of("SOA", "NS").contains(change.set().type())) {
          messages.add(
              "A HostedZone must contain at least one NS record for the zone itself and one SOA record");
        }
      } else {
        message(change.set(), after).ifPresent(messages::add);
      }
    }
    return messages.isEmpty()
        ? Optional.empty()
        : Optional.of(Route53Xml.error(400, "InvalidChangeBatch", messages.toString()));
  }

  /** What is wrong with a set whatever else the zone holds. */
  private Optional<HttpExchanges.Answer> shape(Route53Set set) {
    @Nullable Integer weight = set.weight();
    if (weight != null && (weight < 0 || weight > 255)) {
      return input(
          "1 validation error detected: Value '%d' at 'weight' failed to satisfy constraint: Member must have value %s"
              .formatted(
                  weight, weight < 0 ? "greater than or equal to 0" : "less than or equal to 255"));
    }
    if ((set.policy() == null) != (set.identifier() == null)) {
      return input(
          "Invalid request: SetIdentifier and a routing policy are needed together: " + set.name());
    }
    boolean records = set.ttl() != null && !set.values().isEmpty();
    if (records == (set.aliasTo() != null) || (set.aliasTo() != null && set.ttl() != null)) {
      return input(
          "Invalid request: Expected exactly one of [AliasTarget, all of [TTL, and ResourceRecords], or TrafficPolicyInstanceId], but found %s in Change with [Name=%s, Type=%s]"
              .formatted(records ? "more than one" : "none", set.name(), set.type()));
    }
    @Nullable Integer ttl = set.ttl();
    if (ttl != null && ttl < 0) {
      return input(
          "1 validation error detected: Value '%d' at 'tTL' must be at least 0".formatted(ttl));
    }
    @Nullable String check = set.healthCheck();
    return check != null && !healthCheckExists.test(check)
        ? Optional.of(
            Route53Xml.error(
                404,
                "NoSuchHealthCheck",
                "A health check with the id %s does not exist.".formatted(check)))
        : Optional.empty();
  }

  private static Optional<HttpExchanges.Answer> input(String message) {
    return Optional.of(Route53Xml.error(400, "InvalidInput", message));
  }

  /** The zone after a batch; whether each change is possible is judged behind the front. */
  private static List<Route53Set> after(List<Route53Set> now, List<Change> batch) {
    List<Route53Set> after = new ArrayList<>(now);
    for (Change change : batch) {
      after.removeIf(change.set()::sameKey);
      if (!change.action().equals("DELETE")) {
        after.add(change.set());
      }
    }
    return after;
  }

  private Optional<String> message(Route53Set set, List<Route53Set> after) {
    if (!isApex(set) && !set.name().endsWith("." + zone)) {
      return Optional.of(
          "RRSet with DNS name %s is not permitted in zone %s".formatted(set.name(), zone));
    }
    if (set.type().equals("CNAME") && isApex(set)) {
      return Optional.of(
          "RRSet of type CNAME with DNS name %s is not permitted at apex in zone %s"
              .formatted(set.name(), zone));
    }
    if (after.stream()
        .anyMatch(
            other ->
                other.name().equals(set.name())
                    && !other.type().equals(set.type())
                    && (set.type().equals("CNAME") || other.type().equals("CNAME")))) {
      return Optional.of(
          "RRSet of type %s with DNS name %s is not permitted as it conflicts with other records with the same DNS name in zone %s"
              .formatted(set.type(), set.name(), zone));
    }
    return group(set, after).or(() -> values(set));
  }

  /** What sets of the same name and type must have in common. */
  private static Optional<String> group(Route53Set set, List<Route53Set> after) {
    for (Route53Set other : after) {
      if (!other.sameNameAndType(set) || other.sameKey(set)) {
        continue;
      }
      if (set.policy() == null) {
        return Optional.of(
            "RRSet with DNS name %s, type %s cannot be created as other RRSets exist with the same name and type."
                .formatted(set.name(), set.type()));
      }
      if (other.policy() == null) {
        return Optional.of(
            "RRSet with DNS name %s, type %s, SetIdentifier %s cannot be created because a non multi-answer rrset exists with the same name and type."
                .formatted(set.name(), set.type(), set.identifier()));
      }
      if (!set.policy().equals(other.policy())) {
        return Optional.of(
            "RRSet with DNS name %s, type %s, SetIdentifier %s cannot be created as a RRSet with the same name and type has another routing policy: %s."
                .formatted(set.name(), set.type(), set.identifier(), other.policy()));
      }
      if (!Objects.equals(set.ttl(), other.ttl())) {
        return Optional.of(
            "RRSets with DNS name %s, type %s must have the same TTL, found %s and %s"
                .formatted(set.name(), set.type(), set.ttl(), other.ttl()));
      }
    }
    return Optional.empty();
  }

  private static Optional<String> values(Route53Set set) {
    if (new HashSet<>(set.values()).size() < set.values().size()) {
      return Optional.of("Duplicate Resource Record: '%s'".formatted(set.values()));
    }
    return set.values().stream()
        .map(value -> problem(set.type(), value))
        .flatMap(Optional::stream)
        .findFirst()
        .map(problem -> "Invalid Resource Record: 'FATAL problem: %s'".formatted(problem));
  }

  private static Optional<String> problem(String type, String value) {
    boolean good =
        switch (type) {
          case "A" ->
              Address.toByteArray(value, Address.IPv4) != null && !NUMBER.matcher(value).matches();
          case "AAAA" -> Address.toByteArray(value, Address.IPv6) != null;
          case "TXT" -> TEXTS.matcher(value).matches();
          default -> !value.isBlank();
        };
    String name =
        switch (type) {
          case "A" -> "ARRDATAIllegalIPv4Address (Value is not a valid IPv4 address)";
          case "AAAA" -> "AAAARRDATAIllegalIPv6Address (Value is not a valid IPv6 address)";
          case "TXT" -> "InvalidCharacterString (Value should be enclosed in quotation marks)";
          default -> "InvalidValue";
        };
    return good ? Optional.empty() : Optional.of("%s encountered with '%s'".formatted(name, value));
  }

  private boolean isApex(Route53Set set) {
    return set.name().equals(zone);
  }
}
