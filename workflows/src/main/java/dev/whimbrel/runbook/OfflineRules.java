package dev.whimbrel.runbook;

import java.time.Duration;

/** What {@code method: offline} leaves no room for. */
final class OfflineRules {
  private static final Duration SHORTEST = Duration.ofMinutes(1);

  private final Replicate replicate;
  private final Validate validate;
  private final Places places;

  OfflineRules(Replicate replicate, Validate validate, Places places) {
    this.replicate = replicate;
    this.validate = validate;
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
}
