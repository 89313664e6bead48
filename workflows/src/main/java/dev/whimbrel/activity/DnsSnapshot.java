package dev.whimbrel.activity;

import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * Records as they were found.
 *
 * @param records every record set of the names that says where they point to
 */
public record DnsSnapshot(List<RecordSet> records) {

  /** The longest TTL among the record sets, in seconds; 0 when there are none. */
  public int longestTtl() {
    return records.stream().mapToInt(RecordSet::ttl).max().orElse(0);
  }

  /**
   * One record set.
   *
   * @param name fully qualified, without the last dot
   * @param type {@code A}, {@code AAAA} or {@code CNAME}
   * @param ttl seconds
   * @param values addresses, or one host name, in the order in which they are kept
   * @param extras what the provider keeps beside them and needs to put the set back as it was: the
   *     target of an alias, a health check, metadata; sorted by key
   */
  public record RecordSet(
      String name, String type, int ttl, List<String> values, Map<String, String> extras) {

    /** The extra that marks a set whose answer and TTL come from something else: see providers. */
    public static final String ALIAS = "alias";

    public RecordSet {
      values = List.copyOf(values);
      extras =
          extras == null || extras.isEmpty()
              ? Map.of()
              : Collections.unmodifiableMap(new TreeMap<>(extras));
    }

    /** A set with nothing beside it. */
    public RecordSet(String name, String type, int ttl, List<String> values) {
      this(name, type, ttl, values, Map.of());
    }

    /** Whether its answer, and its TTL, come from something else. */
    public boolean aliased() {
      return extras.containsKey(ALIAS);
    }

    /** The same with another TTL; an alias keeps its own, which nobody can set. */
    public RecordSet withTtl(int seconds) {
      return aliased() ? this : new RecordSet(name, type, seconds, values, extras);
    }

    /** As a DNS server shows it: the values sorted, nothing beside them. */
    public RecordSet plain() {
      return new RecordSet(name, type, ttl, values.stream().sorted().toList());
    }
  }
}
