package dev.whimbrel.activity;

import io.temporal.activity.ActivityInterface;

/** Compares the two databases without stopping either. */
@ActivityInterface
public interface Verification {

  /** Compares data, sequences, schema. A difference is part of the report, not a failure. */
  VerificationReport verify(VerifyRequest request);
}
