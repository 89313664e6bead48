package dev.whimbrel.postgres;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.whimbrel.activity.CopyPlan;
import dev.whimbrel.servers.Needs;
import dev.whimbrel.servers.Program;
import java.sql.Connection;
import java.sql.Statement;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** What a stage does not do: too early, too late, or where somebody has meddled. */
@Needs(Program.PG_DUMP)
class StagedGuardsTest {
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
  void goesOnAsOneStreamOnlyWhenEveryStageIsLive() throws Exception {
    try (StagedShop shop = new StagedShop(pair, "part")) {
      shop.carryStage(1);

      assertThatThrownBy(() -> shop.replication.subscribe(shop.move))
          .hasMessageContaining("the copy is not complete, stage 2 of 2 is not live");
      shop.carryStage(2);
      shop.finish();
      shop.assertOneStream();
    }
  }
}
