package dev.whimbrel.postgres;

import static org.assertj.core.api.Assertions.assertThat;

import dev.whimbrel.activity.Outcome;
import dev.whimbrel.runbook.StageSpec;
import dev.whimbrel.servers.Needs;
import dev.whimbrel.servers.PostgresServer;
import dev.whimbrel.servers.Program;
import java.sql.Connection;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

/**
 * A stream that is far behind when the slot of the meeting is there catches up before both are
 * held; what was written meanwhile is not read, nor kept in the source's files, while they stand
 * still.
 */
@Needs(Program.PG_DUMP)
class StagedDistanceTest {
  private static final List<StageSpec> STAGES =
      List.of(
          new StageSpec(List.of("public.customer", "public.counter")),
          new StageSpec(List.of("public.log", "public.entry", "public.event")));

  @Test
  void readsOfTheLogWhatTheMarkerNeedsAlone() throws Exception {
    try (Pairs pair = new Pairs(PostgresServer.start(15), PostgresServer.start(16));
        StagedShop shop = new StagedShop(pair, "distance", STAGES)) {
      shop.carryStage(1);
      shop.copy.prepareCopy(shop.move);
      shop.copyFrom(2);
      shop.copy.startStage(shop.move);
      shop.copy.followStage(shop.move);

      // As providers limit them.
      pair.source()
          .execute(shop.name, "ALTER DATABASE " + shop.name + " SET temp_file_limit = '1MB'");
      CompletableFuture<Outcome> joining;
      try (Connection locker = pair.target().connect(shop.name)) {
        locker.setAutoCommit(false);
        locker.createStatement().execute("LOCK TABLE log IN EXCLUSIVE MODE");
        joining = CompletableFuture.supplyAsync(() -> shop.copy.joinStage(shop.move));
        Wait.until(
            "the slot of the meeting is there",
            Duration.ofSeconds(60),
            () ->
                shop.onSource(
                        "SELECT count(*) FROM pg_replication_slots WHERE confirmed_flush_lsn IS NOT NULL AND slot_name = '"
                            + new Names(shop.move.migration()).meetingSlot()
                            + "'")
                    .equals("1"));
        pair.source()
            .execute(
                shop.name,
                "SET work_mem = '64MB'",
                "INSERT INTO log SELECT 'far ' || i || repeat('x', 300) FROM generate_series(1, 100000) i");
        assertThat(joining).isNotDone();
        locker.rollback();
      }

      assertThat(joining.get(2, TimeUnit.MINUTES).line()).contains("stage 2 of 3", "is live");
      assertThat(shop.onSource("SELECT current_setting('temp_file_limit')")).isEqualTo("1MB");
      pair.source().execute(shop.name, "ALTER DATABASE " + shop.name + " RESET temp_file_limit");
      shop.carryStage(4);
      shop.finish();
      shop.assertOneStream();
    }
  }
}
