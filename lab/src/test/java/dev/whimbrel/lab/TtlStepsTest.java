package dev.whimbrel.lab;

import static org.assertj.core.api.Assertions.assertThat;

import dev.whimbrel.lab.Product.Ran;
import dev.whimbrel.lab.TtlObserver.Copy;
import dev.whimbrel.migration.MigrationResult.Ending;
import dev.whimbrel.migration.MigrationStatus;
import dev.whimbrel.migration.MigrationStatus.State;
import dev.whimbrel.servers.Needs;
import dev.whimbrel.servers.Program;
import dev.whimbrel.servers.UnboundServer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Test;

/** The TTL goes down in steps, and none begins while a resolver still keeps an older answer. */
@Needs({Program.MINISTACK, Program.UNBOUND, Program.TEMPORAL, Program.PG_DUMP})
class TtlStepsTest {
  private static final Duration LIMIT = Duration.ofMinutes(4);
  private static final int FOUND = 24;
  private static final List<Integer> STEPS = List.of(12, 6, 3);

  /** A resolver counts whole seconds down, and is asked a moment after the authority. */
  private static final int ROUNDING = 1;

  /** Less than half of the first TTL, so that some copy of it outlives the whole second one. */
  private static final Duration APART = Duration.ofSeconds(5);

  @Test
  void noStepBeginsBeforeTheOldTtlHasRunOutAtACachingResolver() throws Exception {
    try (LabWorld world = LabWorld.build().onRealTemporal().atRoute53().ttl(FOUND).start();
        LabMigration migration = new LabMigration(world, "ttl");
        UnboundServer one = inFrontOf(world);
        UnboundServer two = inFrontOf(world);
        UnboundServer three = inFrontOf(world);
        UnboundServer four = inFrontOf(world);
        UnboundServer five = inFrontOf(world);
        ShopClients clients = ShopClients.forgetful(new Ledger(), world, 4, 50);
        TtlObserver observer =
            new TtlObserver(world.zone(), List.of(one, two, three, four, five), APART)) {
      world.product().startWorker();
      Path file = world.write(LabRunbook.quickest("ttl"));
      Files.writeString(file, Files.readString(file).replace("lower: 1,", "lower: " + STEPS + ","));
      Ran started = world.product().run("start", file.toString());
      assertThat(started.exit()).as(started.out() + started.err()).isZero();

      MigrationStatus end =
          migration.await("the end", LIMIT, status -> status.state() == State.ENDED);
      assertThat(end.result()).as(LabMigration.summary(end)).isEqualTo(Ending.MIGRATED);
      Poll.until("an answer of the target", LIMIT, observer::sawTheTarget);
      assertThat(clients.lastAddress()).isEqualTo(LabWorld.TARGET_ADDRESS);

      assertThat(observer.keptAt(observer.firstWith(STEPS.get(0))))
          .as("a copy of %d s that outlives the next TTL: without it the test proves little", FOUND)
          .anyMatch(
              copy ->
                  copy.whole() >= FOUND - ROUNDING
                      && copy.left().toSeconds() > STEPS.get(0) + ROUNDING);
      int before = FOUND;
      for (int step : STEPS) {
        long began = observer.firstWith(step);
        assertForgotten(
            observer, began, before, "the TTL goes from %d to %d".formatted(before, step));
        assertThat(observer.longestKeptFrom(began, FOUND))
            .as("what a resolver still keeps when the TTL goes from %d to %d", before, step)
            .isLessThanOrEqualTo(before + ROUNDING);
        before = step;
      }
      long moved = observer.firstAtTheTarget();
      assertForgotten(observer, moved, before, "the name is moved");
      assertThat(observer.longestKeptFrom(moved, FOUND))
          .as("what a resolver still keeps when the name is moved")
          .isLessThanOrEqualTo(before + ROUNDING);
    }
  }

  /** No resolver still keeps what it took while a longer TTL than that was served. */
  private static void assertForgotten(TtlObserver observer, long when, int longest, String what) {
    List<Copy> kept = observer.keptAt(when);
    assertThat(kept).as("copies kept when " + what).isNotEmpty();
    assertThat(kept)
        .as("copies kept when %s: none is older than the TTL of %d s", what, longest)
        .allMatch(
            copy ->
                copy.whole() <= longest + ROUNDING
                    || copy.left().compareTo(Duration.ofSeconds(ROUNDING)) <= 0);
  }

  private static UnboundServer inFrontOf(LabWorld world) {
    return UnboundServer.inFrontOf(LabWorld.ZONE, world.zone().port());
  }
}
