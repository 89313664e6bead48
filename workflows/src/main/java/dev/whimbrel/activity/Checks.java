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
   * Runs a suite that writes, once, on its clone; fails with {@code NeedsHelp} that holds the end
   * of its output where it is not green. Not to be tried again on the same clone.
   */
  Outcome runSuite(SuiteRequest request);

  /**
   * Watches one guard until it is breached, and returns the breach. Heartbeats the samples so far.
   * Fewer than 30 samples, or a failing control probe, are "not known" and never a breach.
   */
  Breach awaitBreach(GuardRequest request);
}
