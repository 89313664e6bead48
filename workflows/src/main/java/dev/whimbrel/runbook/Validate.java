package dev.whimbrel.runbook;

import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Checks before and after the switchover.
 *
 * @param smoke the team's own read-only checks
 * @param canary real traffic for the target's stack before the switchover; absent: none
 */
public record Validate(List<CheckSpec> smoke, @Nullable CanarySpec canary) {
  static final Validate DEFAULT = new Validate(List.of(), null);

  public Validate {
    smoke = Defaults.list(smoke);
  }
}
