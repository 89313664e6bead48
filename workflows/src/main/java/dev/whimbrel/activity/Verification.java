package dev.whimbrel.activity;

import io.temporal.activity.ActivityInterface;

/** Compares the two databases without stopping either. */
@ActivityInterface
public interface Verification {

  /** Compares data, sequences, schema. A difference is part of the report, not a failure. */
  VerificationReport verify(VerifyRequest request);

  /**
   * Compares round and round, and leaves the servers air meanwhile. Its latest report stands in its
   * heartbeat, from where another attempt goes on.
   *
   * @return the report of a round that found differences, when the next one found some too; or,
   *     where it is cancelled, the latest report
   */
  VerificationReport keepVerifying(RoundsRequest request);

  /**
   * Asks both sides the same at the same position of the stream, and compares what they say and how
   * long they take. A difference is part of the report, not a failure.
   *
   * @throws io.temporal.failure.ApplicationFailure {@code NeedsHelp} where no such position can be
   *     found without harm
   */
  QueriesReport compareQueries(QueriesRequest request);
}
