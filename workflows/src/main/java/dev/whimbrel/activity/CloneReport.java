package dev.whimbrel.activity;

import java.util.ArrayList;
import java.util.List;

/**
 * What a clone holds.
 *
 * @param tables how many tables hold rows
 * @param rows rows in all of them
 * @param bytes their size on the source
 * @param indexes keys and indexes
 * @param snapshot the snapshot, as {@code pg_current_snapshot()} says it
 * @param takenAt when it was taken, by the target's clock, ISO 8601
 * @param lsn where the source's log was then
 * @param snapshots how many were begun: each one behind the first began the clone anew
 * @param bytesAgain bytes that were copied twice, since a snapshot was lost or a copier was
 *     interrupted
 * @param leftOut what the clone does not hold, or not as the source does
 */
public record CloneReport(
    int tables,
    long rows,
    long bytes,
    int indexes,
    String snapshot,
    String takenAt,
    String lsn,
    int snapshots,
    long bytesAgain,
    List<String> leftOut) {

  /** The same, with more that was left out. */
  public CloneReport leavingOut(List<String> more) {
    List<String> all = new ArrayList<>(leftOut);
    all.addAll(more);
    return new CloneReport(
        tables,
        rows,
        bytes,
        indexes,
        snapshot,
        takenAt,
        lsn,
        snapshots,
        bytesAgain,
        List.copyOf(all));
  }
}
