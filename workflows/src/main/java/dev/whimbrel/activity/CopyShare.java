package dev.whimbrel.activity;

import org.jspecify.annotations.Nullable;

/**
 * What one caller has copied.
 *
 * @param pieces pieces of work that it finished
 * @param snapshotLost whether it stopped because the generation's snapshot is gone
 * @param why why it is gone, or null where it is not or nobody said
 */
public record CopyShare(int pieces, boolean snapshotLost, @Nullable String why) {

  /** A share without a reason. */
  public CopyShare(int pieces, boolean snapshotLost) {
    this(pieces, snapshotLost, null);
  }
}
