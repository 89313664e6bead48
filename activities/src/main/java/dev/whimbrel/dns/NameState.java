package dev.whimbrel.dns;

import dev.whimbrel.activity.DnsSnapshot.RecordSet;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.stream.Collectors;

/**
 * A name as one server shows it.
 *
 * @param name fully qualified, without the last dot
 * @param sets its address record sets, A before AAAA
 * @param mark Whimbrel's own record beside the name, where there is one
 */
public record NameState(String name, List<RecordSet> sets, Optional<Mark> mark) {

  /** Where it points to. */
  public Addresses addresses() {
    return Addresses.of(sets);
  }

  /** The TTL of one type's set, in seconds. */
  public OptionalInt ttl(String type) {
    return sets.stream().filter(s -> s.type().equals(type)).mapToInt(RecordSet::ttl).findFirst();
  }

  /** The longest TTL, in seconds; 0 when there are no addresses. */
  public int longestTtl() {
    return sets.stream().mapToInt(RecordSet::ttl).max().orElse(0);
  }

  /** The same name with other record sets and another mark. */
  public NameState with(List<RecordSet> otherSets, Optional<Mark> otherMark) {
    return new NameState(name, List.copyOf(otherSets), otherMark);
  }

  /** {@code A 203.0.113.10 (TTL 60), AAAA 2001:db8::1 (TTL 60)}, as shown to people. */
  public String line() {
    return sets.isEmpty()
        ? "no address record"
        : sets.stream()
            .map(s -> "%s %s (TTL %d)".formatted(s.type(), String.join(" ", s.values()), s.ttl()))
            .collect(Collectors.joining(", "));
  }
}
