package dev.whimbrel.activity;

import io.temporal.activity.ActivityInterface;

/**
 * A clone: the copy of a database as one snapshot shows it, without replication. Nothing is left on
 * the source, and nothing of Whimbrel's on the target. Rows and indexes are brought by {@link
 * Copy#copyPieces}.
 *
 * <p>{@link Move#migration()} is the <em>run</em> here: the clone's name with a mark of its own, so
 * that no attempt of one run takes part in another.
 */
@ActivityInterface
public interface Cloning {

  /** Reads both databases and says everything that stands in the way. Changes nothing. */
  CloneLook lookBeforeCloning(Move move);

  /**
   * Claims the target, which has to be empty, after dropping what an earlier run of this clone left
   * there. Again is harmless; fails with {@code NeedsHelp} where somebody else holds the target.
   */
  Outcome claimForClone(Move move);

  /**
   * Has the source keep a snapshot, and needs it until it is cancelled. The source itself keeps it
   * on behind the death of whoever asked for it, and lets go of it when nobody has needed it for an
   * hour.
   *
   * @return why the snapshot is lost
   */
  Outcome keepSnapshot(CopyRequest request);

  /**
   * Waits for the snapshot, drops what an earlier snapshot brought, creates the tables as the
   * snapshot knows them and lists what there is to copy.
   *
   * @return what is copied once more
   */
  CopyOpening openClone(CopyRequest request);

  /**
   * Creates what comes behind the rows: keys of partitioned tables, foreign keys, triggers, grants;
   * validates, refreshes materialized views, carries sequences and settings. Again is harmless.
   */
  CloneCompletion completeClone(CopyRequest request);

  /** Compares the clone with the snapshot while that is held. Changes nothing. */
  VerificationReport verifyClone(CloneVerification request);

  /** What was brought, and what was left out. Changes nothing. */
  CloneReport reportClone(CopyRequest request);

  /** Lets go of the snapshot and of the finished clone: it is an ordinary database from now on. */
  Outcome releaseClone(Move move);

  /** Lets go of the snapshot and drops from the target whatever this run brought. */
  Outcome dropClone(Move move);
}
