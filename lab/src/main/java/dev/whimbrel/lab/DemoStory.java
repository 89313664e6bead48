package dev.whimbrel.lab;

import dev.whimbrel.migration.MigrationStatus;
import dev.whimbrel.migration.MigrationStatus.State;
import dev.whimbrel.migration.MigrationStatus.StepRecord;
import java.io.PrintStream;
import java.time.Duration;
import java.util.HashSet;
import java.util.Set;

/** Tells what happens in a migration, a line for each step that has ended. */
final class DemoStory {
  private static final String SWITCHOVER = "cutover.switchover";

  private final LabWorld world;
  private final Ledger ledger;
  private final PrintStream out;
  private final Set<String> told = new HashSet<>();
  private final long began = System.nanoTime();
  private String phase = "";
  private String writesGoTo = "source";
  private long switchoverBegan = System.nanoTime();

  DemoStory(LabWorld world, Ledger ledger, PrintStream out) {
    this.world = world;
    this.ledger = ledger;
    this.out = out;
  }

  /** Tells what is new, and says whether the migration stands at a step. */
  boolean tell(MigrationStatus status, String step) {
    tell(status);
    return step.equals(status.step());
  }

  /** Tells what is new, and says whether the migration has ended. */
  boolean tellToTheEnd(MigrationStatus status) {
    tell(status);
    return status.state() == State.ENDED;
  }

  /** A moment shortly before the switchover began, {@link System#nanoTime}. */
  long switchoverBegan() {
    return switchoverBegan;
  }

  private void tell(MigrationStatus status) {
    boolean beforeSwitchover = true;
    for (StepRecord step : status.steps()) {
      if (step.id().equals(SWITCHOVER) && step.started() != null) {
        beforeSwitchover = false;
      }
      if (step.ended() != null && step.started() != null && told.add(step.id() + step.started())) {
        // Not the status's own phase: it may be the next one by the time that a step is told.
        announce(step.id().substring(0, step.id().indexOf('.')));
        out.printf("  %-26s %s%n", step.id(), step.outcome());
        out.printf("  %26s %s%n", "", figures());
      }
    }
    if (beforeSwitchover) {
      switchoverBegan = System.nanoTime();
    }
    if (!status.writesGoTo().equals(writesGoTo)) {
      writesGoTo = status.writesGoTo();
      out.printf("  WRITES GO TO: %s (epoch %d)%n", writesGoTo, status.epoch());
    }
  }

  private void announce(String newPhase) {
    if (!newPhase.equals(phase)) {
      phase = newPhase;
      out.printf("%n%s%n", phase);
    }
  }

  private String figures() {
    return "%3d s, %,d writes acknowledged, %d errors, %s is %s"
        .formatted(
            Duration.ofNanos(System.nanoTime() - began).toSeconds(),
            ledger.acknowledged(),
            ledger.errors().size(),
            LabWorld.NAME,
            world.serviceAddress());
  }
}
