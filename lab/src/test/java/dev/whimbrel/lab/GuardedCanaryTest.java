package dev.whimbrel.lab;

import static org.assertj.core.api.Assertions.assertThat;

import dev.whimbrel.lab.Product.Ran;
import dev.whimbrel.migration.MigrationResult.Ending;
import dev.whimbrel.migration.MigrationStatus;
import dev.whimbrel.migration.MigrationStatus.State;
import dev.whimbrel.servers.Needs;
import dev.whimbrel.servers.Program;
import java.time.Duration;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/** A canary whose target gets worse than the source goes back by itself, whatever is waited for. */
@Needs({Program.HAPROXY, Program.TEMPORAL, Program.PG_DUMP})
class GuardedCanaryTest {
  private static final Duration LIMIT = Duration.ofMinutes(3);
  private static final Duration OVER = Duration.ofSeconds(10);
  private static final String NAME = "guarded";
  private static final LabRunbook RUNBOOK =
      LabRunbook.quickest(NAME).with(new LabCanary(List.of(25), Duration.ofSeconds(4), OVER));

  @Test
  void aBreachDuringTheBakeTakesTheWeightsBackWithinOneEvaluationPeriod() throws Exception {
    LabCanary longBake = new LabCanary(List.of(25), Duration.ofMinutes(30), OVER);
    try (Canaries canaries = new Canaries(RUNBOOK.with(longBake))) {
      canaries.migration.await(
          "the bake", LIMIT, status -> "the end of the bake at 25 %".equals(status.waitingFor()));

      canaries.assertGoesBackByItself();
    }
  }

  @Test
  void aBreachWhileAnApprovalIsAwaitedTakesTheWeightsBackToo() throws Exception {
    try (Canaries canaries = new Canaries(RUNBOOK.approved())) {
      canaries.migration.await(
          "the approval", LIMIT, status -> status.state() == State.WAITING_FOR_APPROVAL);

      canaries.assertGoesBackByItself();
    }
  }

  @Test
  void aProberThatReachesNeitherSideSaysThatNothingIsKnownAndDoesNothing() throws Exception {
    LabCanary longBake = new LabCanary(List.of(25), Duration.ofMinutes(30), OVER);
    try (Canaries canaries = new Canaries(RUNBOOK.with(longBake))) {
      canaries.migration.await(
          "the bake", LIMIT, status -> "the end of the bake at 25 %".equals(status.waitingFor()));
      String split = canaries.world.balancer().exact();

      canaries.world.stack(false).breakDown(true);
      canaries.world.stack(true).breakDown(true);
      Poll.until("a guard that knows nothing", LIMIT, () -> canaries.guardSays("not known"));
      canaries.awaitMoreLooks(2 * OVER.toSeconds() * 10);

      assertThat(canaries.migration.status().state()).isEqualTo(State.WAITING_FOR_TIME);
      assertThat(canaries.world.balancer().exact()).isEqualTo(split);

      canaries.world.stack(false).breakDown(false);
      canaries.world.stack(true).breakDown(false);
      Poll.until("a guard that knows again", LIMIT, () -> !canaries.guardSays("not known"));
      canaries.assertGoesBackByItself();
    }
  }

  /** A world under load whose canary has begun, and a worker in it. */
  private static final class Canaries implements AutoCloseable {
    final LabWorld world = LabWorld.build().onRealTemporal().balanced().start();
    final LabMigration migration = new LabMigration(world, NAME);
    private final Ledger ledger = new Ledger();
    private final String found = world.balancer().exact();
    private final ShopClients clients = ShopClients.forgetful(ledger, world, 8, 200);

    Canaries(LabRunbook runbook) {
      world.product().startWorker();
      Ran started = world.product().run("start", world.write(runbook).toString());
      assertThat(started.exit()).as(started.out() + started.err()).isZero();
    }

    /** What the guard's last heartbeat says. */
    boolean guardSays(String words) {
      return migration.pendingProgress("AwaitBreach").line().contains(words);
    }

    /** Waits until the guard has looked so many times more. */
    void awaitMoreLooks(long more) {
      Long before = migration.pendingProgress("AwaitBreach").looks();
      Poll.until(
          more + " looks",
          LIMIT,
          () -> looks(migration.pendingProgress("AwaitBreach").looks()) >= looks(before) + more);
    }

    private static long looks(@Nullable Long looks) {
      return looks == null ? 0 : looks;
    }

    void assertGoesBackByItself() throws Exception {
      assertThat(world.balancer().exact()).isNotEqualTo(found);
      long broken = System.nanoTime();
      world.stack(true).breakDown(true);

      Poll.until("the weights as found", LIMIT, () -> world.balancer().exact().equals(found));
      Duration took = Duration.ofNanos(System.nanoTime() - broken);

      assertThat(took).isLessThan(OVER);
      MigrationStatus end =
          migration.await("the end", LIMIT, status -> status.state() == State.ENDED);
      assertThat(end.result()).as(LabMigration.summary(end)).isEqualTo(Ending.ROLLED_BACK);
      clients.close();
      assertThat(world.judgeSource(ledger).wrongs()).isEmpty();
    }

    @Override
    public void close() {
      clients.close();
      migration.close();
      world.close();
    }
  }
}
