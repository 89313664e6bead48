package dev.whimbrel.migration;

import dev.whimbrel.activity.Failures.Help;
import io.temporal.failure.CanceledFailure;
import io.temporal.workflow.Workflow;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Where steps wait for a person. A map by step id, since a guard and a step can be parked together.
 */
final class Parking {
  private final Map<String, Place> places = new LinkedHashMap<>();
  private final Runnable changed;

  Parking(Runnable changed) {
    this.changed = changed;
  }

  /** What a person decided about a parked step. */
  record Verdict(boolean retry, StepDecision decision) {}

  private static final class Place {
    final MigrationStatus.Parked shown;
    @Nullable Verdict verdict;

    Place(MigrationStatus.Parked shown) {
      this.shown = shown;
    }
  }

  /** Waits until a person decides. */
  Verdict park(String id, Help help, boolean skippable) {
    Place place =
        new Place(
            new MigrationStatus.Parked(
                id,
                Instant.ofEpochMilli(Workflow.currentTimeMillis()),
                help.cause(),
                help.remedy(),
                help.command(),
                skippable));
    places.put(id, place);
    changed.run();
    try {
      Workflow.await(() -> place.verdict != null);
    } catch (CanceledFailure e) {
      leave(id);
      throw e;
    }
    leave(id);
    return java.util.Objects.requireNonNull(place.verdict);
  }

  private void leave(String id) {
    places.remove(id);
    changed.run();
  }

  /** Everything that waits for a person. */
  List<MigrationStatus.Parked> all() {
    return places.values().stream().map(place -> place.shown).toList();
  }

  boolean isEmpty() {
    return places.isEmpty();
  }

  boolean holds(String id) {
    return places.containsKey(id);
  }

  /** Whether the hand-over waits for somebody to accept that the source is lost. */
  boolean offersPromotion() {
    Place place = places.get(Step.SWITCHOVER.id());
    return place != null && NextSteps.isPromotion(place.shown);
  }

  /** Decides about one step, or about all when none is named. */
  String decide(StepDecision decision, boolean retry) {
    List<String> ids =
        decision.step() == null ? List.copyOf(places.keySet()) : List.of(decision.step());
    for (String id : ids) {
      Place place = places.get(id);
      if (place != null) {
        place.verdict = new Verdict(retry, decision);
      }
    }
    return (retry ? "trying again: " : "going on without: ") + String.join(", ", ids);
  }

  /** Refuses a decision about what is not parked, or a skip of what must not be skipped. */
  void validate(StepDecision decision, boolean retry) {
    String verb = retry ? "retry" : "skip";
    Refusals.unlessNamed(verb, decision.by());
    if (places.isEmpty()) {
      throw Refusals.because("Cannot " + verb + ": nothing is parked.");
    }
    if (decision.step() != null && !places.containsKey(decision.step())) {
      throw Refusals.because(
          "Cannot %s %s: it is not parked. Parked: %s."
              .formatted(verb, decision.step(), String.join(", ", places.keySet())));
    }
    if (retry) {
      return;
    }
    Refusals.unlessReasoned(verb, decision.reason());
    for (Place place : places.values()) {
      boolean meant = decision.step() == null || decision.step().equals(place.shown.step());
      if (meant && !place.shown.skippable()) {
        throw Refusals.because(
            "Cannot skip %s: the migration cannot go on without it. Allowed: retry, rollback, abandon."
                .formatted(place.shown.step()));
      }
    }
  }
}
