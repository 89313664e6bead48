package dev.whimbrel.activity;

import io.temporal.activity.ActivityInterface;

/** What must hold before the target's stack serves real traffic. */
@ActivityInterface
public interface Canary {
  /**
   * Proves that the target's stack may serve real traffic while the source holds the truth: which
   * database it uses, whether sessions work on both sides, and how much slower it answers.
   */
  CanaryProof proveCanary(CanaryRequest request);
}
