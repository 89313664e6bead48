package dev.whimbrel.dns;

import dev.whimbrel.activity.DnsMove;
import dev.whimbrel.activity.DnsSnapshot;
import dev.whimbrel.activity.DnsSnapshot.RecordSet;
import dev.whimbrel.activity.Failures;
import dev.whimbrel.activity.Side;
import dev.whimbrel.activity.TtlRequest;
import dev.whimbrel.dns.NameState.Split;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * What one name shall look like: on the source as it was found, on the target as the runbook says,
 * and in between by weight.
 *
 * @param name fully qualified, without the last dot
 * @param found its record sets at the start of the migration
 * @param target where it points to on the target
 */
record NamePlan(String name, List<RecordSet> found, Destination target) {
  /** All of the traffic, in percent. */
  static final int ALL = 100;

  /** One plan for each name of the runbook. */
  static List<NamePlan> all(DnsMove move, DnsSnapshot snapshot) {
    Destination target = destination(move, Side.TARGET);
    return move.dns().names().stream()
        .map(
            name -> {
              List<RecordSet> found =
                  snapshot.records().stream().filter(r -> r.name().equals(bare(name))).toList();
              return new NamePlan(bare(name), found, target);
            })
        .toList();
  }

  /** A name without its last dot, in lower case. */
  static String bare(String name) {
    return (name.endsWith(".") ? name.substring(0, name.length() - 1) : name)
        .toLowerCase(Locale.ROOT);
  }

  /**
   * Where the runbook says that the names point to on one side.
   *
   * @throws io.temporal.failure.ApplicationFailure {@code NeedsHelp} if an address cannot be read
   */
  static Destination destination(DnsMove move, Side side) {
    String cname = move.cname(side);
    if (cname != null) {
      return Destination.alias(cname);
    }
    try {
      return Destination.parse(move.addresses(side));
    } catch (IllegalArgumentException e) {
      throw Failures.needsHelp(
          side.word() + ".addresses: " + e.getMessage(), "correct it in the runbook", null);
    }
  }

  /** Where it was found to point to. */
  Destination source() {
    return Destination.of(found);
  }

  /** What it points to at a share of the target's, in words. */
  String words(int share) {
    return at(share, new NameState(name, found, Optional.empty())).words();
  }

  /**
   * The name at a share of the target's, with the TTLs in force. A type that only one side has is
   * never split: the source's stays as it is until the target has everything, the target's comes
   * then.
   */
  NameState at(int share, NameState now) {
    List<RecordSet> sets = new ArrayList<>();
    List<Split> splits = new ArrayList<>();
    for (String type : Destination.TYPES) {
      int ttl = ttlInForce(type, now);
      Optional<RecordSet> here = found(type).map(set -> set.withTtl(ttl));
      List<String> values = target.ofType(type);
      Optional<RecordSet> there =
          values.isEmpty() ? Optional.empty() : Optional.of(new RecordSet(name, type, ttl, values));
      if (share == 0) {
        here.ifPresent(sets::add);
      } else if (share == ALL) {
        there.ifPresent(sets::add);
      } else if (here.isPresent() && there.isPresent()) {
        splits.add(new Split(share, here.get(), there.get()));
      } else {
        here.ifPresent(sets::add);
      }
    }
    return new NameState(name, sets, splits, now.mark(), now.versions());
  }

  private int ttlInForce(String type, NameState now) {
    return now.ttl(type).orElse(now.isEmpty() ? foundTtl(type) : now.longestTtl());
  }

  private Optional<RecordSet> found(String type) {
    return found.stream().filter(set -> set.type().equals(type)).findFirst();
  }

  /**
   * Whether a name that looks like this was changed by nobody but the migration.
   *
   * @param atomic whether all types change in one step; otherwise a change may have been cut off
   *     between two of them
   */
  boolean isOurs(NameState now, boolean atomic) {
    Set<Integer> shares =
        Stream.concat(Stream.of(0, ALL), now.splits().stream().map(Split::share))
            .collect(Collectors.toSet());
    return atomic
        ? shares.stream().anyMatch(share -> isAt(share, now))
        : Destination.TYPES.stream()
            .allMatch(
                type -> shares.stream().anyMatch(share -> sameType(type, at(share, now), now)));
  }

  /** Whether a name that looks like this sends that share to the target. */
  boolean isAt(int share, NameState now) {
    NameState wanted = at(share, now);
    return Destination.TYPES.stream().allMatch(type -> sameType(type, wanted, now));
  }

  private static boolean sameType(String type, NameState one, NameState other) {
    Optional<Split> split = one.split(type);
    Optional<Split> otherSplit = other.split(type);
    if (split.isPresent() && otherSplit.isPresent()) {
      return split.get().share() == otherSplit.get().share()
          && same(split.get().source(), otherSplit.get().source())
          && same(split.get().target(), otherSplit.get().target());
    }
    if (split.isPresent() || otherSplit.isPresent()) {
      return false;
    }
    Optional<RecordSet> set = one.set(type);
    Optional<RecordSet> otherSet = other.set(type);
    if (set.isEmpty() || otherSet.isEmpty()) {
      return set.isEmpty() && otherSet.isEmpty();
    }
    return same(set.get(), otherSet.get());
  }

  /** The order of values means nothing, and the TTL is a question of its own. */
  private static boolean same(RecordSet one, RecordSet other) {
    return one.plain().values().equals(other.plain().values())
        && one.extras().equals(other.extras());
  }

  /** The TTL that a request asks for. Lowering never raises what was lower already. */
  int ttl(TtlRequest request, String type) {
    @Nullable Integer restore = request.move().dns().ttl().restore();
    if (request.restore()) {
      return restore == null ? foundTtl(type) : restore;
    }
    return Math.min(request.ttl(), foundTtl(type));
  }

  /** The longest TTL that the migration itself has a hand in. */
  int longestExpectedTtl(TtlRequest request) {
    @Nullable Integer restore = request.move().dns().ttl().restore();
    int longest = found().stream().mapToInt(RecordSet::ttl).max().orElse(0);
    return Math.max(longest, restore == null ? 0 : restore);
  }

  private int foundTtl(String type) {
    return found(type)
        .map(RecordSet::ttl)
        .orElseGet(() -> found.stream().mapToInt(RecordSet::ttl).max().orElse(0));
  }
}
