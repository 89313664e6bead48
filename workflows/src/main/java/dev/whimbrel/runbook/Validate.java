package dev.whimbrel.runbook;

import java.util.List;

/**
 * Checks before and after the switchover.
 *
 * @param smoke the team's own read-only checks
 */
public record Validate(List<CheckSpec> smoke) {
  static final Validate DEFAULT = new Validate(List.of());

  public Validate {
    smoke = Defaults.list(smoke);
  }
}
