package dev.whimbrel.lab;

import static org.assertj.core.api.Assertions.assertThat;

import dev.whimbrel.lab.Product.Ran;
import dev.whimbrel.migration.MigrationResult.Ending;
import dev.whimbrel.migration.MigrationStatus;
import dev.whimbrel.migration.MigrationStatus.State;
import dev.whimbrel.servers.Needs;
import dev.whimbrel.servers.Program;
import dev.whimbrel.servers.Relay;
import java.time.Duration;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.xbill.DNS.Record;

/** A canary whose target gets worse than the source goes back by itself, whatever is waited for. */
@Needs({Program.HAPROXY, Program.TEMPORAL, Program.PG_DUMP})
class GuardedCanaryTest {
  private static final Duration LIMIT = Duration.ofMinutes(3);
  private static final Duration OVER = Duration.ofSeconds(10);
  private static final String NAME = "guarded";

  /** The fewest by which the product judges: each gives all of its clients one answer. */
  private static final int RESOLVERS = 30;

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
  @Needs({Program.MINISTACK, Program.UNBOUND, Program.TEMPORAL, Program.PG_DUMP})
  void aBreachTakesTheWeightsOfANameBackForTheClientsOfManyResolvers() throws Exception {
    LabWorld.Builder plan = LabWorld.build().onRealTemporal().atRoute53(RESOLVERS);
    try (Canaries canaries = new Canaries(plan, RUNBOOK.approved())) {
      MigrationStatus waiting =
          canaries.migration.await(
              "the approval", LIMIT, status -> status.state() == State.WAITING_FOR_APPROVAL);
      assertThat(canaries.world.zone().exact())
          .contains("<Weight>25</Weight>", "<Weight>75</Weight>");
      assertThat(Objects.requireNonNull(waiting.findings()).lines())
          .anySatisfy(
              line ->
                  assertThat(line)
                      .containsPattern("When 25 % came into force: .* \\d+ of 30 resolvers")
                      .doesNotContain("too few to know"));
      Poll.until(
          "clients of some resolver at the target",
          LIMIT,
          () -> canaries.answers().contains(LabWorld.TARGET_ADDRESS));

      canaries.assertGoesBackByItself();

      assertThat(canaries.answers()).containsOnly(LabWorld.SOURCE_ADDRESS);
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

  @Test
  void aProberWithoutItsOwnNetworkDoesNothingWhileClientsAreServed() throws Exception {
    LabCanary longBake = new LabCanary(List.of(25), Duration.ofMinutes(30), OVER);
    LabWorld.Builder plan = LabWorld.build().onRealTemporal().balanced().lookingThroughWires();
    try (Canaries canaries = new Canaries(plan, RUNBOOK.with(longBake))) {
      canaries.migration.await(
          "the bake", LIMIT, status -> "the end of the bake at 25 %".equals(status.waitingFor()));
      String split = canaries.world.balancer().exact();

      canaries.world.lookWires().forEach(Relay::blackhole);
      Poll.until("a guard that knows nothing", LIMIT, () -> canaries.guardSays("not known"));
      long servedBefore = canaries.ledger.acknowledged();
      canaries.awaitMoreLooks(3); // each waits for answers that never come

      assertThat(canaries.migration.status().state()).isEqualTo(State.WAITING_FOR_TIME);
      assertThat(canaries.world.balancer().exact()).isEqualTo(split);
      assertThat(canaries.ledger.acknowledged()).isGreaterThan(servedBefore);

      canaries.world.lookWires().forEach(Relay::heal);
      Poll.until("a guard that knows again", LIMIT, () -> !canaries.guardSays("not known"));
      canaries.assertGoesBackByItself();
    }
  }

  /** A world under load whose canary has begun, and a worker in it. */
  private static final class Canaries implements AutoCloseable {
    final LabWorld world;
    final LabMigration migration;
    private final Ledger ledger = new Ledger();
    private final String found;
    private final ShopClients clients;

    Canaries(LabRunbook runbook) {
      this(LabWorld.build().onRealTemporal().balanced(), runbook);
    }

    Canaries(LabWorld.Builder plan, LabRunbook runbook) {
      world = plan.start();
      migration = new LabMigration(world, NAME);
      found = exact();
      clients = ShopClients.forgetful(ledger, world, 8, 200);
      world.product().startWorker();
      Ran started = world.product().run("start", world.write(runbook).toString());
      assertThat(started.exit()).as(started.out() + started.err()).isZero();
    }

    private String exact() {
      return world.isBalanced() ? world.balancer().exact() : world.zone().exact();
    }

    /** Whether the weights are as found; a name's own TTL comes back later. */
    private boolean areWeightsBack() {
      return world.isBalanced() ? exact().equals(found) : !exact().contains("<Weight>");
    }

    /** What each of the resolvers answers. */
    List<String> answers() {
      return world.zone().resolvers().stream()
          .flatMap(each -> each.records(LabWorld.NAME, "A").stream())
          .map(Record::rdataToString)
          .toList();
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
      assertThat(exact()).isNotEqualTo(found);
      long broken = System.nanoTime();
      world.stack(true).breakDown(true);

      Poll.until("the weights as found", LIMIT, this::areWeightsBack);
      Duration took = Duration.ofNanos(System.nanoTime() - broken);

      assertThat(took).isLessThan(OVER);
      MigrationStatus end =
          migration.await("the end", LIMIT, status -> status.state() == State.ENDED);
      assertThat(end.result()).as(LabMigration.summary(end)).isEqualTo(Ending.ROLLED_BACK);
      assertThat(exact()).isEqualTo(found);
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
