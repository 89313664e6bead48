package dev.whimbrel.activity;

import io.temporal.activity.ActivityInterface;

/** The team's own checks, and the guards. */
@ActivityInterface
public interface Checks {

  /**
   * Runs every check once; fails with {@code NeedsHelp} that names each check that was not green.
   */
  Outcome smoke(SmokeRequest request);

  /**
   * Watches one guard until it is breached, and returns the breach. Heartbeats the samples so far.
   * Fewer than 30 samples, or a failing control probe, are "not known" and never a breach.
   */
  Breach awaitBreach(GuardRequest request);
}
