package dev.whimbrel.dns.route53;

import dev.whimbrel.activity.DnsSnapshot.RecordSet;
import dev.whimbrel.dns.Destination;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.xbill.DNS.Address;
import software.amazon.awssdk.services.route53.model.AliasTarget;
import software.amazon.awssdk.services.route53.model.ResourceRecord;
import software.amazon.awssdk.services.route53.model.ResourceRecordSet;

/**
 * Translates between Route 53's record sets and Whimbrel's. What Whimbrel's have no word for is
 * kept beside them, so that a set is put back as it was, letter by letter.
 */
final class RecordSets {
  /** What an alias of AWS's resources is answered with, and nobody can set. */
  static final int ALIAS_TTL = 60;

  static final String HEALTH_CHECK = "health-check";
  private static final String ALIAS_ZONE = "alias-zone";
  private static final String ALIAS_HEALTH = "alias-evaluates-health";
  private static final String IDENTIFIER = "set-identifier";
  private static final String WEIGHT = "weight";

  /** The health check of a weighted set, where it is not the one that Whimbrel attached. */
  private static final String ATTACHED = "attached-health-check";

  private static final String NONE = "none";

  /** The values as they were written, where Whimbrel would write them otherwise. */
  private static final String AS_WRITTEN = "as-written";

  private RecordSets() {}

  /** A set that was read, under the name that was asked for. */
  static RecordSet read(String name, ResourceRecordSet set) {
    Map<String, String> extras = new TreeMap<>();
    AliasTarget alias = set.aliasTarget();
    if (alias != null) {
      extras.put(RecordSet.ALIAS, alias.dnsName());
      extras.put(ALIAS_ZONE, alias.hostedZoneId());
      extras.put(ALIAS_HEALTH, String.valueOf(alias.evaluateTargetHealth()));
    }
    put(extras, HEALTH_CHECK, set.healthCheckId());
    put(extras, IDENTIFIER, set.setIdentifier());
    put(extras, WEIGHT, set.weight());
    String type = set.typeAsString();
    List<String> texts = set.resourceRecords().stream().map(ResourceRecord::value).toList();
    List<String> values = texts.stream().map(text -> value(type, text)).toList();
    if (!values.stream().map(value -> text(type, value)).toList().equals(texts)) {
      extras.put(AS_WRITTEN, String.join(" ", texts));
    }
    int ttl = set.ttl() == null ? ALIAS_TTL : Math.toIntExact(set.ttl());
    return new RecordSet(name, type, ttl, values, extras);
  }

  private static void put(Map<String, String> extras, String key, @Nullable Object value) {
    if (value != null) {
      extras.put(key, value.toString());
    }
  }

  /** A set to be written or deleted. */
  static ResourceRecordSet.Builder write(RecordSet set) {
    Map<String, String> extras = set.extras();
    ResourceRecordSet.Builder builder =
        ResourceRecordSet.builder()
            .name(ZoneNames.absolute(set.name()))
            .type(set.type())
            .healthCheckId(extras.get(HEALTH_CHECK))
            .setIdentifier(extras.get(IDENTIFIER));
    @Nullable String weight = extras.get(WEIGHT);
    if (weight != null) {
      builder.weight(Long.valueOf(weight));
    }
    if (set.aliased()) {
      return builder.aliasTarget(
          AliasTarget.builder()
              .dnsName(extras.get(RecordSet.ALIAS))
              .hostedZoneId(extras.get(ALIAS_ZONE))
              .evaluateTargetHealth(Boolean.valueOf(extras.get(ALIAS_HEALTH)))
              .build());
    }
    @Nullable String written = extras.get(AS_WRITTEN);
    Stream<String> texts =
        written == null
            ? set.values().stream().map(value -> text(set.type(), value))
            : Stream.of(written.split(" "));
    return builder
        .ttl((long) set.ttl())
        .resourceRecords(texts.map(text -> ResourceRecord.builder().value(text).build()).toList());
  }

  /** The same set without an extra. */
  static RecordSet without(RecordSet set, String... keys) {
    Map<String, String> extras = new TreeMap<>(set.extras());
    Stream.of(keys).forEach(extras::remove);
    return new RecordSet(set.name(), set.type(), set.ttl(), set.values(), extras);
  }

  /** The same set as one of several that are chosen by weight. */
  static RecordSet weighted(RecordSet set, String identifier, long weight, @Nullable String check) {
    Map<String, String> extras = new TreeMap<>(set.extras());
    extras.put(IDENTIFIER, identifier);
    extras.put(WEIGHT, Long.toString(weight));
    @Nullable String attached = extras.remove(ATTACHED);
    put(extras, HEALTH_CHECK, attached == null ? check : attached.equals(NONE) ? null : attached);
    return new RecordSet(set.name(), set.type(), set.ttl(), set.values(), extras);
  }

  /**
   * The set without what made it one of several.
   *
   * @param check the health check that was attached only because it was one of several, or null
   */
  static RecordSet unweighted(RecordSet set, @Nullable String check) {
    RecordSet alone = without(set, IDENTIFIER, WEIGHT);
    if (check == null) {
      return alone;
    }
    @Nullable String attached = set.extras().get(HEALTH_CHECK);
    RecordSet bare = without(alone, HEALTH_CHECK);
    if (check.equals(attached)) {
      return bare;
    }
    // Somebody took it off, or put another one there: not as it was found, and to be seen.
    Map<String, String> extras = new TreeMap<>(bare.extras());
    extras.put(ATTACHED, attached == null ? NONE : attached);
    return new RecordSet(set.name(), set.type(), set.ttl(), set.values(), extras);
  }

  private static String value(String type, String text) {
    if (type.equals("CNAME")) {
      return ZoneNames.bare(text);
    }
    byte[] bytes = Address.toByteArray(text, type.equals("A") ? Address.IPv4 : Address.IPv6);
    try {
      return bytes == null ? text : Destination.canonical(java.net.InetAddress.getByAddress(bytes));
    } catch (java.net.UnknownHostException e) {
      return text; // four or sixteen bytes always are an address
    }
  }

  private static String text(String type, String value) {
    return type.equals("CNAME") ? ZoneNames.absolute(value) : value;
  }
}
