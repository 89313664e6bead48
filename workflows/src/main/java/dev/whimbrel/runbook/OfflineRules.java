package dev.whimbrel.runbook;

import java.time.Duration;

/** What {@code method: offline} leaves no room for. */
final class OfflineRules {
  private static final Duration SHORTEST = Duration.ofMinutes(1);

  /** The rehearsal, and a closing that is tried again, a minute after the one before. */
  private static final Duration PREPARING = Duration.ofMinutes(10);

  private final Runbook draft;
  private final Replicate replicate;
  private final Validate validate;
  private final Places places;

  OfflineRules(Runbook draft, Places places) {
    this.draft = draft;
    this.replicate = draft.replicate();
    this.validate = draft.validate();
    this.places = places;
  }

  void check() {
    Duration atMost = replicate.closedAtMost();
    if (!replicate.offline()) {
      if (atMost != null) {
        places.report("replicate.closedAtMost", "expected only with method: offline.");
      }
      return;
    }
    if (atMost != null && atMost.compareTo(SHORTEST) < 0) {
      places.report("replicate.closedAtMost", "expected at least 1m.");
    }
    String window = draft.cutover().window();
    if (window != null) {
      room(window);
    }
    if (validate.canary() != null) {
      places.report(
          "validate.canary",
          "cannot go with method: offline: before the source is closed the target holds nothing, and behind it nobody waits for a bake.");
    }
    if (validate.queries() != null) {
      places.report(
          "validate.queries",
          "cannot go with method: offline: both sides are asked at one position of a stream, and there is none.");
    }
    if (validate.suite() != null) {
      places.report(
          "validate.suite",
          "cannot go with method: offline: the service would stay closed for a second copy. whimbrel clone makes one before.");
    }
  }

  /** Long before the window opens; the gate finds out where a change of clocks shortens one. */
  private void room(String window) {
    Duration open;
    try {
      open = WindowSpec.parse(window).longestOpening();
    } catch (IllegalArgumentException e) {
      return; // Reported by whoever reads the cutover.
    }
    Duration needed = draft.neededOpening().plus(PREPARING);
    Duration missing = needed.minus(open);
    if (missing.isNegative() || missing.isZero()) {
      return;
    }
    long fitting = replicate.closedFor().minus(missing).toMinutes();
    places.report(
        "cutover.window",
        "expected to be open for at least %s, which are closedAtMost (%s), pauseBudget and monitor together, and ten minutes to prepare; found '%s', %s.%s"
            .formatted(
                Durations.format(Duration.ofMinutes(needed.plusSeconds(59).toMinutes())),
                Durations.format(replicate.closedFor()),
                window,
                Durations.format(open),
                fitting < SHORTEST.toMinutes()
                    ? ""
                    : " Or, with this window, replicate.closedAtMost: %s."
                        .formatted(Durations.format(Duration.ofMinutes(fitting)))));
  }
}
