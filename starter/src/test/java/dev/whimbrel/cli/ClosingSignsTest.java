package dev.whimbrel.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.protobuf.Timestamp;
import dev.whimbrel.activity.Progress;
import dev.whimbrel.migration.MigrationStatus;
import dev.whimbrel.migration.MigrationStatus.RollbackOffer;
import dev.whimbrel.migration.MigrationStatus.State;
import io.temporal.api.common.v1.ActivityType;
import io.temporal.api.workflow.v1.PendingActivityInfo;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/** What is said of a closed source that may have opened by itself. */
class ClosingSignsTest {
  private static final Progress KEPT = Progress.of("the source is closed for writes");

  @Test
  void saysThatTheSourceTakesWritesPerhapsWhereNobodyKeepsItClosed() {
    assertThat(headline(null)).startsWith("WRITES GO TO: nobody (source closed since ");
    assertThat(headline("THE SOURCE MAY TAKE WRITES AGAIN"))
        .matches(
            "WRITES GO TO: source, perhaps \\(it was closed at [0-9:]+ for an offline copy, and nobody has kept it closed lately: see the warning\\)\\. GO BACK: yes, .*");
  }

  @Test
  void takesTheSilenceOfWhoeverKeepsItClosedForAWarning() {
    PendingActivityInfo beating = keeper(100, 90, 3);
    PendingActivityInfo silent = keeper(100, 90, 25);
    PendingActivityInfo justTakenOver = keeper(100, 3, 25);
    PendingActivityInfo neverStarted =
        PendingActivityInfo.newBuilder(keeper(25, 0, 0))
            .clearLastStartedTime()
            .clearLastHeartbeatTime()
            .build();

    assertThat(warning(beating, KEPT)).isNull();
    assertThat(warning(justTakenOver, KEPT)).isNull();
    assertThat(warning(silent, KEPT)).startsWith("THE SOURCE MAY TAKE WRITES AGAIN: nobody");
    assertThat(warning(neverStarted, null)).startsWith("THE SOURCE MAY TAKE WRITES AGAIN: nobody");
    assertThat(warning(silent, KEPT.warning("it says so itself"))).isEqualTo("it says so itself");
  }

  @Test
  void takesTheSilenceOfOthersForNothing() {
    PendingActivityInfo other =
        PendingActivityInfo.newBuilder(keeper(100, 90, 25))
            .setActivityType(ActivityType.newBuilder().setName("Verify"))
            .build();

    assertThat(warning(other, null)).isNull();
    assertThat(warning(other, KEPT.warning("the disk is full"))).isEqualTo("the disk is full");
  }

  private static @Nullable String warning(PendingActivityInfo pending, @Nullable Progress said) {
    return ClosingSigns.warning(pending, said, Statuses.NOW);
  }

  private static PendingActivityInfo keeper(long scheduled, long started, long beaten) {
    return PendingActivityInfo.newBuilder()
        .setActivityType(ActivityType.newBuilder().setName("KeepClosed"))
        .setAttempt(2)
        .setScheduledTime(ago(scheduled))
        .setLastStartedTime(ago(started))
        .setLastHeartbeatTime(ago(beaten))
        .build();
  }

  private static Timestamp ago(long seconds) {
    Instant then = Statuses.NOW.minusSeconds(seconds);
    return Timestamp.newBuilder()
        .setSeconds(then.getEpochSecond())
        .setNanos(then.getNano())
        .build();
  }

  private static String headline(@Nullable String warning) {
    MigrationStatus closed =
        StatusTextTest.status(
            "source",
            State.RUNNING,
            "cutover",
            new RollbackOffer(true, null, 2, 0L),
            List.of(),
            new MigrationStatus.SourceClosed(
                Statuses.NOW.minusSeconds(60), Statuses.NOW.plusSeconds(3600)));
    Snapshot.Activity keeper =
        new Snapshot.Activity("KeepClosed", "kept", null, null, 1, null, warning);
    return StatusText.headline(
        new Snapshot(closed, true, List.of(keeper), null, Statuses.NOW), ZoneOffset.UTC);
  }
}
