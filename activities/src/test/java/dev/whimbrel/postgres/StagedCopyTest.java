package dev.whimbrel.postgres;

import static org.assertj.core.api.Assertions.assertThat;

import dev.whimbrel.activity.CopyOpening;
import dev.whimbrel.activity.CopyPlan;
import dev.whimbrel.activity.CopyRequest;
import dev.whimbrel.activity.Move;
import dev.whimbrel.activity.Outcome;
import dev.whimbrel.activity.SuiteClone;
import dev.whimbrel.runbook.StageSpec;
import dev.whimbrel.runbook.TablesSpec;
import dev.whimbrel.secrets.Secrets;
import dev.whimbrel.servers.Needs;
import dev.whimbrel.servers.Program;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** Critical tables come first: they are live while the others are copied. */
@Needs(Program.PG_DUMP)
class StagedCopyTest {
  private static Pairs pair;

  @BeforeAll
  static void startServers() {
    pair = Pairs.of(15, 16);
  }

  @AfterAll
  static void stopServers() {
    pair.close();
  }

  @Test
  void carriesTheCriticalTablesFirstAndTheyAreLiveWhileTheOthersAreCopied() throws Exception {
    try (StagedShop shop = new StagedShop(pair, "stages")) {
      CopyPlan first = shop.copy.prepareCopy(shop.move);
      assertThat(shop.onSource("SELECT count(*) FROM pg_publication_tables")).isEqualTo("5");
      shop.copyFrom(1);
      shop.copy.startStage(shop.move);
      shop.copy.followStage(shop.move);
      Outcome live = shop.copy.joinStage(shop.move);

      CopyPlan second = shop.copy.prepareCopy(shop.move);
      try (Holder holder = new Holder(shop.copy, new CopyRequest(shop.move, 2))) {
        shop.copy.openGeneration(holder.request);
        shop.assertFirstStageIsLive("before anything of the archive");
        assertThat(shop.onTarget("SELECT count(*) FROM archive")).isEqualTo("0");
        assertThat(shop.onTarget("SELECT count(*) > 0 FROM pg_indexes WHERE tablename = 'entry'"))
            .isEqualTo("t");
        shop.pieces(2, 3);
        pair.source().execute("stages", "UPDATE archive SET text = 'late' WHERE id % 50 = 0");
        shop.assertFirstStageIsLive("in the middle of it");
        assertThat(shop.onTarget("SELECT count(*) < 30000 FROM archive")).isEqualTo("t");
        assertThat(shop.copy.copyPieces(holder.request).snapshotLost()).isFalse();
      }
      shop.copy.startStage(shop.move);
      shop.copy.followStage(shop.move);
      shop.assertFirstStageIsLive("beside the stream of the archive");
      Outcome both = shop.copy.joinStage(shop.move);
      CopyPlan over = shop.copy.prepareCopy(shop.move);
      Outcome copied = shop.finish();

      assertThat(first.line()).matches("stage 1 of 2, 4 tables, \\d+ KB");
      assertThat(live.line()).startsWith("stage 1 of 2 is live: 4 tables are subscribed already");
      assertThat(second.line()).matches("stage 2 of 2, 6 tables, \\d+ KB");
      assertThat(both.line()).startsWith("stage 2 of 2 is live: 10 tables subscribed");
      assertThat(over.hasStage()).isFalse();
      assertThat(copied.line())
          .matches("[\\d,]+ rows in 10 tables, \\d+ KB, 10 keys and indexes in 2 stages");
      shop.assertOneStream();
      assertThat(
              shop.onTarget("SELECT convalidated FROM pg_constraint WHERE conname = 'of_customer'"))
          .isEqualTo("t");
    }
  }

  @Test
  void goesOnWithTheSecondStageAloneWhenItsSnapshotIsLost() throws Exception {
    try (StagedShop shop = new StagedShop(pair, "lost")) {
      shop.copy.prepareCopy(shop.move);
      try (Holder holder = new Holder(shop.copy, new CopyRequest(shop.move, 1))) {
        shop.copy.openGeneration(holder.request);
        shop.pieces(1, 1);
      }
      shop.copyFrom(2);
      shop.copy.startStage(shop.move);
      shop.copy.followStage(shop.move);
      shop.copy.joinStage(shop.move);
      String stored =
          "SELECT pg_relation_filenode('entry') || ' ' || pg_relation_filenode('person')";
      String before = shop.onTarget(stored);
      shop.copy.prepareCopy(shop.move);
      try (Holder holder = new Holder(shop.copy, new CopyRequest(shop.move, 3))) {
        shop.copy.openGeneration(holder.request);
        shop.pieces(3, 5);
      }
      pair.source()
          .execute(
              "lost",
              "UPDATE archive SET text = 'changed' WHERE id % 500 = 0",
              "DELETE FROM archive WHERE id % 501 = 0",
              "INSERT INTO archive SELECT i, 1, 'new' FROM generate_series(900001, 900100) i",
              "INSERT INTO customer VALUES (1000, 'new')");

      shop.assertFirstStageIsLive("while nobody copies");
      CopyOpening opening = shop.copyFrom(4);
      shop.copy.startStage(shop.move);
      shop.copy.followStage(shop.move);
      shop.copy.joinStage(shop.move);
      Outcome copied = shop.finish();

      // Only the table without a key, if it was among the pieces, is copied twice.
      assertThat(opening.bytesAgain()).isLessThan(1 << 20);
      assertThat(copied.line()).contains(" in 2 stages; 4 snapshots, ");
      assertThat(shop.onTarget(stored)).isEqualTo(before);
      assertThat(shop.onTarget("SELECT count(*) FROM customer WHERE id = 1000")).isEqualTo("1");
      shop.assertOneStream();
    }
  }

  @Test
  void letsGoOfTheSnapshotThatADeadWorkerLeftOfAStage() throws Exception {
    try (StagedShop shop = new StagedShop(pair, "left")) {
      shop.copy.prepareCopy(shop.move);
      try (Holder holder = new Holder(shop.copy, new CopyRequest(shop.move, 1))) {
        shop.copy.openGeneration(holder.request);
        shop.copy.copyPieces(holder.request);
        holder.die();
        assertThat(holder.keepers()).isEqualTo(1);

        shop.copy.startStage(shop.move);

        Wait.until("nobody keeps it", Duration.ofSeconds(30), () -> holder.keepers() == 0);
      }
      shop.copy.followStage(shop.move);
      shop.copy.joinStage(shop.move);
      shop.carryStage(2);
      shop.finish();
      shop.assertOneStream();
    }
  }

  @Test
  void joinsOneStageAfterTheOther() throws Exception {
    List<StageSpec> three =
        List.of(
            StagedShop.CRITICAL_FIRST.get(0), new StageSpec(List.of("public.event", "public.log")));
    try (StagedShop shop = new StagedShop(pair, "three", three)) {
      shop.carryStage(1);
      shop.carryStage(2);
      assertThat(shop.onSource("SELECT count(*) FROM pg_publication_tables")).isEqualTo("8");
      shop.assertFirstStageIsLive("with two stages");
      CopyPlan third = shop.copy.prepareCopy(shop.move);
      assertThat(third.generations()).isEqualTo(3);
      shop.carryStage(4);
      Outcome copied = shop.finish();

      assertThat(copied.line()).endsWith(" in 3 stages");
      shop.assertOneStream();
    }
  }

  /** The clone of a suite is made of the target, on which the stages are still noted. */
  @Test
  void leavesTablesOutOfTheStagesAndClonesTheTargetForASuite() throws Exception {
    TablesSpec choice = new TablesSpec(List.of(), List.of("aside.scrap"), List.of("aside.cache"));
    String[] aside = {
      "CREATE SCHEMA aside",
      "CREATE TABLE aside.scrap AS SELECT 1 AS id",
      "CREATE TABLE aside.cache AS SELECT 1 AS id",
    };
    try (StagedShop shop =
        new StagedShop(
            pair,
            "chosen",
            all -> all.choosing(choice).inStages(StagedShop.CRITICAL_FIRST),
            aside)) {
      shop.carryStage(1);
      shop.carryStage(2);
      shop.finish();
      shop.assertOneStream();
      assertThat(shop.onTarget("SELECT count(*) FROM aside.cache")).isEqualTo("0");
      assertThat(shop.onTarget("SELECT to_regclass('aside.scrap') IS NULL")).isEqualTo("t");
      assertThat(
              shop.onSource(
                  "SELECT count(*) FROM pg_publication_tables WHERE schemaname = 'aside'"))
          .isEqualTo("0");

      SuiteClone clone = new SuiteClone(shop.move, "11111111");
      PostgresSuiteClones clones = new PostgresSuiteClones(new Secrets());
      clones.createSuiteClone(clone);
      Move bringing =
          new Move(
              "chosen~11111111",
              shop.move.target(),
              clone.postgres(),
              List.of(),
              List.of(),
              2,
              Duration.ZERO);
      try (CloneByHand byHand = new CloneByHand(bringing)) {
        byHand.bring();
        byHand.release();
      }
      clones.readySuiteClone(clone);
      assertThat(
              Pairs.value(
                  pair.target(),
                  clone.database(),
                  "SELECT (SELECT count(*) FROM archive) || ' ' || (SELECT count(*) FROM entry)"))
          .isEqualTo(
              shop.onTarget(
                  "SELECT (SELECT count(*) FROM archive) || ' ' || (SELECT count(*) FROM entry)"));
      clones.dropSuiteClone(clone);
      shop.assertFirstStageIsLive("behind the suite");
    }
  }

  @Test
  void leavesNothingBehindWhenItIsTakenBackBetweenTheStages() throws Exception {
    try (StagedShop shop = new StagedShop(pair, "back")) {
      shop.carryStage(1);
      shop.copy.prepareCopy(shop.move);
      shop.copyFrom(2);
      shop.copy.startStage(shop.move);
      shop.copy.followStage(shop.move);

      shop.replication.unsubscribe(shop.move);

      assertThat(
              shop.onSource(
                  "SELECT count(*) FROM pg_replication_slots WHERE database = current_database()"))
          .isEqualTo("0");
      assertThat(shop.onSource("SELECT count(*) FROM pg_publication")).isEqualTo("0");
      assertThat(shop.onSource("SELECT count(*) FROM pg_roles WHERE rolname ~ '^whimbrel_back'"))
          .isEqualTo("0");
      assertThat(
              shop.onTarget("SELECT count(*) FROM pg_subscription WHERE subname ~ 'whimbrel_back'"))
          .isEqualTo("0");
      assertThat(shop.onTarget("SELECT to_regclass('whimbrel.copy_stage') IS NULL")).isEqualTo("t");
      shop.copy.startStage(shop.move);
      shop.copy.followStage(shop.move);
      shop.copy.joinStage(shop.move);
      assertThat(shop.onSource("SELECT count(*) FROM pg_publication")).isEqualTo("0");
    }
  }
}
