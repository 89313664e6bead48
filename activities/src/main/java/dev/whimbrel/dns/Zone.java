package dev.whimbrel.dns;

import dev.whimbrel.activity.Failures;
import dev.whimbrel.attempt.Attempt;
import io.temporal.failure.ApplicationFailure;
import java.util.Optional;
import java.util.function.Function;
import java.util.function.Predicate;
import java.util.function.UnaryOperator;

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
   * Lets a name point elsewhere. Marks it as being moved; a mark once made changes with every
   * change, also where the records stay the same: see {@link Mark}.
   *
   * @param wanted where it shall point to, given what is there now
   * @return the name as it was before
   */
  NameState change(NamePlan plan, UnaryOperator<NameState> wanted) {
    return change(plan, wanted, now -> Optional.of(Mark.next(migration)));
  }

  /** As {@link #change}, and takes the mark away: the last change of a migration. */
  NameState release(NamePlan plan, UnaryOperator<NameState> wanted) {
    NameState now = read(plan);
    return now.mark().isEmpty() && wanted.apply(now).sameRecords(now)
        ? now
        : change(plan, wanted, ignored -> Optional.empty());
  }

  /**
   * The name as it is, if it points to either side or to both by weight.
   *
   * @throws io.temporal.failure.ApplicationFailure {@code NeedsHelp} if somebody else changed it
   */
  NameState read(NamePlan plan) {
    return read(
        plan,
        now -> isOurs(plan, now),
        now -> "%s or %s".formatted(plan.words(0), plan.words(NamePlan.ALL)));
  }

  private NameState read(
      NamePlan plan, Predicate<NameState> asExpected, Function<NameState, String> expected) {
    NameState now = provider.read(plan.name());
    if (!asExpected.test(now)) {
      // A and AAAA are asked for one after the other: a change in between looks like two halves.
      now = provider.read(plan.name());
    }
    if (!asExpected.test(now)) {
      throw drifted(plan, expected.apply(now), now);
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
      UnaryOperator<NameState> wantedRecords,
      Function<NameState, Optional<Mark>> nextMark) {
    for (int round = 0; round < ROUNDS; round++) {
      NameState now = read(plan);
      if (now.mark().isEmpty()) {
        // First of all: from here on no update that was prepared earlier matches any more.
        attempt.requireAwaited();
        provider.change(now, now.with(Optional.of(Mark.next(migration))));
        continue;
      }
      NameState wanted = wantedRecords.apply(now).with(nextMark.apply(now));
      // Whoever came in between, or before this name's turn, may have been this step's own undo.
      attempt.requireAwaited();
      switch (provider.change(now, wanted)) {
        case MADE -> {
          return now;
        }
        case CONFLICT -> {} // looked at again
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

  private boolean isOurs(NamePlan plan, NameState now) {
    return plan.isOurs(now, provider.capabilities().atomic());
  }

  /**
   * The name as it is, if it sends that share to the target.
   *
   * @throws io.temporal.failure.ApplicationFailure {@code NeedsHelp} if somebody else changed it,
   *     also to what the migration itself has set before
   */
  NameState requireAt(NamePlan plan, int share) {
    return read(plan, now -> plan.isAt(share, now), now -> plan.at(share, now).words());
  }

  /** What to say where a name points to what nobody has asked for. */
  private RuntimeException drifted(NamePlan plan, String expected, NameState now) {
    return Failures.needsHelp(
        "%s was changed by somebody else: expected %s, found %s%s"
            .formatted(plan.name(), expected, now.line(), owner(plan)),
        "stop whoever changes it, put the records back, then retry",
        provider.byHand(now, now.with(plan.found(), Optional.empty())));
  }

  /** Whose claim explains the change; what nobody can say now does not hide that there was one. */
  private String owner(NamePlan plan) {
    try {
      return provider.authoritative().stream()
          .findFirst()
          .flatMap(server -> Ownership.claimed(server, plan.name()))
          .map(claim -> "; " + claim + " claims this name")
          .orElse("");
    } catch (ApplicationFailure e) {
      return "";
    }
  }
}
