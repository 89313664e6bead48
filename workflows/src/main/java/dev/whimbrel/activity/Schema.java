package dev.whimbrel.activity;

import io.temporal.activity.ActivityInterface;

/** Carries the schema from source to target in an order in which replication works. */
@ActivityInterface
public interface Schema {

  /** Creates everything of {@code pg_dump}'s pre-data section, and the roles it needs. */
  Outcome createTables(Move move);

  /**
   * Creates primary keys and replica identity indexes, without which the first UPDATE stops apply.
   */
  Outcome createKeys(Move move);

  /**
   * Creates the other indexes, constraints, foreign keys, triggers; refreshes materialized views.
   */
  Outcome createRest(Move move);

  /** Updates the statistics of the target. */
  Outcome analyze(Move move);

  /** Drops from the target what this migration created there, and nothing else. */
  Outcome dropSchema(Move move);
}
