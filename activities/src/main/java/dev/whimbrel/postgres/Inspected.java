package dev.whimbrel.postgres;

import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What {@link Inspection} found, in an operator's words; as {@code whimbrel inspect --output json}
 * prints it.
 *
 * @param name the runbook's name
 * @param state which of the states it is
 * @param writesGoTo source, target, none, both or unknown
 * @param epoch the highest that was read; 0 where nobody claimed a database
 * @param headline the one line to read
 * @param alarms what must be done first, before anything else; empty on a good day
 * @param facts what was found, one sentence a line
 * @param ways how to go on by hand, forward and back
 */
public record Inspected(
    String name,
    State state,
    String writesGoTo,
    long epoch,
    String headline,
    List<String> alarms,
    List<String> facts,
    List<Way> ways) {

  /** The states a pair of databases can be found in. */
  public enum State {
    /** Whimbrel holds neither database. */
    NOT_CLAIMED,
    /** Another migration holds one of them, or the sides are swapped. */
    HELD_BY_ANOTHER,
    /** The source is the truth and always was. */
    NEVER_HANDED_OVER,
    /** One side has handed over, the other has not opened: nobody can write. */
    HANDED_OVER_NOT_OPEN,
    /** The target is the truth and open. */
    OPEN,
    /** The source is the truth again. */
    ROLLED_BACK,
    /** One side could not be read. */
    ONE_SIDE_UNREADABLE,
    /** Neither side could be read. */
    BOTH_UNREADABLE,
    /** Both sides claim to be the truth, or both take writes. */
    BOTH_WRITABLE
  }

  /**
   * One way to go.
   *
   * @param title where it leads
   * @param impossible why it cannot be gone from here; null where it can
   * @param steps in order
   */
  public record Way(String title, @Nullable String impossible, List<ByHandStep> steps) {}

  /**
   * One step by hand.
   *
   * @param what in words
   * @param on source, target, or null where it is done elsewhere
   * @param command for a shell, complete; null where there is none
   * @param sql the SQL within it, or null
   * @param untilTrue whether it is repeated until it prints {@code t}
   */
  public record ByHandStep(
      String what,
      @Nullable String on,
      @Nullable String command,
      @Nullable String sql,
      boolean untilTrue) {}
}
