package dev.whimbrel.lab;

import static org.assertj.core.api.Assertions.assertThat;

import dev.whimbrel.lab.Product.Ran;
import dev.whimbrel.migration.MigrationStatus.State;
import dev.whimbrel.servers.Needs;
import dev.whimbrel.servers.Program;
import java.time.Duration;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/**
 * A rollback is obeyed wherever the migration stands, whoever sends it and whatever the signal
 * carries; and the same runbook can go forward again.
 */
@Needs({Program.NAMED, Program.TEMPORAL, Program.PG_DUMP})
class RollbackEverywhereTest {
  private static final String NAME = "to-and-fro";
  private static final Duration COPY = Duration.ofSeconds(5);
  private static final LabRunbook QUICK =
      new LabRunbook(
          NAME, Duration.ofSeconds(1), Duration.ofSeconds(1), Duration.ofSeconds(1), "none");
  private static final LabRunbook LONG_WINDOW = QUICK.withWindow(Duration.ofMinutes(30));
  private static final int THOUSANDS = 3_000;

  @Test
  void duringTheCopyAndInTheWindowAndThenForwardAgain() throws Exception {
    try (Journey journey = Journey.begin(LabWorld.build(), NAME, COPY)) {
      journey.start(LONG_WINDOW);
      journey.awaitStep("replicate.copy");
      journey.rollBackBySignal();
      journey.assertRolledBackWhole();

      journey.start(LONG_WINDOW);
      journey.awaitStep("cutover.window");
      journey.awaitAcknowledged(THOUSANDS);
      Ran ran = journey.rollBackByCommand();
      assertThat(ran.exit()).as(ran.out() + ran.err()).isZero();
      journey.assertRolledBackWhole();

      journey.start(QUICK);
      journey.assertMigrated();
      journey.judge(true);
    }
  }

  @Test
  @Tag("campaign")
  void inPrepareInValidationAndWhileParked() throws Exception {
    try (Journey journey = Journey.begin(LabWorld.build(), NAME, COPY)) {
      journey.start(QUICK);
      journey.awaitStep("prepare.lower-ttl");
      journey.rollBackBySignal("--input", "\"the team is not ready\"");
      assertThat(journey.assertRolledBackWhole().steps()).isNotEmpty();

      journey.startWithLongValidation(QUICK);
      journey.await("validation", status -> status.phase().equals("validate"));
      journey.rollBackBySignal("--input", "{\"unknown\": 1}");
      journey.assertRolledBackWhole();

      journey.startBoundToPark(QUICK);
      journey.await("a parked step", status -> status.state() == State.NEEDS_HELP);
      journey.rollBackBySignal("--input", "7");
      journey.assertRolledBackWhole();

      journey.startBoundToPark(QUICK);
      journey.await("a parked step", status -> status.state() == State.NEEDS_HELP);
      Ran ran = journey.rollBackByCommand();
      assertThat(ran.exit()).as(ran.out() + ran.err()).isZero();
      journey.assertRolledBackWhole();

      journey.judge(false);
    }
  }

  @Test
  @Tag("campaign")
  void whileItWaitsForAnApprovalAndInTheMonitorPeriod() throws Exception {
    LabRunbook monitored =
        new LabRunbook(
            NAME, Duration.ofSeconds(1), Duration.ofMinutes(30), Duration.ofSeconds(1), "none");
    try (Journey journey = Journey.begin(LabWorld.build(), NAME, Duration.ZERO)) {
      journey.start(QUICK.approved());
      journey.await("approval", status -> status.state() == State.WAITING_FOR_APPROVAL);
      journey.rollBackBySignal("--input", "7");
      journey.assertRolledBackWhole();

      journey.start(QUICK.approved());
      journey.await("approval", status -> status.state() == State.WAITING_FOR_APPROVAL);
      assertThat(journey.rollBackByCommand().exit()).isZero();
      journey.assertRolledBackWhole();

      journey.start(monitored);
      journey.awaitStep("cutover.monitor");
      journey.awaitAcknowledged(THOUSANDS);
      journey.rollBackBySignal("--input", "\"the new side is slow\"");
      journey.assertRolledBackWhole();

      journey.start(LONG_WINDOW);
      journey.awaitStep("cutover.window");
      journey.awaitAcknowledged(THOUSANDS);
      journey.rollBackBySignal("--input", "{\"unknown\": 1}");
      journey.assertRolledBackWhole();

      journey.start(QUICK);
      journey.assertMigrated();
      journey.judge(true);
    }
  }
}
