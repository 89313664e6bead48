package dev.whimbrel.dns;

import dev.whimbrel.activity.DnsSnapshot.RecordSet;
import dev.whimbrel.activity.Failures;
import java.util.List;
import java.util.Optional;
import java.util.function.Function;

/**
 * Changes names of one migration in their zone, by compare-and-set. What somebody else changed is
 * reported with both versions, and left as it is.
 */
final class Zone {
  /** More conflicts in a row than two attempts of one step can make. */
  private static final int ROUNDS = 5;

  private final DnsProvider provider;
  private final String migration;
  private final Attempt attempt;

  Zone(DnsProvider provider, String migration, Attempt attempt) {
    this.provider = provider;
    this.migration = migration;
    this.attempt = attempt;
  }

  /**
   * Gives a name other record sets. Marks it as being moved; a mark once made changes with every
   * change, also where the records stay the same: see {@link Mark}.
   *
   * @param wanted the record sets, given what is there now
   * @return the name as it was before
   */
  NameState change(NamePlan plan, Function<NameState, List<RecordSet>> wanted) {
    return change(plan, wanted, now -> Optional.of(Mark.next(migration)));
  }

  /** As {@link #change}, and takes the mark away: the last change of a migration. */
  NameState release(NamePlan plan, Function<NameState, List<RecordSet>> wanted) {
    NameState now = read(plan);
    return now.mark().isEmpty() && wanted.apply(now).equals(now.sets())
        ? now
        : change(plan, wanted, ignored -> Optional.empty());
  }

  /**
   * The name as it is, if it points to either side.
   *
   * @throws io.temporal.failure.ApplicationFailure {@code NeedsHelp} if somebody else changed it
   */
  NameState read(NamePlan plan) {
    NameState now = provider.read(plan.name());
    if (!plan.isOurs(now)) {
      // A and AAAA are asked for one after the other: a change in between looks like two halves.
      now = provider.read(plan.name());
    }
    if (!plan.isOurs(now)) {
      throw drifted(plan, now);
    }
    Optional<Mark> other = now.mark().filter(mark -> !mark.migration().equals(migration));
    if (other.isPresent()) {
      throw Failures.needsHelp(
          "%s is being moved by the migration %s".formatted(plan.name(), other.get().migration()),
          "end that migration first; if it is gone, remove the TXT record "
              + Mark.nameFor(plan.name()),
          null);
    }
    return now;
  }

  private NameState change(
      NamePlan plan,
      Function<NameState, List<RecordSet>> wantedSets,
      Function<NameState, Optional<Mark>> nextMark) {
    for (int round = 0; round < ROUNDS; round++) {
      NameState now = read(plan);
      if (now.mark().isEmpty()) {
        // First of all: from here on no update that was prepared earlier matches any more.
        attempt.requireTime();
        provider.change(now, now.with(now.sets(), Optional.of(Mark.next(migration))));
        continue;
      }
      NameState wanted = now.with(wantedSets.apply(now), nextMark.apply(now));
      attempt.requireTime();
      switch (provider.change(now, wanted)) {
        case MADE -> {
          return now;
        }
        case CONFLICT -> {}
        case UNKNOWN -> {
          // The answer was lost, not necessarily the change: the mark says whether it was ours.
          if (provider.read(plan.name()).mark().equals(wanted.mark())) {
            return now;
          }
        }
      }
    }
    throw Failures.transientFailure(
        "%s was changed meanwhile, %d times in a row".formatted(plan.name(), ROUNDS));
  }

  /** What to say where a name points to neither side. */
  RuntimeException drifted(NamePlan plan, NameState now) {
    String owner =
        provider.authoritative().stream()
            .findFirst()
            .flatMap(server -> Ownership.claimed(server, plan.name()))
            .map(claim -> "; " + claim + " claims this name")
            .orElse("");
    return Failures.needsHelp(
        "%s was changed by somebody else: expected %s or %s, found %s%s"
            .formatted(plan.name(), plan.source(), plan.target(), now.line(), owner),
        "stop whoever changes it, put the records back, then retry",
        provider.byHand(now.with(plan.found(), Optional.empty())));
  }
}
