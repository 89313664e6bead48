package dev.whimbrel.activity;

import io.temporal.activity.ActivityInterface;

/**
 * The databases on the target's server in which suites write. What each of them holds is brought by
 * {@link Cloning}, from the target's database: the source is not asked for a row.
 */
@ActivityInterface
public interface SuiteClones {

  /**
   * Makes an empty database like the target's, after a look whether there is room for what it will
   * hold. Again is harmless; fails once it was dropped.
   */
  Outcome createSuiteClone(SuiteClone clone);

  /**
   * Makes a complete clone ready: sequences stand where those of the source do, and nothing of it
   * reaches another server by itself. Again is harmless.
   */
  Outcome readySuiteClone(SuiteClone clone);

  /** Drops one clone with whoever is connected to it. Again is harmless; no other is touched. */
  Outcome dropSuiteClone(SuiteClone clone);

  /** Drops every clone that this migration has made and not dropped. Again is harmless. */
  Outcome dropSuiteClones(Move move);
}
