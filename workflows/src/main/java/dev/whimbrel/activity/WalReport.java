package dev.whimbrel.activity;

/**
 * How a watch over the kept log ended.
 *
 * @param side whose log it was
 * @param what came of it
 * @param line one line in an operator's words, with the figures
 */
public record WalReport(Side side, What what, String line) {

  /** What came of it. */
  public enum What {
    /** The migration's slots on the side were dropped, so that production keeps running. */
    RELEASED,
    /** The limit is reached, and a person decides. */
    ASK,
    /** Both sides keep less again. */
    RELIEVED
  }
}
