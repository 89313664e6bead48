package dev.whimbrel.activity;

import java.util.List;

/**
 * Records as they were found.
 *
 * @param records every address record set of the names
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
   * @param type {@code A} or {@code AAAA}
   * @param ttl seconds
   * @param values addresses, sorted
   */
  public record RecordSet(String name, String type, int ttl, List<String> values) {}
}
