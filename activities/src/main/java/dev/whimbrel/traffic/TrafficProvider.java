package dev.whimbrel.traffic;

import dev.whimbrel.activity.ChangePlan;
import dev.whimbrel.attempt.Attempt;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** Something that sends requests to two stacks, the target's share of them as it is told. */
interface TrafficProvider {

  /** What stands in the way of a share, and what would be done for it; changes nothing. */
  ChangePlan plan(int share);

  /**
   * Sets the share and reads it back. Again is harmless.
   *
   * @param share the target's percent; 0 is what was there before the migration
   * @param attempt asked right before every change whether it may still be made
   * @return what was done, in one line with figures
   */
  String set(int share, Attempt attempt);

  /** What is still missing until the share is in force; empty when it is. */
  Optional<String> missing(int share);

  /**
   * Removes what was kept for the way back.
   *
   * @return what was removed; empty where nothing was kept
   */
  default Optional<String> forget(Attempt attempt) {
    return Optional.empty();
  }

  /** How the share is doing, for one who watches it. */
  Watch watch(int share);

  /** A watcher's memory over its looks. */
  interface Watch {
    /**
     * Looks once.
     *
     * @param attempt the watching attempt
     * @throws io.temporal.failure.ApplicationFailure {@code NeedsHelp} with both versions if
     *     somebody else changed the share
     */
    Seen look(Attempt attempt);
  }

  /**
   * What one look has seen.
   *
   * @param lost whether the share was lost without anybody deciding so
   * @param line what was seen
   * @param trouble why the share is not what clients get just now, whatever is set; or null
   */
  record Seen(boolean lost, String line, @Nullable String trouble) {
    /** A look without trouble. */
    Seen(boolean lost, String line) {
      this(lost, line, null);
    }
  }
}
