package dev.whimbrel.dns.route53;

import dev.whimbrel.activity.DnsSnapshot.RecordSet;
import dev.whimbrel.activity.Failures;
import dev.whimbrel.activity.Side;
import dev.whimbrel.dns.NameState.Split;
import dev.whimbrel.runbook.DnsSpec;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import software.amazon.awssdk.services.route53.model.ResourceRecordSet;

/**
 * Both sides of one name and type by weight: two sets with identifiers of the migration's, whose
 * weights are percents.
 */
final class Weights {
  private static final int ALL = 100;
  private static final Pattern IDENTIFIER = Pattern.compile("whimbrel-(.+)-(source|target)");

  private final String migration;
  private final DnsSpec.@Nullable HealthChecks checks;

  Weights(String migration, DnsSpec.@Nullable HealthChecks checks) {
    this.migration = migration;
    this.checks = checks;
  }

  /** The health check that a side's set carries while it is weighted, besides its own; or null. */
  @Nullable String check(Side side) {
    if (checks == null) {
      return null;
    }
    return side == Side.SOURCE ? checks.source() : checks.target();
  }

  /** Two sets that were read as what they are together; empty where they are not both there. */
  Optional<Split> read(String name, List<ResourceRecordSet> sets, Map<String, String> versions) {
    Optional<ResourceRecordSet> source = find(sets, Side.SOURCE);
    Optional<ResourceRecordSet> target = find(sets, Side.TARGET);
    if (sets.size() != 2 || source.isEmpty() || target.isEmpty()) {
      return Optional.empty();
    }
    long here = source.get().weight();
    long there = target.get().weight();
    if (here + there != ALL) {
      versions.put(source.get().typeAsString(), here + "/" + there);
    }
    return Optional.of(
        new Split(
            // Where all weights are 0, all are served alike.
            here + there == 0
                ? ALL / 2
                : Math.toIntExact(Math.round(100.0 * there / (here + there))),
            RecordSets.unweighted(RecordSets.read(name, source.get()), check(Side.SOURCE)),
            RecordSets.unweighted(RecordSets.read(name, target.get()), check(Side.TARGET))));
  }

  private Optional<ResourceRecordSet> find(List<ResourceRecordSet> sets, Side side) {
    return sets.stream()
        .filter(set -> identifier(side).equals(set.setIdentifier()) && set.weight() != null)
        .findFirst();
  }

  /** Whether a set is one of Whimbrel's. */
  static boolean isOurs(ResourceRecordSet set) {
    return set.weight() != null && owner(set).isPresent();
  }

  /** The migration whose weights a set belongs to. */
  static Optional<String> owner(ResourceRecordSet set) {
    if (set.setIdentifier() == null) {
      return Optional.empty();
    }
    Matcher matcher = IDENTIFIER.matcher(set.setIdentifier());
    return matcher.matches() ? Optional.of(matcher.group(1)) : Optional.empty();
  }

  /**
   * The two sets of a split.
   *
   * @param exact the weights as they were read, {@code 10/20}; null for percents
   * @throws io.temporal.failure.ApplicationFailure {@code NeedsHelp} if a set already has a health
   *     check and the runbook names one
   */
  List<RecordSet> write(Split split, @Nullable String exact) {
    long here = (long) ALL - split.share();
    long there = split.share();
    if (exact != null) {
      int slash = exact.indexOf('/');
      here = Long.parseLong(exact.substring(0, slash));
      there = Long.parseLong(exact.substring(slash + 1));
    }
    return List.of(
        weighted(split.source(), Side.SOURCE, here), weighted(split.target(), Side.TARGET, there));
  }

  private RecordSet weighted(RecordSet set, Side side, long weight) {
    @Nullable String check = check(side);
    if (check != null && set.extras().containsKey(RecordSets.HEALTH_CHECK)) {
      throw Failures.needsHelp(
          twoChecks(set, side, check),
          "leave dns.route53.healthChecks.%s out of the runbook: the record's own stays with it"
              .formatted(side.word()),
          null);
    }
    return RecordSets.weighted(set, identifier(side), weight, check);
  }

  static String twoChecks(RecordSet set, Side side, String check) {
    return "%s %s has the health check %s of its own, and dns.route53.healthChecks.%s names %s"
        .formatted(
            set.name(), set.type(), set.extras().get(RecordSets.HEALTH_CHECK), side.word(), check);
  }

  private String identifier(Side side) {
    return "whimbrel-%s-%s".formatted(migration, side.word());
  }
}
