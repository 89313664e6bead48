package dev.whimbrel.cli;

import dev.whimbrel.activity.PreflightReport.DatabaseUser;
import dev.whimbrel.migration.MigrationResult;
import dev.whimbrel.migration.MigrationStatus;
import dev.whimbrel.migration.MigrationStatus.Findings;
import dev.whimbrel.migration.MigrationStatus.Lag;
import dev.whimbrel.migration.MigrationStatus.RollbackOffer;
import dev.whimbrel.migration.MigrationStatus.State;
import dev.whimbrel.migration.MigrationStatus.StepRecord;
import dev.whimbrel.migration.MigrationStatus.Verified;
import java.time.Instant;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Statuses to print. */
final class Statuses {
  static final Instant NOW = Instant.parse("2026-03-03T02:20:00Z");

  private Statuses() {}

  static MigrationStatus waitingForApproval(
      String name, Instant since, State state, MigrationResult.@Nullable Ending ending) {
    return new MigrationStatus(
        name,
        "cutover",
        "cutover.approval",
        state,
        since,
        ending == null ? "approval by ana@example.com" : null,
        ending,
        "source",
        null,
        1,
        List.of("whimbrel approve " + name + " --findings 0123456789ab"),
        new RollbackOffer(ending == null, null, 2, 0L),
        new Lag(0, 3),
        null,
        new Findings("0123456789abcdef", List.of("41,213,870 rows, 0 differences")),
        null,
        List.of(),
        List.of(
            new StepRecord("prepare.preflight", since, since.plusSeconds(2), "no blocker"),
            new StepRecord("prepare.backup", null, null, "not configured"),
            new StepRecord("cutover.approval", since.plusSeconds(3), null, null)),
        List.of(new DatabaseUser("app", "192.0.2.7", "shop", true, "people (connect: manual)")),
        null);
  }

  static Snapshot inTheWindow() {
    return inTheWindow(
        new Verified(NOW.minusSeconds(180), 41_213_870, 0, List.of("public.blobs: no key")));
  }

  static Snapshot inTheWindow(Verified verified) {
    return new Snapshot(
        new MigrationStatus(
            "shop",
            "cutover",
            "cutover.window",
            State.WAITING_FOR_TIME,
            NOW.minusSeconds(300),
            "the end of the rollback window",
            null,
            "target",
            Instant.parse("2026-03-03T02:14:07Z"),
            3,
            List.of("whimbrel rollback shop --reason …"),
            new RollbackOffer(true, Instant.parse("2026-03-04T02:14:00Z"), 2, 0L),
            new Lag(0, 3),
            verified,
            null,
            new MigrationStatus.SwitchoverFigures(38, 1),
            List.of(),
            List.of(),
            List.of(),
            100),
        true,
        List.of(
            new Snapshot.Activity(
                "WatchWayBack", "the way back is 3 ms behind", 1L, 2L, 1, null, null),
            new Snapshot.Activity("AwaitTail", null, null, null, 9, "2 clients are left", null)),
        null,
        NOW);
  }
}
