package dev.whimbrel.postgres;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.whimbrel.activity.Move;
import dev.whimbrel.activity.Outcome;
import dev.whimbrel.servers.Needs;
import dev.whimbrel.servers.PostgresServer;
import dev.whimbrel.servers.Program;
import dev.whimbrel.servers.Relay;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.time.Instant;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.Test;

/** Two streams become one under write load, whoever dies meanwhile: nothing is lost or doubled. */
@Needs(Program.PG_DUMP)
class StreamMeetingTest {
  private static final Duration STORM = Duration.ofSeconds(12);
  private static final Duration LIMIT = Duration.ofSeconds(30);
  private static final String SLOTS =
      "SELECT count(*) FROM pg_replication_slots WHERE slot_name ~ 'meeting'";

  @Test
  void endsExactlyWhateverDiesMeanwhile() throws Exception {
    try (Pairs pair = new Pairs(server(15), server(16));
        StagedShop shop = upToTheMeeting(pair, "storm")) {
      int failed = 0;
      AtomicBoolean over = new AtomicBoolean();
      Thread storm = new Thread(() -> storm(pair, over), "storm");
      storm.start();
      Instant end = Instant.now().plus(STORM);
      boolean joined = false;
      while (!joined) {
        if (Instant.now().isAfter(end)) {
          over.set(true);
          storm.join();
        }
        try {
          shop.copy.joinStage(shop.move);
          joined = true;
        } catch (RuntimeException e) {
          failed++;
        }
      }
      over.set(true);
      storm.join();

      System.out.println("joined behind " + failed + " attempts");
      assertThat(failed).isPositive();
      shop.finish();
      shop.assertOneStream();
    }
  }

  /** A slot that was only advanced falls back when its server crashes. */
  @Test
  void comesAgainBehindACrashOfBothWhereTheStreamsHaveMet() throws Exception {
    try (Pairs pair = new Pairs(server(15), server(16));
        StagedShop shop = upToTheMeeting(pair, "crash")) {
      // One more slot is free: for the meeting, and none for its copy.
      long free = Long.parseLong(shop.onSource("SELECT current_setting('max_replication_slots')"));
      long used = Long.parseLong(shop.onSource("SELECT count(*) FROM pg_replication_slots"));
      for (long i = used + 1; i < free; i++) {
        pair.source()
            .execute("crash", "SELECT pg_create_physical_replication_slot('full_" + i + "')");
      }

      assertThatThrownBy(() -> shop.copy.joinStage(shop.move))
          .hasMessageContaining("all replication slots are in use")
          .hasMessageContaining("WHAT IS LIVE STANDS STILL");
      assertThat(shop.onTarget("SELECT lsn IS NOT NULL FROM whimbrel.copy_meeting")).isEqualTo("t");
      assertThat(shop.onTarget("SELECT bool_or(subenabled) FROM pg_subscription")).isEqualTo("f");
      for (PostgresServer server : new PostgresServer[] {pair.source(), pair.target()}) {
        server.kill9();
        server.start();
      }
      pair.source()
          .execute(
              "crash",
              "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name ~ '^full_'");
      shop.copy.followStage(shop.move);
      shop.copy.joinStage(shop.move);

      shop.finish();
      shop.assertOneStream();
    }
  }

  @Test
  void waitsForAStreamThatIsBehindAndHoldsNoneMeanwhile() throws Exception {
    try (Pairs pair = new Pairs(server(15), server(16));
        StagedShop shop = upToTheMeeting(pair, "behind");
        Connection reader = pair.target().connect("behind");
        Statement statement = reader.createStatement()) {
      reader.setAutoCommit(false);
      statement.execute("LOCK TABLE whimbrel.marker_stage IN SHARE MODE");

      CompletableFuture<Outcome> join = join(shop, shop.move);
      Wait.until("its slot is made", LIMIT, () -> shop.onSource(SLOTS).equals("1"));
      shop.assertFirstStageIsLive("while the other one is behind");
      assertThat(join).isNotDone();
      reader.rollback();
      join.get(60, TimeUnit.SECONDS);

      shop.finish();
      shop.assertOneStream();
    }
  }

  @Test
  void letsBothGoOnWhereOneDoesNotArrive() throws Exception {
    Duration oneWay = Duration.ofMillis(40);
    try (Pairs pair = new Pairs(server(15), server(16));
        StagedShop shop = upToTheMeeting(pair, "held");
        Relay toSource = Relay.to(pair.source().port(), oneWay);
        Relay toTarget = Relay.to(pair.target().port(), oneWay);
        Connection reader = pair.target().connect("held");
        Statement statement = reader.createStatement()) {
      reader.setAutoCommit(false);

      CompletableFuture<Outcome> join =
          join(shop, JoiningProcess.through(shop.move, toSource, toTarget));
      Wait.until(
          "both are held",
          LIMIT,
          () ->
              shop.onTarget(
                      "SELECT count(*) FROM pg_stat_activity WHERE backend_xid IS NOT NULL AND application_name = 'whimbrel held join-stage'")
                  .equals("1"));
      statement.execute("LOCK TABLE event_0, event_1 IN SHARE MODE");
      assertThatThrownBy(join::join)
          .hasMessageContaining("did not arrive on the target by both streams within 10 s")
          .hasMessageNotContaining("STANDS STILL");
      assertThat(shop.onSource(SLOTS)).isEqualTo("0");
      reader.rollback();
      shop.assertFirstStageIsLive("again");
      shop.copy.joinStage(shop.move);

      shop.finish();
      shop.assertOneStream();
    }
  }

  /** Longer than any limit for a lock or for an answer of the kind that such a wait once had. */
  @Test
  void waitsForOpenTransactionsAsLongAsTheyAre() throws Exception {
    try (Pairs pair = new Pairs(server(15), server(16));
        StagedShop shop = upToTheMeeting(pair, "open");
        Connection writer = pair.source().connect("open");
        Statement statement = writer.createStatement()) {
      pair.source()
          .execute(
              "open",
              "BEGIN; INSERT INTO archive VALUES (800001, 1, 'prepared'); INSERT INTO customer VALUES (800001, 'p'); PREPARE TRANSACTION 'for long'");
      writer.setAutoCommit(false);
      statement.execute("INSERT INTO archive VALUES (800002, 1, 'open')");
      statement.execute("INSERT INTO customer VALUES (800002, 'open')");

      CompletableFuture<Outcome> join = join(shop, shop.move);
      Wait.until(
          "it waits for longer than any limit",
          Duration.ofSeconds(90),
          () ->
              shop.onSource(
                      "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'walsender' AND application_name = 'whimbrel open join-stage' AND clock_timestamp() - query_start > '50 s'")
                  .equals("1"));
      shop.assertFirstStageIsLive("while it waits");
      assertThat(join).isNotDone();
      pair.source().execute("open", "COMMIT PREPARED 'for long'");
      statement.execute("INSERT INTO archive VALUES (800003, 1, 'open')");
      writer.commit();
      join.get(60, TimeUnit.SECONDS);

      shop.finish();
      shop.assertOneStream();
      assertThat(shop.onTarget("SELECT count(*) FROM archive WHERE id > 800000")).isEqualTo("3");
    }
  }

  private static CompletableFuture<Outcome> join(StagedShop shop, Move move) {
    return CompletableFuture.supplyAsync(() -> shop.copy.joinStage(move));
  }

  private static PostgresServer server(int version) {
    return PostgresServer.version(version)
        .set("wal_retrieve_retry_interval", "50ms")
        .set("max_replication_slots", "8")
        .start();
  }

  private static StagedShop upToTheMeeting(Pairs pair, String name) throws SQLException {
    StagedShop shop = new StagedShop(pair, name);
    shop.carryStage(1);
    shop.copy.prepareCopy(shop.move);
    shop.copyFrom(2);
    shop.copy.startStage(shop.move);
    shop.copy.followStage(shop.move);
    return shop;
  }

  /** Ends sessions of the attempt, and workers of both streams, at random. */
  private static void storm(Pairs pair, AtomicBoolean over) {
    Random random = new Random(4711);
    while (!over.get()) {
      try {
        Thread.sleep(random.nextInt(150));
        switch (random.nextInt(5)) {
          case 0, 1 -> end(pair.source());
          case 2, 3 -> end(pair.target());
          default ->
              pair.target()
                  .execute(
                      "storm",
                      "SELECT pg_terminate_backend(pid) FROM pg_stat_subscription WHERE pid IS NOT NULL ORDER BY random() LIMIT 1");
        }
      } catch (InterruptedException e) {
        return;
      }
    }
  }

  private static void end(PostgresServer server) {
    server.execute(
        "storm",
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'whimbrel storm join-stage'");
  }
}
