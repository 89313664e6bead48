package dev.whimbrel.dns;

import dev.whimbrel.activity.DnsSnapshot.RecordSet;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.function.Function;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * A name as one server shows it.
 *
 * @param name fully qualified, without the last dot
 * @param sets its record sets that one side alone answers with, in the order of {@link
 *     Destination#TYPES}
 * @param splits the types that both sides answer with by weight
 * @param mark Whimbrel's own record beside the name, where there is one
 * @param versions what a provider needs to change exactly what it has read, such as etags, by type;
 *     empty where the values suffice
 */
public record NameState(
    String name,
    List<RecordSet> sets,
    List<Split> splits,
    Optional<Mark> mark,
    Map<String, String> versions) {

  /**
   * One type with both sides behind it.
   *
   * @param share the target's percent, 1 to 99
   * @param source the source's records
   * @param target the target's records, of the same type
   */
  public record Split(int share, RecordSet source, RecordSet target) {
    /** {@code A}, {@code AAAA} or {@code CNAME}. */
    public String type() {
      return source.type();
    }

    /** The same with another TTL. */
    public Split withTtl(int seconds) {
      return new Split(share, source.withTtl(seconds), target.withTtl(seconds));
    }
  }

  public NameState {
    sets = List.copyOf(sets);
    splits = List.copyOf(splits);
    versions = Map.copyOf(versions);
  }

  /** A name that no weights stand behind. */
  public NameState(String name, List<RecordSet> sets, Optional<Mark> mark) {
    this(name, sets, List.of(), mark, Map.of());
  }

  /** Where it points to, apart from what is split. */
  public Destination destination() {
    return Destination.of(sets);
  }

  /** The TTL of one type, in seconds. */
  public OptionalInt ttl(String type) {
    return all().filter(s -> s.type().equals(type)).mapToInt(RecordSet::ttl).findFirst();
  }

  /** The longest TTL, in seconds; 0 when there are no records. */
  public int longestTtl() {
    return all().mapToInt(RecordSet::ttl).max().orElse(0);
  }

  /** The set of one type that one side alone answers with. */
  public Optional<RecordSet> set(String type) {
    return sets.stream().filter(s -> s.type().equals(type)).findFirst();
  }

  /** The split of one type. */
  public Optional<Split> split(String type) {
    return splits.stream().filter(s -> s.type().equals(type)).findFirst();
  }

  /** Whether there is any record that says where the name points to. */
  public boolean isEmpty() {
    return sets.isEmpty() && splits.isEmpty();
  }

  /** The same name with other record sets, no weights, and another mark. */
  public NameState with(List<RecordSet> otherSets, Optional<Mark> otherMark) {
    return new NameState(name, otherSets, List.of(), otherMark, versions);
  }

  /** The same with another mark. */
  public NameState with(Optional<Mark> otherMark) {
    return new NameState(name, sets, splits, otherMark, versions);
  }

  /** The same with TTLs by type. */
  public NameState withTtl(Function<String, Integer> ttl) {
    return new NameState(
        name,
        sets.stream().map(s -> s.withTtl(ttl.apply(s.type()))).toList(),
        splits.stream().map(s -> s.withTtl(ttl.apply(s.type()))).toList(),
        mark,
        versions);
  }

  /** Whether both hold the same records with the same TTLs and weights, whatever else differs. */
  public boolean sameRecords(NameState other) {
    return sets.equals(other.sets) && splits.equals(other.splits);
  }

  /**
   * {@code A 203.0.113.10 (TTL 60), 25 % A 198.51.100.20 beside A 203.0.113.11 (TTL 60)}, as shown
   * to people.
   */
  public String line() {
    List<String> parts = new ArrayList<>();
    sets.forEach(s -> parts.add("%s (TTL %d)".formatted(values(s), s.ttl())));
    splits.forEach(
        s ->
            parts.add(
                "%d %% %s beside %s (TTL %d)"
                    .formatted(
                        s.share(), values(s.target()), values(s.source()), s.source().ttl())));
    return parts.isEmpty() ? "no address record" : String.join(", ", parts);
  }

  /** As {@link #line}, apart from types and TTLs. */
  String words() {
    boolean plain = splits.isEmpty() && sets.stream().noneMatch(RecordSet::aliased);
    return plain ? destination().toString() : line();
  }

  private static String values(RecordSet set) {
    return set.aliased()
        ? "%s alias of %s".formatted(set.type(), set.extras().get(RecordSet.ALIAS))
        : set.type() + " " + String.join(" ", set.values());
  }

  private Stream<RecordSet> all() {
    return Stream.concat(
        sets.stream(), splits.stream().flatMap(s -> Stream.of(s.source(), s.target())));
  }

  /** The TTLs in seconds, {@code 60} or {@code 60/300}. */
  String ttls() {
    return all()
        .map(set -> Integer.toString(set.ttl()))
        .distinct()
        .collect(Collectors.joining("/"));
  }
}
