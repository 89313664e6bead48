package dev.whimbrel.postgres;

/**
 * Told between every two steps of a switchover. For tests that kill, freeze or cut off the process
 * right there; the product uses {@link #NONE}.
 */
public interface Checkpoints {
  /** Does nothing. */
  Checkpoints NONE = point -> {};

  /** The step named by the point is over, the next one has not begun. */
  void at(Point point);

  /** The places between two steps, in their order. */
  enum Point {
    /** Both sessions hold both locks; nothing was changed. */
    LOCKED,
    /** Poolers are paused. */
    PAUSED,
    /** The losing side's tables are locked. */
    FENCED,
    /** The marker is written on the losing side. */
    MARKED,
    /**
     * The marker has arrived, sequences are carried over, the way back starts here: the gaining
     * side is ready to be opened by its COMMIT.
     */
    READY,
    /** Rows that were in flux stand still and are the same. */
    LOOKED,
    /** The losing side's COMMIT: the hand-over. */
    HANDED_OVER,
    /** What was written to large objects last is on the gaining side, where there are any. */
    CARRIED,
    /** The gaining side's COMMIT. */
    OPENED,
    /** Applications follow. */
    FOLLOWED,
    /** The stream back runs. */
    REVERSED
  }
}
