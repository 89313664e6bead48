package dev.whimbrel.activity;

import io.temporal.activity.ActivityInterface;

/** The forward stream, from source to target, and its state. */
@ActivityInterface
public interface Replication {

  /** Creates publication, replication role, slot and subscription with initial data. */
  Outcome subscribe(Move move);

  /** Waits until every table is synchronised. Heartbeats tables done and bytes copied. */
  Outcome awaitCopied(Move move);

  /** Waits until a marker travels within {@link Move#maxLag()}. */
  Outcome awaitCaughtUp(Move move);

  /**
   * Carries the sequences over early: value, {@code is_called}, cache, direction; never lowered.
   */
  Outcome carrySequences(Move move);

  /**
   * Waits until lag has stayed under the limit for the whole soak. Time in which nobody looked, or
   * in which no write was seen, does not count. Heartbeats {@code heldSince}, {@code lastLooked}
   * and who was seen to use the source.
   */
  SoakReport soak(SoakRequest request);

  /** Removes subscription, slot, publication and role of the forward stream. */
  Outcome unsubscribe(Move move);
}
