package dev.whimbrel.servers;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/** One zone of Azure DNS with its record sets. Whoever keeps it sees to it that one is at it. */
final class AzureZone {
  private static final List<String> NAME_SERVERS =
      List.of(
          "ns1-01.azure-dns.com.",
          "ns2-01.azure-dns.net.",
          "ns3-01.azure-dns.org.",
          "ns4-01.azure-dns.info.");

  private final ArmId id;
  private final Map<String, ObjectNode> sets = new TreeMap<>();
  private String etag = UUID.randomUUID().toString();
  private JsonNode tags = ArmAnswer.JSON.createObjectNode();

  /** A zone with its SOA and NS records. */
  AzureZone(ArmId id) {
    this.id = id;
    ObjectNode soa = ArmAnswer.JSON.createObjectNode().put("TTL", 3600);
    soa.putObject("SOARecord")
        .put("host", NAME_SERVERS.get(0))
        .put("email", "azuredns-hostmaster.microsoft.com")
        .put("serialNumber", 1)
        .put("refreshTime", 3600)
        .put("retryTime", 300)
        .put("expireTime", 2419200)
        .put("minimumTTL", 300);
    put("soa", "@", AzureRecordSets.kept("soa", soa));
    ObjectNode ns = ArmAnswer.JSON.createObjectNode().put("TTL", 172800);
    NAME_SERVERS.forEach(each -> ns.withArray("NSRecords").addObject().put("nsdname", each));
    put("ns", "@", AzureRecordSets.kept("ns", ns));
  }

  /** A record set's key: its type and its relative name, in lower case. */
  static String key(String type, String name) {
    return (type + "/" + name).toLowerCase(Locale.ROOT);
  }

  String name() {
    return id.key(0);
  }

  String etag() {
    return etag;
  }

  /** The record sets, by their keys. */
  Map<String, ObjectNode> sets() {
    return sets;
  }

  /** Gives the zone other tags. */
  void tag(@Nullable JsonNode newTags) {
    tags = newTags == null ? ArmAnswer.JSON.createObjectNode() : newTags.deepCopy();
    etag = UUID.randomUUID().toString();
  }

  /** Writes a record set, with a new etag. */
  ObjectNode put(String type, String name, ObjectNode properties) {
    ObjectNode set = ArmAnswer.JSON.createObjectNode();
    String upper = type.toUpperCase(Locale.ROOT);
    set.put("id", path() + "/" + upper + "/" + name).put("name", name);
    set.put("type", "Microsoft.Network/dnszones/" + upper);
    set.put("etag", UUID.randomUUID().toString());
    properties.put("fqdn", (name.equals("@") ? "" : name + ".") + id.names().get(0) + ".");
    properties.put("provisioningState", "Succeeded");
    set.set("properties", properties);
    sets.put(key(type, name), set);
    return set;
  }

  /** Whether a CNAME stands, or would stand, beside something else. */
  boolean isBesideCname(String type, String name) {
    return type.equals("cname")
        ? sets.keySet().stream().anyMatch(each -> each.endsWith(key("", name)))
        : sets.containsKey(key("cname", name));
  }

  /** The zone as a client reads it. */
  ObjectNode shown() {
    ObjectNode body = ArmAnswer.JSON.createObjectNode();
    body.put("id", path()).put("name", id.names().get(0));
    body.put("type", "Microsoft.Network/dnszones").put("etag", etag).put("location", "global");
    body.set("tags", tags);
    ObjectNode properties = body.putObject("properties");
    properties.put("maxNumberOfRecordSets", 10_000).put("numberOfRecordSets", sets.size());
    NAME_SERVERS.forEach(properties.withArray("nameServers")::add);
    properties.put("zoneType", "Public");
    return body;
  }

  /** Every alias of a resource that is gone becomes an empty record set. */
  void targetGone(String target) {
    for (ObjectNode set : sets.values()) {
      if (set.at("/properties/targetResource") instanceof ObjectNode alias
          && alias.path("id").asText().equalsIgnoreCase(target)) {
        alias.remove("id");
        set.put("etag", UUID.randomUUID().toString());
      }
    }
  }

  /** Azure writes the type in lower case here, whatever it was asked with. */
  private String path() {
    return "/subscriptions/%s/resourceGroups/%s/providers/Microsoft.Network/dnszones/%s"
        .formatted(id.subscription(), id.group(), id.names().get(0));
  }
}
