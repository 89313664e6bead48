package dev.whimbrel.lab;

import dev.whimbrel.migration.MigrationStatus;
import dev.whimbrel.migration.MigrationStatus.StepRecord;
import java.time.Duration;
import java.time.Instant;
import java.util.Objects;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * What clients and engine saw of one switchover.
 *
 * @param perSecond writes acknowledged in a second before the switchover
 * @param gap the longest time between two acknowledged writes around the switchover
 * @param otherGap the longest such time before it: what this machine and load do by themselves
 * @param pause the write pause as the engine measured it, in milliseconds
 * @param roundTrips sequential round trips inside the engine's pause
 */
record PauseFigures(long perSecond, Duration gap, Duration otherGap, long pause, int roundTrips) {
  private static final String SWITCHOVER = "cutover.switchover";
  private static final Pattern TRIPS = Pattern.compile("(\\d+) round trips");

  /** The step is recorded after its last act, and the first writes follow at once. */
  static final Duration AFTER = Duration.ofSeconds(2);

  /** Whether the switchover is over, so that its figures can be read. */
  static boolean there(MigrationStatus status) {
    return status.switchover() != null
        && status.steps().stream()
            .anyMatch(step -> step.id().equals(SWITCHOVER) && step.ended() != null);
  }

  /** When the switchover was over, as {@link System#nanoTime}. */
  static long over(MigrationStatus status) {
    return nanoTime(Objects.requireNonNull(step(status).ended(), "end of the switchover"));
  }

  /**
   * Reads the figures of a migration whose switchover is over.
   *
   * @param loadBegan when the clients had warmed up, {@link System#nanoTime}
   */
  static PauseFigures of(MigrationStatus status, Ledger ledger, long loadBegan) {
    StepRecord step = step(status);
    long began = nanoTime(Objects.requireNonNull(step.started(), "start of the switchover"));
    Matcher trips = TRIPS.matcher(Objects.requireNonNullElse(step.outcome(), ""));
    if (!trips.find()) {
      throw new IllegalStateException("No round trips in: " + step.outcome());
    }
    var figures = Objects.requireNonNull(status.switchover(), "figures of the switchover");
    long before = ledger.acknowledgedBetween(loadBegan, began);
    return new PauseFigures(
        before * Duration.ofSeconds(1).toNanos() / Math.max(1, began - loadBegan),
        ledger.longestGapBetween(began, over(status) + AFTER.toNanos()),
        ledger.longestGapBetween(loadBegan, began),
        figures.writePauseMillis(),
        Integer.parseInt(trips.group(1)));
  }

  private static StepRecord step(MigrationStatus status) {
    return status.steps().stream()
        .filter(each -> each.id().equals(SWITCHOVER))
        .findFirst()
        .orElseThrow(() -> new IllegalStateException(LabMigration.summary(status)));
  }

  /** Temporal runs on this machine, by the same clock. */
  private static long nanoTime(Instant instant) {
    return System.nanoTime() - Duration.between(instant, Instant.now()).toNanos();
  }
}
