package dev.whimbrel.dns;

import dev.whimbrel.activity.DnsMove;
import dev.whimbrel.activity.DnsSnapshot;
import dev.whimbrel.activity.DnsSnapshot.RecordSet;
import dev.whimbrel.activity.Failures;
import dev.whimbrel.activity.Side;
import dev.whimbrel.activity.TtlRequest;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What one name shall look like: on the source as it was found, on the target as the runbook says.
 *
 * @param name fully qualified, without the last dot
 * @param found its record sets at the start of the migration
 * @param source where it points to on the source
 * @param target where it points to on the target
 */
record NamePlan(String name, List<RecordSet> found, Addresses source, Addresses target) {

  /** One plan for each name of the runbook. */
  static List<NamePlan> all(DnsMove move, DnsSnapshot snapshot) {
    Addresses target = addresses("target", move.targetAddresses());
    return move.dns().names().stream()
        .map(
            name -> {
              List<RecordSet> found =
                  snapshot.records().stream().filter(r -> r.name().equals(bare(name))).toList();
              return new NamePlan(bare(name), found, Addresses.of(found), target);
            })
        .toList();
  }

  /** A name without its last dot, in lower case. */
  static String bare(String name) {
    return (name.endsWith(".") ? name.substring(0, name.length() - 1) : name)
        .toLowerCase(java.util.Locale.ROOT);
  }

  /**
   * Addresses of a runbook.
   *
   * @throws io.temporal.failure.ApplicationFailure {@code NeedsHelp} if one cannot be read
   */
  static Addresses addresses(String side, List<String> texts) {
    try {
      return Addresses.parse(texts);
    } catch (IllegalArgumentException e) {
      throw Failures.needsHelp(
          side + ".addresses: " + e.getMessage(), "correct it in the runbook", null);
    }
  }

  Addresses on(Side side) {
    return side == Side.SOURCE ? source : target;
  }

  /** Whether a name that looks like this was changed by nobody but the migration. */
  boolean isOurs(NameState now) {
    return now.addresses().equals(source) || now.addresses().equals(target);
  }

  /** One side's record sets; a family keeps its TTL, a new one gets that of the other family. */
  List<RecordSet> sets(Side side, NameState now) {
    List<RecordSet> sets = new ArrayList<>();
    for (String type : Addresses.TYPES) {
      List<String> values = on(side).ofType(type);
      if (!values.isEmpty()) {
        int ttl = now.ttl(type).orElse(now.sets().isEmpty() ? foundTtl(type) : now.longestTtl());
        sets.add(new RecordSet(name, type, ttl, values));
      }
    }
    return sets;
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
    int found = found().stream().mapToInt(RecordSet::ttl).max().orElse(0);
    return Math.max(found, restore == null ? 0 : restore);
  }

  private int foundTtl(String type) {
    return found.stream()
        .filter(set -> set.type().equals(type))
        .mapToInt(RecordSet::ttl)
        .findFirst()
        .orElseGet(() -> found.stream().mapToInt(RecordSet::ttl).max().orElse(0));
  }
}
