package dev.whimbrel.compute;

/**
 * A snapshot that a migration has made.
 *
 * @param id as the cloud names it
 * @param place where it is
 * @param disk the disk it was taken of, in the end
 * @param copy whether it is a copy of another snapshot
 * @param begun when it was begun, in ISO 8601 and a form whose order is the order of time; empty
 *     where the cloud does not say so
 * @param state how far it is
 * @param progress in the cloud's words, such as {@code 40%}
 * @param gibibytes the size of the disk
 */
public record Snapshot(
    String id,
    String place,
    String disk,
    boolean copy,
    String begun,
    State state,
    String progress,
    int gibibytes) {

  /** {@code 2026-11-28T10:00:00.000Z}, when it was begun; or that nobody knows it. */
  String begunInWords() {
    return begun.isEmpty() ? "at an unknown time" : begun;
  }

  /** How far a snapshot is. */
  public enum State {
    /** It is being made. */
    PENDING,
    /** It can be used. */
    COMPLETE,
    /** It never will be. */
    FAILED,
    /**
     * It is being deleted: its name is free, and it costs nothing any more, only when it is gone.
     */
    DELETING
  }
}
