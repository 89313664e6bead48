package dev.whimbrel.compute;

import dev.whimbrel.activity.Failures;
import dev.whimbrel.activity.Outcome;
import dev.whimbrel.attempt.Attempt;
import io.temporal.failure.ApplicationFailure;
import java.util.ArrayList;
import java.util.List;

/**
 * What the source's machines still cost, in one line. It is a service to whoever pays: where it
 * cannot be read it says so, and keeps nothing from going on.
 */
final class OldCosts {
  /** With the pauses between them enough for a service that is busy. */
  private static final int ATTEMPTS = 5;

  private final Attempt attempt;
  private final String migration;
  private final List<String> known = new ArrayList<>();
  private final List<String> unknown = new ArrayList<>();

  OldCosts(Attempt attempt, String migration) {
    this.attempt = attempt;
    this.migration = migration;
  }

  /**
   * What those machines cost.
   *
   * @throws ApplicationFailure {@code Transient} where it may be readable soon
   */
  Outcome of(List<OldSide> old) {
    old.forEach(this::add);
    if (known.isEmpty() && unknown.isEmpty()) {
      return new Outcome("nothing that the old machines used costs money any more");
    }
    List<String> parts = new ArrayList<>();
    if (!known.isEmpty()) {
      parts.add("still costs money: " + String.join("; ", known));
    }
    parts.addAll(unknown);
    return new Outcome(String.join("; ", parts));
  }

  private void add(OldSide old) {
    String place = old.provider().place();
    try {
      old.provider()
          .costs(migration, old.ids())
          .forEach(line -> known.add("%s: %s".formatted(place, line)));
    } catch (ApplicationFailure e) {
      if (e.getType().equals(Failures.TRANSIENT) && attempt.number() < ATTEMPTS) {
        throw e;
      }
      unknown.add("%s: what still costs money is not known: %s".formatted(place, why(e)));
    }
  }

  private static String why(ApplicationFailure failure) {
    return failure.getType().equals(Failures.NEEDS_HELP)
        ? failure.getDetails().get(Failures.Help.class).cause()
        : failure.getOriginalMessage();
  }
}
