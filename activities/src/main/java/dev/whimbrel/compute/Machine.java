package dev.whimbrel.compute;

import java.time.Instant;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * A machine as it is now.
 *
 * @param id as the cloud names it
 * @param migration the migration whose tag it carries, or null
 * @param name the machine's name in that migration's runbook, as its tag says, or null
 * @param made whether that migration has made it, by more than the tags, which anybody can copy
 * @param state what it does
 * @param reason why it is in this state, where the cloud says so; else empty
 * @param facts what can be compared with the runbook, such as {@code type}
 * @param owner what would put it back or replace it, in words, or null
 * @param since since when it has been running, as far as the cloud says, or null
 */
public record Machine(
    String id,
    @Nullable String migration,
    @Nullable String name,
    boolean made,
    State state,
    String reason,
    Map<String, String> facts,
    @Nullable String owner,
    @Nullable Instant since) {

  /** What a machine does. */
  public enum State {
    /** It starts. */
    STARTING,
    /** It runs; not necessarily healthy. */
    RUNNING,
    /** It is being stopped. */
    STOPPING,
    /** It stands, and its place is still kept for it and paid for as if it ran. */
    IDLE,
    /** It stands, and its disks still cost money. */
    STOPPED,
    /** It is being ended for good. */
    GOING,
    /** It is gone for good. */
    GONE;

    /** The state in lower case, for messages. */
    public String word() {
      return name().toLowerCase(java.util.Locale.ROOT);
    }
  }

  /** Whether it stands and can be started. */
  public boolean stands() {
    return state == State.STOPPED || state == State.IDLE;
  }

  /** Whether somebody may use it: it was started, and does not stand yet or only half. */
  public boolean up() {
    return alive() && state != State.STOPPED;
  }

  /** Whether it is there and will be. */
  public boolean alive() {
    return state != State.GOING && state != State.GONE;
  }
}
