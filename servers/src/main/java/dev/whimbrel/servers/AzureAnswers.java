package dev.whimbrel.servers;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.xbill.DNS.Address;
import org.xbill.DNS.DClass;
import org.xbill.DNS.Name;
import org.xbill.DNS.Record;
import org.xbill.DNS.TextParseException;
import org.xbill.DNS.Type;

/**
 * What Azure's name servers answer: Azure DNS for the zones, Traffic Manager for its own domain.
 */
final class AzureAnswers implements DnsAnswers.Content {
  private static final Name TRAFFIC_MANAGER = name(AzureTrafficManager.DOMAIN);
  private static final String TRAFFIC_SOA =
      "tm1.dns-tm.com. hostmaster.trafficmanager.net. 1 900 300 2419200 30";

  private final AzureDnsZones zones;
  private final AzureTrafficManager traffic;

  AzureAnswers(AzureDnsZones zones, AzureTrafficManager traffic) {
    this.zones = zones;
    this.traffic = traffic;
  }

  @Override
  public Set<Name> zones() {
    return Stream.concat(
            Stream.of(TRAFFIC_MANAGER), zones.content().keySet().stream().map(AzureAnswers::name))
        .collect(Collectors.toSet());
  }

  @Override
  public boolean exists(Name name) {
    for (Map.Entry<String, Map<String, ObjectNode>> zone : zones.content().entrySet()) {
      for (ObjectNode set : zone.getValue().values()) {
        if (name(set.at("/properties/fqdn").asText()).subdomain(name)) {
          return true;
        }
      }
    }
    return name.equals(TRAFFIC_MANAGER) || traffic.named(name.toString(true)).isPresent();
  }

  @Override
  public List<Record> records(Name name) {
    if (name.subdomain(TRAFFIC_MANAGER)) {
      return name.equals(TRAFFIC_MANAGER)
          ? List.of(record(name, "SOA", 30, TRAFFIC_SOA))
          : traffic.named(name.toString(true)).map(p -> chosen(name, p)).orElse(List.of());
    }
    List<Record> records = new ArrayList<>();
    for (Map<String, ObjectNode> sets : zones.content().values()) {
      sets.forEach(
          (key, set) -> {
            if (name(set.at("/properties/fqdn").asText()).equals(name)) {
              String type = key.substring(0, key.indexOf('/')).toUpperCase(Locale.ROOT);
              records.addAll(records(name, type, set.path("properties")));
            }
          });
    }
    return records;
  }

  private List<Record> records(Name name, String type, JsonNode set) {
    String target = set.at("/targetResource/id").asText("");
    int ttl = set.path("TTL").asInt();
    if (!target.isEmpty()) {
      Optional<JsonNode> profile = traffic.profile(target);
      if (type.equals("CNAME")) {
        return profile
            .map(p -> record(name, type, ttl, p.at("/properties/dnsConfig/fqdn").asText() + "."))
            .map(List::of)
            .orElse(List.of());
      }
      return profile.map(p -> chosen(name, p)).orElse(List.of()).stream()
          .filter(record -> record.getType() == Type.value(type))
          .toList();
    }
    return values(type, set).stream().map(value -> record(name, type, ttl, value)).toList();
  }

  private static List<String> values(String type, JsonNode set) {
    List<String> values = new ArrayList<>();
    switch (type) {
      case "A" -> set.path("ARecords").forEach(r -> values.add(r.path("ipv4Address").asText()));
      case "AAAA" ->
          set.path("AAAARecords").forEach(r -> values.add(r.path("ipv6Address").asText()));
      case "CNAME" -> values.add(absolute(set.at("/CNAMERecord/cname").asText()));
      case "NS" -> set.path("NSRecords").forEach(r -> values.add(r.path("nsdname").asText()));
      case "TXT" ->
          set.path("TXTRecords")
              .forEach(
                  r -> {
                    List<String> parts = new ArrayList<>();
                    r.path("value")
                        .forEach(
                            p ->
                                parts.add(
                                    '"'
                                        + p.asText().replace("\\", "\\\\").replace("\"", "\\\"")
                                        + '"'));
                    values.add(String.join(" ", parts));
                  });
      case "SOA" -> {
        JsonNode soa = set.path("SOARecord");
        values.add(
            "%s %s %s %s %s %s %s"
                .formatted(
                    absolute(soa.path("host").asText()),
                    absolute(soa.path("email").asText()),
                    soa.path("serialNumber"),
                    soa.path("refreshTime"),
                    soa.path("retryTime"),
                    soa.path("expireTime"),
                    soa.path("minimumTTL")));
      }
      default -> throw new IllegalStateException("Cannot answer with " + type);
    }
    return values;
  }

  /** One endpoint, under the profile's own TTL. */
  private static List<Record> chosen(Name name, JsonNode profile) {
    int ttl = profile.at("/properties/dnsConfig/ttl").asInt();
    return AzureProfiles.choose(profile)
        .map(
            target ->
                record(
                    name,
                    type(target),
                    ttl,
                    type(target).equals("CNAME") ? absolute(target) : target))
        .map(List::of)
        .orElse(List.of());
  }

  private static String type(String target) {
    if (Address.toByteArray(target, Address.IPv4) != null) {
      return "A";
    }
    return Address.toByteArray(target, Address.IPv6) != null ? "AAAA" : "CNAME";
  }

  private static String absolute(String host) {
    return host.endsWith(".") ? host : host + ".";
  }

  private static Record record(Name name, String type, int ttl, String value) {
    try {
      return Record.fromString(name, Type.value(type), DClass.IN, ttl, value, Name.root);
    } catch (IOException e) {
      throw new IllegalStateException("Cannot answer with " + type + " " + value, e);
    }
  }

  private static Name name(String text) {
    try {
      return Name.fromString(text, Name.root);
    } catch (TextParseException e) {
      throw new IllegalStateException("Not a name: " + text, e);
    }
  }
}
