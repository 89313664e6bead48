package dev.whimbrel.postgres;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.whimbrel.activity.CopyRequest;
import dev.whimbrel.runbook.StageSpec;
import dev.whimbrel.servers.Needs;
import dev.whimbrel.servers.Program;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** Tables, publications, subscriptions and slots change between two stages, by whomever. */
@Needs(Program.PG_DUMP)
class StagedMeddlingTest {
  private static final String[] HISTORY = {
    "CREATE TABLE history (id int PRIMARY KEY) PARTITION BY RANGE (id)",
    "CREATE TABLE history_1 PARTITION OF history FOR VALUES FROM (0) TO (100)",
    "INSERT INTO history SELECT generate_series(1, 50)",
  };
  private static final String NEXT =
      "CREATE TABLE history_2 PARTITION OF history FOR VALUES FROM (100) TO (200)";

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
  void refusesToJoinWhereATableWasTakenOutOfWhatIsLive() throws Exception {
    try (StagedShop shop = new StagedShop(pair, "outlive")) {
      shop.carryStage(1);
      upToTheMeeting(shop, 2);
      pair.source()
          .execute(
              "outlive",
              "ALTER PUBLICATION whimbrel_outlive_forward DROP TABLE customer",
              "UPDATE customer SET name = 'lost' WHERE id = 3");

      for (int call = 0; call < 2; call++) {
        assertThatThrownBy(() -> shop.copy.joinStage(shop.move))
            .hasMessageContaining(
                "Publication whimbrel_outlive_forward does not carry public.customer any more");
      }
      assertThatThrownBy(() -> shop.copy.followStage(shop.move))
          .hasMessageContaining("does not carry public.customer any more");
    }
  }

  @Test
  void refusesToJoinWhereATableWasTakenOutOfTheStage() throws Exception {
    try (StagedShop shop = new StagedShop(pair, "outstage")) {
      shop.carryStage(1);
      upToTheMeeting(shop, 2);
      pair.source()
          .execute("outstage", "ALTER PUBLICATION whimbrel_outstage_stage DROP TABLE archive");

      assertThatThrownBy(() -> shop.copy.joinStage(shop.move))
          .hasMessageContaining(
              "Publication whimbrel_outstage_stage does not carry public.archive any more");
    }
  }

  @Test
  void copiesAPartitionThatWasMadeBeforeItsStage() throws Exception {
    try (StagedShop shop = new StagedShop(pair, "grown", StagedShop.CRITICAL_FIRST, HISTORY)) {
      shop.carryStage(1);
      pair.source().execute("grown", NEXT, "INSERT INTO history SELECT generate_series(100, 150)");

      assertThatThrownBy(() -> shop.copy.prepareCopy(shop.move)).hasMessageContaining("history_2");
      pair.target().execute("grown", NEXT);
      shop.carryStage(2);
      assertRowsArrived(shop);
      shop.assertOneStream();
    }
  }

  @Test
  void joinsAPartitionOfWhatIsLiveOnlyWhenItsStreamHasItWhole() throws Exception {
    try (StagedShop shop = new StagedShop(pair, "later", withHistory(), HISTORY)) {
      shop.carryStage(1);
      upToTheMeeting(shop, 2);
      pair.target().execute("later", NEXT);
      pair.source().execute("later", NEXT, "INSERT INTO history SELECT generate_series(100, 150)");

      assertThatThrownBy(() -> shop.copy.joinStage(shop.move))
          .hasMessageContaining(
              "Subscription whimbrel_later_forward does not know public.history_2");
      pair.target()
          .execute("later", "ALTER SUBSCRIPTION whimbrel_later_forward REFRESH PUBLICATION");
      shop.copy.followStage(shop.move);
      shop.copy.joinStage(shop.move);
      assertRowsArrived(shop);
      shop.assertOneStream();
    }
  }

  @Test
  void waitsForATableThatIsBeingCopiedByItsStream() throws Exception {
    try (StagedShop shop = new StagedShop(pair, "syncs", withHistory(), HISTORY);
        Connection held = pair.target().connect("syncs")) {
      shop.carryStage(1);
      upToTheMeeting(shop, 2);
      pair.target().execute("syncs", NEXT);
      pair.source().execute("syncs", NEXT, "INSERT INTO history SELECT generate_series(100, 150)");
      held.setAutoCommit(false);
      Verbatim.execute(held, "LOCK TABLE history_2 IN SHARE MODE");
      pair.target()
          .execute("syncs", "ALTER SUBSCRIPTION whimbrel_syncs_forward REFRESH PUBLICATION");

      assertThatThrownBy(() -> shop.copy.joinStage(shop.move))
          .hasMessageContaining(
              "Subscription whimbrel_syncs_forward is still copying public.history_2");
      String begun = shop.onSource("SELECT clock_timestamp()");
      CompletableFuture<Object> follow =
          CompletableFuture.supplyAsync(() -> shop.copy.followStage(shop.move));
      String sinceThen =
          "SELECT count(*) > 1 FROM whimbrel.marker_stage WHERE writer = 'catch-up' AND written_at > '%s'"
              .formatted(begun);
      Wait.until(
          "markers of it arrive",
          Duration.ofSeconds(60),
          () -> shop.onTarget(sinceThen).equals("t"));
      assertThat(follow).isNotDone();
      held.rollback();
      follow.get(60, TimeUnit.SECONDS);
      shop.copy.joinStage(shop.move);
      assertRowsArrived(shop);
    }
  }

  @Test
  void refusesToJoinWhereTheFirstStreamHasCopiedTheStageToo() throws Exception {
    try (StagedShop shop = new StagedShop(pair, "twice")) {
      shop.carryStage(1);
      upToTheMeeting(shop, 2);
      pair.source()
          .execute("twice", "ALTER PUBLICATION whimbrel_twice_forward ADD TABLE ONLY \"Übung x\"");
      pair.target()
          .execute("twice", "ALTER SUBSCRIPTION whimbrel_twice_forward REFRESH PUBLICATION");
      Wait.until(
          "it is copied",
          Duration.ofSeconds(20),
          () ->
              shop.onTarget("SELECT bool_and(srsubstate = 'r') FROM pg_subscription_rel")
                  .equals("t"));

      assertThatThrownBy(() -> shop.copy.joinStage(shop.move))
          .hasMessageContaining("which the copy has brought already: rows may be there twice");
    }
  }

  @Test
  void refusesATableThatWasMadeAnewBeforeItsStage() throws Exception {
    try (StagedShop shop = new StagedShop(pair, "anew")) {
      shop.carryStage(1);
      pair.source()
          .execute(
              "anew",
              "CREATE TABLE rebuilt AS TABLE archive",
              "ALTER TABLE rebuilt ADD PRIMARY KEY (id)",
              "DROP TABLE archive",
              "ALTER TABLE rebuilt RENAME TO archive");

      assertThatThrownBy(() -> shop.copy.prepareCopy(shop.move))
          .hasMessageContaining(
              "Dropped, renamed or made anew on the source since the stages were listed: public.archive");
    }
  }

  @Test
  void refusesAListOfAWorkerThatKnowsNoStages() throws Exception {
    try (StagedShop shop = new StagedShop(pair, "old")) {
      shop.copy.prepareCopy(shop.move.inStages(List.of()));

      assertThatThrownBy(() -> shop.copy.prepareCopy(shop.move))
          .hasMessageContaining("begun by a worker of an older release, which knows no stages");
      assertThat(shop.onSource("SELECT count(*) > 10 FROM pg_publication_tables")).isEqualTo("t");
    }
  }

  @Test
  void refusesASlotThatBeginsElsewhereThanTheCopyEnds() throws Exception {
    try (StagedShop shop = new StagedShop(pair, "elsewhere")) {
      shop.copy.prepareCopy(shop.move);
      shop.copyFrom(1);
      pair.source()
          .execute(
              "elsewhere",
              "SELECT pg_create_logical_replication_slot('whimbrel_elsewhere_forward', 'pgoutput')");

      assertThatThrownBy(() -> shop.copy.startStage(shop.move))
          .hasMessageContaining("Replication slot whimbrel_elsewhere_forward begins at ")
          .hasMessageContaining("what was written between would be lost");
    }
  }

  /** Read from such a slot, what was written before it would be missed. */
  @Test
  void copiesAnewWhereTheSlotOfTheLastSnapshotBeginsElsewhere() throws Exception {
    try (StagedShop shop = new StagedShop(pair, "remade")) {
      shop.carryStage(1);
      shop.copy.prepareCopy(shop.move);
      try (Holder holder = new Holder(shop.copy, new CopyRequest(shop.move, 2))) {
        shop.copy.openGeneration(holder.request);
        shop.pieces(2, 5);
      }
      pair.source()
          .execute(
              "remade",
              "UPDATE archive SET text = 'changed' WHERE id % 500 = 0",
              "SELECT pg_drop_replication_slot('whimbrel_remade_copy_2')",
              "SELECT pg_create_logical_replication_slot('whimbrel_remade_copy_2', 'pgoutput')");

      assertThat(shop.copyFrom(3).bytesAgain()).isPositive();
      shop.copy.startStage(shop.move);
      shop.copy.followStage(shop.move);
      shop.copy.joinStage(shop.move);
      shop.finish();
      shop.assertOneStream();
    }
  }

  @Test
  void endsWhoeverStillCopiesBeforeItsStreamBegins() throws Exception {
    try (StagedShop shop = new StagedShop(pair, "frozencopy");
        Connection frozen = pair.target().connect("frozencopy")) {
      shop.copy.prepareCopy(shop.move);
      shop.copyFrom(1);
      Verbatim.execute(frozen, "SET application_name = 'whimbrel frozencopy copy 1f'");

      shop.copy.startStage(shop.move);

      assertThatThrownBy(() -> Verbatim.execute(frozen, "TRUNCATE customer"))
          .hasMessageContaining("terminat");
    }
  }

  @Test
  void saysThatNoAdviceBringsBackWhatWasTakenOutBehindTheCopy() throws Exception {
    try (StagedShop shop = new StagedShop(pair, "soaked")) {
      shop.carryStage(1);
      shop.carryStage(2);
      shop.finish();
      pair.source().execute("soaked", "ALTER PUBLICATION whimbrel_soaked_forward DROP TABLE log");

      try (Connection source = pair.source().connect("soaked");
          Connection target = pair.target().connect("soaked")) {
        assertThatThrownBy(() -> new StreamHealth(source, target, shop.move).requireAllTables())
            .hasMessageContaining(
                "does not carry public.log any more: somebody took it out of publication");
      }
    }
  }

  /** Stages of which the first one has the partitioned table too. */
  private static List<StageSpec> withHistory() {
    List<String> live = new ArrayList<>(StagedShop.CRITICAL_FIRST.get(0).tables());
    live.add("public.history");
    return List.of(new StageSpec(live));
  }

  /** The schema's end refuses what the source has got since: the rows are judged here. */
  private static void assertRowsArrived(StagedShop shop) throws SQLException {
    shop.replication.subscribe(shop.move);
    shop.assertArrived();
    shop.assertSame("history_1", "history_2");
  }

  private static void upToTheMeeting(StagedShop shop, int generation) {
    shop.copy.prepareCopy(shop.move);
    shop.copyFrom(generation);
    shop.copy.startStage(shop.move);
    shop.copy.followStage(shop.move);
  }
}
