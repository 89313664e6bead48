package dev.whimbrel.lab;

import static org.assertj.core.api.Assertions.assertThat;

import dev.whimbrel.lab.Product.Ran;
import dev.whimbrel.migration.MigrationResult.Ending;
import dev.whimbrel.migration.MigrationStatus;
import dev.whimbrel.servers.Needs;
import dev.whimbrel.servers.Program;
import java.sql.SQLException;
import java.time.Duration;
import java.util.List;
import java.util.Random;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/**
 * A rollback at random moments of many runs. Each run ends rolled back whole, or migrated once the
 * point of no return is passed, and nothing is lost. {@code -Dwhimbrel.seed=N} repeats the moments,
 * {@code -Dwhimbrel.runs=N} sets how many.
 */
@Tag("campaign")
@Needs({Program.NAMED, Program.TEMPORAL, Program.PG_DUMP})
class RandomRollbackCampaign {
  private static final String NAME = "whim";
  private static final Duration COPY = Duration.ofSeconds(3);
  private static final LabRunbook RUNBOOK =
      new LabRunbook(
          NAME, Duration.ofSeconds(1), Duration.ofSeconds(3), Duration.ofSeconds(15), "none");

  /** Where a rollback is most interesting; half of the runs aim at one of them. */
  private static final List<String> STEPS =
      List.of(
          "prepare.preflight",
          "replicate.schema",
          "replicate.subscribe",
          "replicate.indexes",
          "cutover.rehearse-reverse",
          "cutover.switchover",
          "cutover.switchover",
          "cutover.switchover",
          "cutover.smoke-again",
          "cutover.shift-traffic",
          "cutover.tail",
          "decommission.stop-reverse");

  private static final int LONGEST_RUN_MILLIS = 45_000;
  private static final int AROUND_A_STEP_MILLIS = 1_500;

  private final long seed = Long.getLong("whimbrel.seed", System.nanoTime());
  private final int runs = Integer.getInteger("whimbrel.runs", 20);
  private final Random random = new Random(seed);
  private int done;

  @Test
  void everyRunEndsRolledBackWholeOrMigrated() throws Exception {
    tell("seed " + seed + ", " + runs + " runs");
    while (done < runs) {
      try (Journey journey = Journey.begin(LabWorld.build(), NAME, COPY)) {
        boolean migrated = false;
        while (!migrated && done < runs) {
          migrated = run(journey);
          done++;
        }
        Judgement judgement = journey.judge(migrated);
        tell("nothing lost of %,d writes".formatted(judgement.acknowledged()));
      }
    }
  }

  private boolean run(Journey journey) throws SQLException {
    journey.start(RUNBOOK);
    String aim = awaitMoment(journey);
    String where = journey.whereItIs();
    boolean signal = random.nextBoolean();
    long asked = System.nanoTime();
    if (signal) {
      signal(journey);
    } else {
      // Refused once it is too late, which the end will tell.
      Ran ran = journey.rollBackByCommand();
      where += " (exit " + ran.exit() + " " + ran.err().strip() + ")";
    }
    MigrationStatus end = journey.awaitEnd();
    tell(
        "run %d, %s: %s at %s ended %s after %d ms"
            .formatted(
                done + 1,
                aim,
                signal ? "signal" : "command",
                where,
                end.result(),
                (System.nanoTime() - asked) / 1_000_000));
    if (end.result() == Ending.MIGRATED) {
      MigrationStatus unused = journey.assertMigrated();
      return true;
    }
    MigrationStatus unused = journey.assertRolledBackWhole();
    return false;
  }

  private static void signal(Journey journey) {
    try {
      journey.rollBackBySignal();
    } catch (IllegalStateException e) {
      // It had ended already.
      assertThat(e).hasMessageContaining("already completed");
    }
  }

  private String awaitMoment(Journey journey) {
    int more;
    String aim;
    if (random.nextBoolean()) {
      more = random.nextInt(LONGEST_RUN_MILLIS);
      aim = more + " ms after the start";
    } else {
      String step = STEPS.get(random.nextInt(STEPS.size()));
      more = random.nextInt(AROUND_A_STEP_MILLIS);
      aim = more + " ms after " + step;
      journey.awaitStep(step);
    }
    LockSupport.parkNanos(Duration.ofMillis(more).toNanos());
    return aim;
  }

  private static void tell(String line) {
    System.out.println("campaign: " + line);
  }
}
