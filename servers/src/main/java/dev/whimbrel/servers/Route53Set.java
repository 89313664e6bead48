package dev.whimbrel.servers;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.w3c.dom.Element;

/**
 * One resource record set, as Route 53's XML says it.
 *
 * @param name as Route 53 keeps it: lower case, with the last dot, {@code *} as {@code \052}
 * @param identifier tells sets of the same name and type apart
 * @param policy how one of several sets is chosen: {@code Weight}, {@code Region}, {@code
 *     Failover}, {@code GeoLocation}, {@code GeoProximityLocation}, {@code MultiValueAnswer},
 *     {@code CidrRoutingConfig}; null where there is one set
 * @param weight with the policy {@code Weight}
 * @param ttl in seconds; null for an alias
 * @param aliasTo the name that an alias stands for
 * @param xml the element as it was read, without white space between elements
 */
record Route53Set(
    String name,
    String type,
    @Nullable String identifier,
    @Nullable String policy,
    @Nullable Integer weight,
    @Nullable Integer ttl,
    List<String> values,
    @Nullable String aliasTo,
    @Nullable String healthCheck,
    String xml) {

  private static final List<String> POLICIES =
      List.of(
          "Weight",
          "Region",
          "Failover",
          "GeoLocation",
          "GeoProximityLocation",
          "MultiValueAnswer",
          "CidrRoutingConfig");

  /** Reads a {@code ResourceRecordSet} element. */
  static Route53Set of(Element set) {
    List<String> values = new ArrayList<>();
    for (Element records : Route53Xml.children(set, "ResourceRecords")) {
      for (Element record : Route53Xml.children(records, "ResourceRecord")) {
        values.add(Route53Xml.text(record, "Value", ""));
      }
    }
    @Nullable String policy =
        POLICIES.stream()
            .filter(each -> !Route53Xml.children(set, each).isEmpty())
            .findFirst()
            .orElse(null);
    @Nullable String aliasTo =
        Route53Xml.children(set, "AliasTarget").stream()
            .map(alias -> canonical(Route53Xml.text(alias, "DNSName", "")))
            .findFirst()
            .orElse(null);
    return new Route53Set(
        canonical(Route53Xml.text(set, "Name", "")),
        Route53Xml.text(set, "Type", ""),
        Route53Xml.child(set, "SetIdentifier"),
        policy,
        number(Route53Xml.child(set, "Weight")),
        number(Route53Xml.child(set, "TTL")),
        List.copyOf(values),
        aliasTo,
        Route53Xml.child(set, "HealthCheckId"),
        Route53Xml.write(set));
  }

  private static @Nullable Integer number(@Nullable String text) {
    return text == null ? null : Integer.valueOf(text.trim());
  }

  /** A name as Route 53 keeps and lists it. */
  static String canonical(String name) {
    String lower = name.toLowerCase(Locale.ROOT).replace("*", "\\052");
    return lower.isEmpty() || lower.endsWith(".") ? lower : lower + ".";
  }

  /** Whether it is the same set, whatever its values. */
  boolean sameKey(Route53Set other) {
    return sameNameAndType(other) && Objects.equals(identifier, other.identifier);
  }

  boolean sameNameAndType(Route53Set other) {
    return name.equals(other.name) && type.equals(other.type);
  }
}
