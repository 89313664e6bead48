package dev.whimbrel.dns.azure;

import dev.whimbrel.activity.DnsSnapshot.RecordSet;
import dev.whimbrel.dns.NameState;
import java.util.Map;
import java.util.TreeMap;

/**
 * The metadata beside a record set, which people and tools put there. It stays with the set
 * whatever its values become, and is handed from a read to the change that follows it.
 */
final class Metadata {
  private Metadata() {}

  /** Notes what was read. */
  static void keep(Map<String, String> versions, String type, Map<String, String> metadata) {
    metadata.forEach((key, value) -> versions.put(type + " " + key, value));
  }

  /** What shall stand beside a set: its own, or what was there. */
  static Map<String, String> of(RecordSet wanted, NameState expected) {
    Map<String, String> own = RecordSets.metadata(wanted);
    if (!own.isEmpty()) {
      return own;
    }
    Map<String, String> found = new TreeMap<>();
    String prefix = wanted.type() + " ";
    expected
        .versions()
        .forEach(
            (key, value) -> {
              if (key.startsWith(prefix)) {
                found.put(key.substring(prefix.length()), value);
              }
            });
    return found;
  }
}
