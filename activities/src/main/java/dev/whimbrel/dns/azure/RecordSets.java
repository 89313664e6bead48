package dev.whimbrel.dns.azure;

import com.azure.core.management.SubResource;
import com.azure.resourcemanager.dns.fluent.models.RecordSetInner;
import com.azure.resourcemanager.dns.models.ARecord;
import com.azure.resourcemanager.dns.models.AaaaRecord;
import com.azure.resourcemanager.dns.models.CnameRecord;
import com.azure.resourcemanager.dns.models.TxtRecord;
import dev.whimbrel.activity.DnsSnapshot.RecordSet;
import dev.whimbrel.dns.Mark;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** Azure's record sets as Whimbrel's, and back. */
final class RecordSets {
  private static final String METADATA = "metadata.";

  /** A host name exactly as it was found, where that is not how it is compared. */
  private static final String AS_WRITTEN = "cname";

  private RecordSets() {}

  /** A record set with its metadata, and its target where it is an alias. */
  static RecordSet read(String name, String type, RecordSetInner inner) {
    Map<String, String> extras = new TreeMap<>();
    metadata(inner).forEach((key, value) -> extras.put(METADATA + key, value));
    String target = target(inner);
    if (target != null) {
      extras.put(RecordSet.ALIAS, target);
    }
    return withValues(name, type, Math.toIntExact(inner.ttl()), values(type, inner), extras);
  }

  /** A set of values as Azure writes them. */
  static RecordSet withValues(
      String name, String type, int ttl, List<String> values, Map<String, String> extras) {
    if (!type.equals("CNAME") || values.isEmpty()) {
      return new RecordSet(name, type, ttl, values, extras);
    }
    String written = values.get(0);
    String bare = written.replaceAll("\\.$", "").toLowerCase(Locale.ROOT);
    Map<String, String> more = new TreeMap<>(extras);
    if (!bare.equals(written)) {
      more.put(AS_WRITTEN, written);
    }
    return new RecordSet(name, type, ttl, List.of(bare), more);
  }

  /** The values of a set as Azure shall write them. */
  static List<String> written(RecordSet set) {
    String asWritten = set.extras().get(AS_WRITTEN);
    return asWritten == null ? set.values() : List.of(asWritten);
  }

  /** The metadata that a set was found with. */
  static Map<String, String> metadata(RecordSet set) {
    return set.extras().entrySet().stream()
        .filter(each -> each.getKey().startsWith(METADATA))
        .collect(
            Collectors.toMap(
                each -> each.getKey().substring(METADATA.length()), Map.Entry::getValue));
  }

  static Map<String, String> metadata(RecordSetInner inner) {
    return inner.metadata() == null ? Map.of() : inner.metadata();
  }

  /** The id of the resource that it is an alias of. */
  static @Nullable String target(RecordSetInner inner) {
    return inner.targetResource() == null ? null : inner.targetResource().id();
  }

  /** Whether it holds nothing: Azure keeps such sets, and does not answer with them. */
  static boolean isEmpty(String type, RecordSetInner inner) {
    return target(inner) == null && values(type, inner).isEmpty();
  }

  static List<String> values(String type, RecordSetInner inner) {
    return switch (type) {
      case "A" -> stream(inner.aRecords()).map(ARecord::ipv4Address).toList();
      case "AAAA" -> stream(inner.aaaaRecords()).map(AaaaRecord::ipv6Address).toList();
      case "CNAME" ->
          inner.cnameRecord() == null || inner.cnameRecord().cname() == null
              ? List.of()
              : List.of(inner.cnameRecord().cname());
      default -> throw new IllegalArgumentException("No type of a name's own: " + type);
    };
  }

  /** The texts of a TXT record set. */
  static List<String> texts(RecordSetInner inner) {
    return stream(inner.txtRecords()).map(each -> String.join("", each.value())).toList();
  }

  /** A record set as it shall be. */
  static RecordSetInner write(RecordSet set, Map<String, String> metadata) {
    String alias = set.extras().get(RecordSet.ALIAS);
    if (alias != null) {
      return alias(alias, set.ttl(), metadata);
    }
    RecordSetInner inner = plain(set.ttl(), metadata);
    List<String> values = written(set);
    switch (set.type()) {
      case "A" ->
          inner.withARecords(
              values.stream().map(each -> new ARecord().withIpv4Address(each)).toList());
      case "AAAA" ->
          inner.withAaaaRecords(
              values.stream().map(each -> new AaaaRecord().withIpv6Address(each)).toList());
      default -> inner.withCnameRecord(new CnameRecord().withCname(values.get(0)));
    }
    return inner;
  }

  /** A set that answers with what a resource says. */
  static RecordSetInner alias(String target, int ttl, Map<String, String> metadata) {
    return plain(ttl, metadata).withTargetResource(new SubResource().withId(target));
  }

  /** The record set that marks a name. */
  static RecordSetInner mark(Mark mark) {
    return plain(Mark.TTL, Map.of())
        .withTxtRecords(List.of(new TxtRecord().withValue(List.of(mark.text()))));
  }

  /** Whether both say the same, whatever their etags. */
  static boolean same(String type, RecordSetInner one, RecordSetInner other) {
    boolean sameValues =
        type.equals("TXT")
            ? texts(one).equals(texts(other))
            : values(type, one).equals(values(type, other))
                && String.valueOf(target(one)).equalsIgnoreCase(String.valueOf(target(other)));
    return sameValues
        && Objects.equals(one.ttl(), other.ttl())
        && metadata(one).equals(metadata(other));
  }

  private static RecordSetInner plain(int ttl, Map<String, String> metadata) {
    RecordSetInner inner = new RecordSetInner().withTtl((long) ttl);
    return metadata.isEmpty() ? inner : inner.withMetadata(new TreeMap<>(metadata));
  }

  private static <T> Stream<T> stream(@Nullable List<T> list) {
    return list == null ? Stream.of() : list.stream();
  }
}
