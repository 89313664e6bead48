package dev.whimbrel.activity;

import io.temporal.activity.ActivityInterface;
import io.temporal.activity.ActivityMethod;

/**
 * The bulk copy: rows, keys and indexes of one snapshot of the source, carried by any number of
 * workers at once. What is done stands on the target, in the transaction that did it, so that every
 * call may die anywhere and be made again.
 *
 * <p>A <em>generation</em> is one snapshot with the slot that begins where it ends. The source
 * keeps the snapshot by itself, beyond the death of any worker; when it is lost all the same, the
 * next generation brings what was copied to its own snapshot, by the changes that the old slot has
 * kept, and goes on from there.
 *
 * <p>A <em>stage</em> is the tables that are copied together. Where there is more than one, each
 * has snapshots of its own, and what the stages before it hold is live meanwhile.
 */
@ActivityInterface
public interface Copy {

  /** Publishes the tables and writes the list of work to the target. Again is harmless. */
  CopyPlan prepareCopy(Move move);

  /** As {@link #keepGeneration}, by the name that a copy knows which an earlier release began. */
  void holdSnapshot(CopyRequest request);

  /**
   * Creates the generation's slot with its snapshot unless an earlier attempt has, has the source
   * keep the snapshot, and needs it until it is cancelled. The source lets go of a snapshot that
   * nobody has needed for an hour. Fails for good when the snapshot is lost.
   */
  @ActivityMethod
  void keepGeneration(CopyRequest request);

  /**
   * Waits until the generation's snapshot can be read, and brings what an earlier generation copied
   * to it.
   *
   * @return what had to be thrown away and is copied once more
   */
  CopyOpening openGeneration(CopyRequest request);

  /**
   * Takes pieces of work, one after the other, until none is left for anybody. Heartbeats how far
   * the whole copy is.
   */
  CopyShare copyPieces(CopyRequest request);

  /** Starts the stream of the stage that is copied. Again is harmless. */
  Outcome startStage(Move move);

  /** Waits until that stream has caught up with what was written meanwhile. */
  Outcome followStage(Move move);

  /**
   * Makes one stream of that one and the one of earlier stages, at one position of the source's
   * log: nothing is left out and nothing comes twice. From then on the stage is live, and the next
   * one can be listed. Again is harmless.
   */
  Outcome joinStage(Move move);

  /** Says what was copied, and lets go of whatever only the copy needed except its slot. */
  Outcome finishCopy(Move move);
}
