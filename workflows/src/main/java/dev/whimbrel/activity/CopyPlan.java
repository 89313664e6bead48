package dev.whimbrel.activity;

/**
 * What there is to copy.
 *
 * @param generations how many generations there have been: a copy that was begun before goes on
 * @param line how much it is, in words
 * @param stage the stage that is to be copied, from 1; one more than there are once all are live
 * @param stages how many stages there are; 0 where everything comes together
 * @param copied whether this stage is copied already, so that only its stream is missing
 */
public record CopyPlan(int generations, String line, int stage, int stages, boolean copied) {

  /** A plan of everything at once. */
  public CopyPlan(int generations, String line) {
    this(generations, line, 0, 0, false);
  }

  /** Whether a stage is still to be made live. */
  public boolean hasStage() {
    return stages > 0 && stage <= stages;
  }
}
