package dev.whimbrel.postgres;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.whimbrel.activity.CopyOpening;
import dev.whimbrel.activity.CopyPlan;
import dev.whimbrel.activity.CopyRequest;
import dev.whimbrel.activity.Outcome;
import dev.whimbrel.runbook.StageSpec;
import dev.whimbrel.secrets.Secrets;
import dev.whimbrel.servers.Needs;
import dev.whimbrel.servers.Program;
import java.sql.Connection;
import java.sql.Statement;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
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
        pieces(shop, 2, 3);
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
        pieces(shop, 1, 1);
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
        pieces(shop, 3, 5);
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

  @Test
  void makesAStageLiveOnlyWhenItIsCopied() throws Exception {
    try (StagedShop shop = new StagedShop(pair, "early")) {
      shop.copy.prepareCopy(shop.move);

      assertThatThrownBy(() -> shop.copy.startStage(shop.move))
          .hasMessageContaining("stage 1 of 2: it is not copied yet");
      shop.carryStage(1);
      assertThat(shop.copy.joinStage(shop.move).line()).isEqualTo("the stages so far are live");
      assertThat(shop.copy.startStage(shop.move).line()).isEqualTo("its stream has met the others");
      shop.copy.prepareCopy(shop.move);
      assertThatThrownBy(() -> shop.copy.joinStage(shop.move))
          .hasMessageContaining("stage 2 of 2: it is not copied yet");
      shop.carryStage(2);
      shop.finish();
      shop.assertOneStream();
    }
  }

  /** What it has read of the stages is yesterday's by the time it goes on. */
  @Test
  void aLateAttemptToListDoesNotPublishAnymore() throws Exception {
    try (StagedShop shop = new StagedShop(pair, "late");
        Connection held = pair.source().connect("late");
        Statement statement = held.createStatement()) {
      held.setAutoCommit(false);
      // A publication is about to be made of the first stage's tables, and waits for this.
      statement.execute("LOCK TABLE customer IN SHARE UPDATE EXCLUSIVE MODE");
      CompletableFuture<CopyPlan> late =
          CompletableFuture.supplyAsync(() -> shop.copy.prepareCopy(shop.move));
      String waiting =
          "SELECT pid FROM pg_stat_activity WHERE application_name = 'whimbrel late prepare-copy' AND wait_event_type = 'Lock'";
      Wait.until("it waits", Duration.ofSeconds(5), () -> !shop.onSource(waiting).isEmpty());
      String session = shop.onSource(waiting);
      CompletableFuture<CopyPlan> next =
          CompletableFuture.supplyAsync(() -> shop.copy.prepareCopy(shop.move));

      Wait.until(
          "its session on the source is ended, too",
          Duration.ofSeconds(4),
          () ->
              shop.onSource("SELECT count(*) FROM pg_stat_activity WHERE pid = " + session)
                  .equals("0"));
      held.rollback();
      next.join();
      assertThatThrownBy(late::join).hasMessageContaining("Cannot list what to copy");
      shop.carryStage(1);
      shop.carryStage(2);
      shop.finish();
      shop.assertOneStream();
    }
  }

  @Test
  void goesNoFurtherWhereSomebodyTookATableOutOfThePublication() throws Exception {
    try (StagedShop shop = new StagedShop(pair, "taken")) {
      shop.carryStage(1);
      shop.copy.prepareCopy(shop.move);
      shop.copyFrom(2);
      pair.source().execute("taken", "ALTER PUBLICATION whimbrel_taken_stage DROP TABLE archive");

      assertThatThrownBy(() -> shop.copy.startStage(shop.move))
          .hasMessageContaining(
              "Publication whimbrel_taken_stage does not carry public.archive any more");
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

  /** Copies so many pieces, and stops in the middle. */
  private static void pieces(StagedShop shop, int generation, int count) throws Exception {
    CopySessions sessions = new CopySessions(new Databases(new Secrets()), shop.move);
    CopyPair open = CopyPair.open(sessions, new CopyRequest(shop.move, generation));
    CopyList list = new CopyList(open.target());
    for (int i = 0; i < count; i++) {
      CopyList.Piece piece = list.take(shop.move).orElseThrow();
      long rows = new PieceWork(open, new RowPipe()).run(piece);
      list.done(piece, rows);
      open.target().commit();
    }
    open.close();
  }
}
