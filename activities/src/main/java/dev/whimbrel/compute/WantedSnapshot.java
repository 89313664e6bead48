package dev.whimbrel.compute;

/**
 * A disk that is snapshot where it is, and whose snapshot is copied to the target's place.
 *
 * @param disk the disk's id
 * @param from where the disk is
 * @param to where the copy is wanted; the same as {@code from}: nothing is copied
 */
public record WantedSnapshot(String disk, String from, String to) {
  /** Whether there is anything to copy. */
  public boolean copied() {
    return !from.equals(to);
  }
}
