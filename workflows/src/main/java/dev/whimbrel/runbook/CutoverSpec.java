package dev.whimbrel.runbook;

import java.time.Duration;
import org.jspecify.annotations.Nullable;

/**
 * When and how the service is switched.
 *
 * @param window {@code Sun 02:00-06:00 Europe/Stockholm}; absent means at any time
 * @param approval {@code required} (default) or {@code none}, which is for laboratories
 * @param pauseBudget how long writes may be held up by one attempt; 5 s
 * @param monitor how long the target is watched before the rollback window begins; 30 min
 * @param evidenceMaxAge how old a verification may be when the switchover starts, counted from the
 *     end of one that a step has made, and from the beginning of a round in the background; 10 min
 */
public record CutoverSpec(
    @Nullable String window,
    String approval,
    Duration pauseBudget,
    Duration monitor,
    Duration evidenceMaxAge) {
  static final CutoverSpec DEFAULT =
      new CutoverSpec(
          null, "required", Duration.ofSeconds(5), Duration.ofMinutes(30), Duration.ofMinutes(10));

  public CutoverSpec {
    approval = Defaults.or(approval, "required");
    pauseBudget = Defaults.or(pauseBudget, Duration.ofSeconds(5));
    monitor = Defaults.or(monitor, Duration.ofMinutes(30));
    evidenceMaxAge = Defaults.or(evidenceMaxAge, Duration.ofMinutes(10));
  }

  /** Whether a person must approve. */
  public boolean approvalRequired() {
    return !"none".equals(approval);
  }
}
