package dev.whimbrel.activity;

/** One of the two sides of a move. After a rollback the names stay as they were. */
public enum Side {
  SOURCE,
  TARGET;

  /** The side across. */
  public Side other() {
    return this == SOURCE ? TARGET : SOURCE;
  }

  /** The word an operator uses: {@code source} or {@code target}. */
  public String word() {
    return this == SOURCE ? "source" : "target";
  }
}
