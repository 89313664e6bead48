package dev.whimbrel.postgres;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.whimbrel.activity.CopyRequest;
import dev.whimbrel.activity.HandOver;
import dev.whimbrel.activity.Side;
import dev.whimbrel.activity.VerificationReport;
import dev.whimbrel.servers.Needs;
import dev.whimbrel.servers.PostgresServer;
import dev.whimbrel.servers.Program;
import java.sql.Connection;
import java.time.Duration;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.parallel.Isolated;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** A move whose source is closed first, under load, with a ledger of what was acknowledged. */
@Isolated("the pause is held to a limit")
@Needs(Program.PG_DUMP)
class ClosedMoveTest {
  private static Pairs pair;
  private static int number;

  @BeforeAll
  static void start() {
    // Nothing of the way there needs a source that can be decoded.
    pair =
        new Pairs(
            PostgresServer.version(15).set("wal_level", "replica").start(),
            PostgresServer.start(16));
  }

  @AfterAll
  static void stop() {
    pair.close();
  }

  @Test
  void losesNothingFromBeforeTheClosingUntilBehindTheWayBack() throws Exception {
    try (ClosedShop shop = new ClosedShop(pair, database()).prepared();
        Load load = shop.load(4)) {
      awaitWrites(load);
      shop.close(1);
      long closed = load.acknowledged();
      try (KeeperProcess keeper = new KeeperProcess(shop.move, 1)) {
        shop.copy();
        assertThat(shop.readied().canGoBack()).isTrue();
        VerificationReport compared = shop.compare();
        assertThat(load.acknowledged()).isBetween(closed, closed + 4);
        assertThat(compared.findings()).isEmpty();
        assertThat(compared.inFlux()).isZero();

        HandOver there = shop.switchover.handOver(shop.handOver(1));

        assertThat(there.writesGoTo()).isEqualTo(Side.TARGET);
        assertThat(there.canGoBack()).as(there.line()).isTrue();
        assertThat(keeper.awaitEnd()).contains("the source was handed over");
        awaitWrites(load);
        assertThatThrownBy(
                () -> pair.source().execute(shop.name, "INSERT INTO counter VALUES (99, 1)"))
            .hasStackTraceContaining("writes go to the other side");

        HandOver back = shop.switchover.settle(shop.back());
        assertThat(back.writesGoTo()).isEqualTo(Side.SOURCE);
        awaitWrites(load);
      }
      load.stop();
      try (Connection source = pair.source().connect(shop.name)) {
        assertThat(load.faults(source)).isEmpty();
      }
      assertThat(shop.onSource("SELECT count(*) FROM pg_publication")).isEqualTo("0");
    }
  }

  /** The target was closed behind the first copy, and the source has counted its closings. */
  @Test
  void movesWhatAnAbandonedMigrationOfTheSameNameHadCopied() throws Exception {
    try (ClosedShop shop = new ClosedShop(pair, database()).prepared()) {
      shop.close(1);
      shop.copy();
      shop.readied();
      shop.closing.openSource(shop.request(1));
      pair.source().execute(shop.name, "INSERT INTO counter VALUES (99, 1)");

      assertThat(shop.readied().lastClosing()).isEqualTo(1);
      shop.close(2);
      try (KeeperProcess keeper = new KeeperProcess(shop.move, 2)) {
        shop.copy();
        shop.readied();
        assertThat(shop.compare().findings()).isEmpty();
        assertThat(shop.switchover.handOver(shop.handOver(2)).writesGoTo()).isEqualTo(Side.TARGET);
        assertThat(keeper.awaitEnd()).contains("the source was handed over");
      }
      assertThat(shop.onTarget("SELECT total FROM counter WHERE writer = 99")).isEqualTo("1");
    }
  }

  /** As an owner can where no event trigger guards. */
  @Test
  void refusesToHandOverWhereATriggerWasOffForAMoment() throws Exception {
    try (ClosedShop shop = new ClosedShop(pair, database()).prepared()) {
      shop.close(1);
      try (KeeperProcess keeper = new KeeperProcess(shop.move, 1)) {
        shop.copy();
        shop.readied();
        pair.source()
            .execute(
                shop.name,
                "ALTER EVENT TRIGGER whimbrel_ddl DISABLE",
                "ALTER TABLE archive DISABLE TRIGGER whimbrel_closing",
                "DELETE FROM archive WHERE id = 7",
                "ALTER TABLE archive ENABLE ALWAYS TRIGGER whimbrel_closing",
                "ALTER EVENT TRIGGER whimbrel_ddl ENABLE ALWAYS");

        assertThatThrownBy(() -> shop.switchover.handOver(shop.handOver(1)))
            .hasMessageContaining("switched a trigger off that closes the source, and on again");
        shop.closing.openSource(shop.request(1));
        assertThat(keeper.awaitEnd()).doesNotContain("handed over");
      }
    }
  }

  /** The figure of the triggers outlives what VACUUM does to their catalog. */
  @Test
  void handsOverBehindAVacuumOfTheCatalog() throws Exception {
    try (ClosedShop shop = new ClosedShop(pair, database()).prepared()) {
      shop.close(1);
      try (KeeperProcess keeper = new KeeperProcess(shop.move, 1)) {
        shop.copy();
        shop.readied();
        pair.source().execute(shop.name, "VACUUM FREEZE pg_trigger", "VACUUM FULL pg_trigger");

        assertThat(shop.switchover.handOver(shop.handOver(1)).writesGoTo()).isEqualTo(Side.TARGET);
        assertThat(keeper.awaitEnd()).contains("the source was handed over");
      }
    }
  }

  @ParameterizedTest
  @EnumSource(Checkpoints.Point.class)
  void losesNothingAndOpensOneSideWhenTheHandOverIsKilledAt(Checkpoints.Point point)
      throws Exception {
    try (ClosedShop shop = new ClosedShop(pair, database()).prepared();
        Load load = shop.load(4)) {
      awaitWrites(load);
      shop.close(1);
      try (KeeperProcess keeper = new KeeperProcess(shop.move, 1)) {
        shop.copy();
        shop.readied();
        assertThat(shop.compare().findings()).isEmpty();
        try (SwitchoverProcess child =
            SwitchoverProcess.start(shop.move, Side.TARGET, point.name(), 1).awaitAt(point)) {
          child.kill();
        }
        if (point.compareTo(Checkpoints.Point.HANDED_OVER) < 0) {
          assertThat(shop.state().refuses()).isTrue();
        }
        HandOver end = shop.switchover.handOver(shop.handOver(1));

        assertThat(end.writesGoTo()).isEqualTo(Side.TARGET);
        assertThat(end.handedOver()).as(end.line()).isTrue();
        assertThat(keeper.awaitEnd()).contains("the source was handed over");
      }
      awaitWrites(load);
      load.stop();
      try (Connection target = pair.target().connect(shop.name)) {
        assertThat(load.faults(target)).isEmpty();
        assertThat(shop.onTarget("SELECT nextval('entry_id_seq') > max(id) FROM entry"))
            .isEqualTo("t");
      }
    }
  }

  @ParameterizedTest
  @EnumSource(
      value = Checkpoints.Point.class,
      names = {"LOCKED", "FENCED", "READY", "HANDED_OVER", "OPENED"})
  void givesTheWritesBackWhenSomebodyRollsBackAt(Checkpoints.Point point) throws Exception {
    try (ClosedShop shop = new ClosedShop(pair, database()).prepared();
        Load load = shop.load(4)) {
      awaitWrites(load);
      shop.close(1);
      try (KeeperProcess keeper = new KeeperProcess(shop.move, 1)) {
        shop.copy();
        shop.readied();
        try (SwitchoverProcess child =
            SwitchoverProcess.start(shop.move, Side.TARGET, point.name(), 1).awaitAt(point)) {
          HandOver back = shop.switchover.settle(shop.back());
          child.goOn();
          assertThat(back.writesGoTo()).isEqualTo(Side.SOURCE);
        }
        awaitWrites(load);
        assertThat(keeper.awaitEnd()).doesNotContain("is closed for writes");
      }
      assertThatThrownBy(() -> shop.switchover.handOver(shop.handOver(1)))
          .hasMessageContaining("epoch");
      awaitWrites(load);
      load.stop();
      try (Connection source = pair.source().connect(shop.name)) {
        assertThat(load.faults(source)).isEmpty();
      }
    }
  }

  /** Promise 4: nobody is left who keeps it closed. */
  @Test
  void givesTheWritesBackByItselfWhenTheKeeperIsFrozenAndHandsNothingOverBehindIt()
      throws Exception {
    try (ClosedShop shop = new ClosedShop(pair, database()).prepared();
        Load load = shop.load(4);
        KeeperProcess keeper = closed(shop, load)) {
      shop.copy();
      shop.readied();
      assertThat(shop.compare().findings()).isEmpty();
      keeper.freeze();
      long before = load.acknowledged();
      Wait.until(
          "writes flow again",
          Closing.LEASE.plusSeconds(4),
          () -> load.acknowledged() > before + 50);
      keeper.thaw();

      assertThat(keeper.awaitEnd())
          .contains("Writes to the source have gone on since")
          .contains("first app on public.");
      assertThatThrownBy(() -> shop.switchover.handOver(shop.handOver(1)))
          .hasMessageContaining("Writes to the source have gone on since");
      assertThatThrownBy(shop::compare).hasMessageContaining("have gone on since");

      shop.closing.openSource(shop.request(1));
      anew(shop, load);
    }
  }

  @Test
  void goesOnFromItsSnapshotWhereEveryWorkerDies() throws Exception {
    try (ClosedShop shop = new ClosedShop(pair, database()).prepared()) {
      shop.close(1);
      shop.copy.prepareCopy(shop.move);
      CopyRequest request = new CopyRequest(shop.move, 1);
      try (Holder holder = new Holder(shop.copy, request)) {
        shop.copy.openGeneration(request);
        holder.die();
        assertThat(holder.keepers()).isEqualTo(1);
      }
      try (Holder holder = new Holder(shop.copy, request)) {
        assertThat(shop.copy.copyPieces(holder.request).snapshotLost()).isFalse();
      }
      assertThat(shop.copy.finishCopy(shop.move).line()).doesNotContain("snapshots");
      shop.schema.createRest(shop.move);
      shop.readied();

      assertThat(shop.compare().findings()).isEmpty();
      assertThat(shop.switchover.handOver(shop.handOver(1)).handedOver()).isTrue();
    }
  }

  @Test
  void keepsWhatIsCopiedWhereTheSourceCrashesAndNobodyWroteMeanwhile() throws Exception {
    try (ClosedShop shop = new ClosedShop(pair, database()).prepared()) {
      shop.close(1);
      shop.copy.prepareCopy(shop.move);
      try (Holder holder = new Holder(shop.copy, new CopyRequest(shop.move, 1))) {
        shop.copy.openGeneration(holder.request);
        shop.copy.copyPieces(holder.request);
      }
      String stored = shop.onTarget("SELECT pg_relation_filenode('archive')");
      pair.source().stopImmediate();
      pair.source().start();
      shop.silentFor(Duration.ofMinutes(5));
      assertThat(shop.renews(1)).isTrue();
      try (Holder holder = new Holder(shop.copy, new CopyRequest(shop.move, 2))) {
        assertThat(shop.copy.openGeneration(holder.request).bytesAgain()).isZero();
        assertThat(shop.copy.copyPieces(holder.request).snapshotLost()).isFalse();
      }
      shop.copy.finishCopy(shop.move);
      shop.schema.createRest(shop.move);
      shop.readied();

      assertThat(shop.onTarget("SELECT pg_relation_filenode('archive')")).isEqualTo(stored);
      assertThat(shop.compare().findings()).isEmpty();
      assertThat(shop.switchover.handOver(shop.handOver(1)).handedOver()).isTrue();
      assertThat(shop.onTarget("SELECT count(*) FROM archive")).isEqualTo("20000");
    }
  }

  @Test
  void handsNothingOverThatWasCopiedBehindAnotherClosing() throws Exception {
    try (ClosedShop shop = new ClosedShop(pair, database()).prepared()) {
      shop.close(1);
      shop.copy();
      shop.readied();
      shop.closing.openSource(shop.request(1));
      pair.source().execute(shop.name, "UPDATE archive SET text = 'later' WHERE id = 7");
      shop.close(2);

      assertThatThrownBy(() -> shop.switchover.handOver(shop.handOver(2)))
          .hasMessageContaining("what the target holds was copied behind closing:1");
      assertThatThrownBy(() -> shop.switchover.handOver(shop.handOver(1)))
          .hasMessageContaining("closing 2 stands");
      assertThat(shop.state().refuses()).isTrue();
    }
  }

  @Test
  void handsOverWhereTheTargetCrashesBetweenHandOverAndOpening() throws Exception {
    try (ClosedShop shop = new ClosedShop(pair, database()).prepared();
        Load load = shop.load(4);
        KeeperProcess keeper = closed(shop, load)) {
      shop.copy();
      shop.readied();
      try (SwitchoverProcess child =
          SwitchoverProcess.start(shop.move, Side.TARGET, Checkpoints.Point.HANDED_OVER.name(), 1)
              .awaitAt(Checkpoints.Point.HANDED_OVER)) {
        child.kill();
      }
      pair.target().stopImmediate();
      pair.target().start();
      HandOver end = shop.switchover.handOver(shop.handOver(1));

      assertThat(end.handedOver()).as(end.line()).isTrue();
      assertThat(keeper.awaitEnd()).contains("the source was handed over");
      awaitWrites(load);
      load.stop();
      try (Connection target = pair.target().connect(shop.name)) {
        assertThat(load.faults(target)).isEmpty();
      }
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"source", "target", "source target"})
  void losesNothingWhereServersCrashWhileTheSourceIsClosed(String crashing) throws Exception {
    try (ClosedShop shop = new ClosedShop(pair, database()).prepared();
        Load load = shop.load(4);
        KeeperProcess keeper = closed(shop, load)) {
      long closed = load.acknowledged();
      crash(crashing);
      shop.copy();
      crash(crashing);
      shop.readied();
      assertThat(shop.compare().findings()).isEmpty();
      crash(crashing);
      assertThat(load.acknowledged()).isBetween(closed, closed + 4);

      HandOver end = shop.switchover.handOver(shop.handOver(1));

      assertThat(end.handedOver()).as(end.line()).isTrue();
      assertThat(keeper.awaitEnd()).contains("the source was handed over");
      awaitWrites(load);
      load.stop();
      try (Connection target = pair.target().connect(shop.name)) {
        assertThat(load.faults(target)).isEmpty();
      }
    }
  }

  private static void crash(String which) {
    if (which.contains("source")) {
      pair.source().stopImmediate();
    }
    if (which.contains("target")) {
      pair.target().stopImmediate();
      pair.target().start();
    }
    if (which.contains("source")) {
      pair.source().start();
    }
  }

  private static void anew(ClosedShop shop, Load load) throws Exception {
    new PostgresReplication(new dev.whimbrel.secrets.Secrets()).unsubscribe(shop.move);
    shop.targetIsKnown = false;
    shop.switchover.prepareSwitchover(shop.move);
    shop.forgetCopy();
    try (KeeperProcess keeper = closed(shop, load, 2)) {
      shop.copy();
      shop.readied();
      assertThat(shop.compare().findings()).isEmpty();
      assertThat(shop.switchover.handOver(shop.handOver(2)).handedOver()).isTrue();
      assertThat(keeper.awaitEnd()).contains("the source was handed over");
    }
    awaitWrites(load);
    load.stop();
    try (Connection target = pair.target().connect(shop.name)) {
      assertThat(load.faults(target)).isEmpty();
    }
  }

  private static KeeperProcess closed(ClosedShop shop, Load load) {
    return closed(shop, load, 1);
  }

  private static KeeperProcess closed(ClosedShop shop, Load load, int closing) {
    awaitWrites(load);
    shop.close(closing);
    return new KeeperProcess(shop.move, closing);
  }

  private static void awaitWrites(Load load) {
    long before = load.acknowledged();
    Wait.until("writes flow", Duration.ofSeconds(20), () -> load.acknowledged() > before + 100);
  }

  private static String database() {
    return "closed" + ++number;
  }
}
