package dev.whimbrel.postgres;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.whimbrel.activity.HandOver;
import dev.whimbrel.activity.Side;
import dev.whimbrel.activity.SwitchoverRequest;
import dev.whimbrel.secrets.Secrets;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.parallel.Isolated;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Three streams share the tables of a hand-over, and each transaction writes to all of them. */
@Isolated("the pause is held to a limit")
class SharedSwitchoverTest {
  private static final int STREAMS = 3;
  private static final String HOLD = "LOCK TABLE whimbrel.marker_forward_%d IN EXCLUSIVE MODE";

  private static Pairs pair;

  @BeforeAll
  static void start() {
    pair = Pairs.of(15, 16);
  }

  @AfterAll
  static void stop() {
    pair.close();
  }

  @ParameterizedTest
  @EnumSource(Checkpoints.Point.class)
  void losesNothingAndOpensOneSideWhenKilledAt(Checkpoints.Point point) throws Exception {
    SwitchoverFailpointTest.overAndBack(new World(pair, STREAMS), point);
  }

  @Test
  void makesNoMoreRoundTripsInThePauseThanOneStream() throws Exception {
    int one;
    try (World world = new World(pair).prepared()) {
      one = world.switchover().settle(world.to(Side.TARGET)).roundTrips();
    }
    try (World world = new World(pair, STREAMS).prepared()) {
      assertThat(
              Pairs.value(
                  pair.source(),
                  world.name(),
                  "SELECT string_agg(pubname || ':' || n, ' ' ORDER BY 1) FROM (SELECT pubname, count(*) AS n FROM pg_publication_tables GROUP BY 1) p"))
          .matches(
              "whimbrel_w\\d+_forward_1:\\d whimbrel_w\\d+_forward_2:\\d whimbrel_w\\d+_forward_3:\\d");

      HandOver over = world.switchover().settle(world.to(Side.TARGET));
      HandOver back = world.switchover().settle(world.to(Side.SOURCE));

      assertThat(over.roundTrips()).isEqualTo(one);
      assertThat(over.canGoBack()).isTrue();
      assertThat(back.writesGoTo()).isEqualTo(Side.SOURCE);
      assertThat(
              Pairs.value(
                  pair.target(),
                  world.name(),
                  "SELECT count(*) FROM pg_subscription WHERE subenabled AND subname LIKE 'whimbrel_"
                      + world.name()
                      + "_forward%'"))
          .isEqualTo("0");
    }
  }

  /** Whichever it is: the one whose marker is missing decides. */
  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3})
  void leavesTheServiceOnTheSourceWhileOneOfTheStreamsStandsStill(int still) throws Exception {
    try (World world = new World(pair, STREAMS).prepared();
        Load load = world.load(3);
        Connection holder = pair.target().connect(world.name())) {
      Wait.until("writes flow", Duration.ofSeconds(10), () -> load.acknowledged() > 50);
      AtomicBoolean held = new AtomicBoolean();
      SwitchoverRequest request =
          new SwitchoverRequest(
              world.move(), Side.TARGET, Duration.ofSeconds(1), Duration.ofSeconds(30), null, null);

      // After the look beforehand, which would have seen it.
      PostgresSwitchover switchover =
          new PostgresSwitchover(
              new Secrets(),
              point -> {
                if (point == Checkpoints.Point.PAUSED && held.compareAndSet(false, true)) {
                  hold(holder, still);
                }
              });
      assertThatThrownBy(() -> switchover.settle(request))
          .hasMessageContaining("The stream to the target did not drain within");
      long before = load.acknowledged();
      Wait.until("writes flow", Duration.ofSeconds(10), () -> load.acknowledged() > before + 50);
      assertThatThrownBy(() -> world.switchover().settle(request))
          .hasMessageContaining("The stream to the target needs more than 1000 ms");
      assertThat(load.errors()).isEmpty();
      holder.rollback();

      HandOver over = world.switchover().settle(world.to(Side.TARGET));
      assertThat(over.writesGoTo()).isEqualTo(Side.TARGET);
      judge(world, load);
    }
  }

  /** Who finds the hand-over lets all of them run until the last marker is there. */
  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3})
  void opensTheTargetOnlyWhenTheLastStreamHasBroughtTheMarker(int late) throws Exception {
    try (World world = new World(pair, STREAMS).prepared();
        Load load = world.load(3);
        Connection holder = pair.target().connect(world.name());
        Connection source = pair.source().connect(world.name())) {
      Wait.until("writes flow", Duration.ofSeconds(10), () -> load.acknowledged() > 50);
      hold(holder, late);
      // As the SQL by hand does, which looks at no stream before it closes the source.
      handOverByHand(source, world);

      CompletableFuture<HandOver> finishing =
          CompletableFuture.supplyAsync(() -> world.switchover().settle(world.to(Side.TARGET)));
      Wait.until(
          "the other two have brought it",
          Duration.ofSeconds(10),
          () ->
              Pairs.value(
                      pair.target(),
                      world.name(),
                      "SELECT count(*) FROM (SELECT id FROM whimbrel.marker_forward_%d m JOIN whimbrel.marker_forward_%d USING (id) WHERE m.writer = 'hand-over') b"
                          .formatted(late % 3 + 1, (late + 1) % 3 + 1))
                  .equals("1"));
      Load.rest(1500);
      assertThat(finishing).isNotDone();
      assertThat(
              Pairs.value(pair.target(), world.name(), "SELECT writable FROM whimbrel.authority"))
          .isEqualTo("source");
      holder.rollback();

      assertThat(finishing.get().writesGoTo()).isEqualTo(Side.TARGET);
      judge(world, load);
    }
  }

  /** As a worker of an older release does, which reads nothing of several streams. */
  @Test
  void isNotFinishedByWhoKnowsOfOneStream() throws Exception {
    try (World world = new World(pair, STREAMS).prepared();
        Load load = world.load(3);
        Connection source = pair.source().connect(world.name())) {
      Wait.until("writes flow", Duration.ofSeconds(10), () -> load.acknowledged() > 50);
      SwitchoverRequest ofOne =
          new SwitchoverRequest(
              world.move().sharedBy(1),
              Side.TARGET,
              Duration.ofSeconds(5),
              Duration.ofSeconds(2),
              null,
              null);
      assertThatThrownBy(() -> world.switchover().settle(ofOne))
          .hasMessageContaining("which is none of the 1 that this migration has");
      handOverByHand(source, world);

      assertThatThrownBy(() -> world.switchover().settle(ofOne))
          .hasMessageContaining("a stream from the source is not switched off");
      assertThat(
              Pairs.value(pair.target(), world.name(), "SELECT writable FROM whimbrel.authority"))
          .isEqualTo("source");

      assertThat(world.switchover().settle(world.to(Side.TARGET)).writesGoTo())
          .isEqualTo(Side.TARGET);
      judge(world, load);
    }
  }

  /** As a worker of an older release makes it, which finds no table that its one stream carries. */
  @ParameterizedTest
  @ValueSource(ints = {1, STREAMS})
  void handsNothingOverWhereTheWayBackCarriesNothing(int streams) throws Exception {
    try (World world = new World(pair, streams).prepared();
        Load load = world.load(3)) {
      pair.target()
          .execute(
              world.name(),
              "ALTER PUBLICATION whimbrel_%s_reverse SET TABLE whimbrel.marker_reverse"
                  .formatted(world.name()));
      assertThatThrownBy(() -> world.switchover().settle(world.to(Side.TARGET)))
          .hasMessageContaining("The way back leaves out ");
      world.prepared();
      pair.source()
          .execute(
              world.name(), "DELETE FROM pg_subscription_rel WHERE srrelid = 'counter'::regclass");
      assertThatThrownBy(() -> world.switchover().settle(world.to(Side.TARGET)))
          .hasMessageContaining("The way back leaves out public.counter, though");

      world.prepared();
      assertThat(world.switchover().settle(world.to(Side.TARGET)).canGoBack()).isTrue();
      judge(world, load);
      assertThat(world.switchover().settle(world.to(Side.SOURCE)).writesGoTo())
          .isEqualTo(Side.SOURCE);
    }
  }

  /** One that is still there would apply beside the stream that comes back. */
  @Test
  void startsTheWayBackWhenTheLastWorkerIsGone() throws Exception {
    try (World world = new World(pair, STREAMS).prepared();
        Load load = world.load(3)) {
      AtomicReference<String> worker = new AtomicReference<>();
      PostgresSwitchover switchover =
          new PostgresSwitchover(
              new Secrets(),
              point -> {
                if (point == Checkpoints.Point.HANDED_OVER) {
                  String pid = workerOfThird(world);
                  worker.set(pid);
                  JavaChild.send("STOP", pid);
                }
              });
      CompletableFuture<HandOver> over =
          CompletableFuture.supplyAsync(() -> switchover.settle(world.to(Side.TARGET)));
      try {
        Wait.until(
            "the target is open",
            Duration.ofSeconds(30),
            () ->
                Pairs.value(pair.target(), world.name(), "SELECT writable FROM whimbrel.authority")
                    .equals("target"));
        // Writers come to the target at once; the stream back does not.
        long before = load.acknowledged();
        Wait.until("writes flow", Duration.ofSeconds(20), () -> load.acknowledged() > before + 50);
        assertThat(wayBackRuns(world)).isEqualTo("f");
      } finally {
        String pid = worker.get();
        if (pid != null) {
          JavaChild.send("CONT", pid);
        }
      }

      assertThat(over.get().canGoBack()).isTrue();
      assertThat(wayBackRuns(world)).isEqualTo("t");
      judge(world, load);
    }
  }

  private static String workerOfThird(World world) {
    try {
      return Pairs.value(
          pair.target(),
          world.name(),
          "SELECT pid FROM pg_stat_subscription WHERE relid IS NULL AND subname = 'whimbrel_%s_forward_3'"
              .formatted(world.name()));
    } catch (SQLException e) {
      throw new IllegalStateException(e);
    }
  }

  private static String wayBackRuns(World world) throws SQLException {
    return Pairs.value(
        pair.source(),
        world.name(),
        "SELECT subenabled FROM pg_subscription WHERE subname = 'whimbrel_%s_reverse'"
            .formatted(world.name()));
  }

  @Test
  void losesNothingWhenTheTargetCrashesBetweenHandOverAndOpening() throws Exception {
    try (World world = new World(pair, STREAMS).prepared();
        Load load = world.load(3)) {
      Wait.until("writes flow", Duration.ofSeconds(10), () -> load.acknowledged() > 100);
      AtomicBoolean crashed = new AtomicBoolean();
      PostgresSwitchover switchover =
          new PostgresSwitchover(
              new Secrets(),
              point -> {
                if (point == Checkpoints.Point.HANDED_OVER && crashed.compareAndSet(false, true)) {
                  pair.target().kill9();
                  pair.target().start();
                }
              });

      HandOver over = switchover.settle(world.to(Side.TARGET));

      assertThat(over.writesGoTo()).isEqualTo(Side.TARGET);
      assertThat(over.canGoBack()).isTrue();
      long before = load.acknowledged();
      Wait.until("writes flow", Duration.ofSeconds(20), () -> load.acknowledged() > before + 50);
      world.switchover().settle(world.to(Side.SOURCE));
      load.stop();
      try (Connection back = world.connect(Side.SOURCE)) {
        assertThat(load.faults(back)).isEmpty();
      }
    }
  }

  @Test
  void refusesWhereTwoStreamsCarryATableAndWhereAnotherStreamIsThere() throws Exception {
    try (World world = new World(pair, STREAMS).prepared()) {
      String stream = "whimbrel_" + world.name() + "_forward_";
      String table = "counter";
      int other = Integer.parseInt(streamOf(world, table)) % STREAMS + 1;
      String refresh = "ALTER SUBSCRIPTION " + stream + other + " REFRESH PUBLICATION";
      pair.source()
          .execute(
              world.name(), "ALTER PUBLICATION " + stream + other + " ADD TABLE ONLY " + table);
      pair.target().execute(world.name(), refresh + " WITH (copy_data = false)");
      assertThatThrownBy(() -> world.switchover().settle(world.to(Side.TARGET)))
          .hasMessageContaining("Two of the streams to the target carry public." + table);

      pair.source()
          .execute(
              world.name(), "ALTER PUBLICATION " + stream + other + " DROP TABLE ONLY " + table);
      pair.target().execute(world.name(), refresh);

      // Published by one, and known to the other alone: nobody carries it.
      String add = "ALTER PUBLICATION %s ADD TABLE ONLY " + table;
      String drop = "ALTER PUBLICATION %s DROP TABLE ONLY " + table;
      String own = stream + ((other + 1) % STREAMS + 1);
      String refreshOwn = "ALTER SUBSCRIPTION " + own + " REFRESH PUBLICATION";
      pair.source().execute(world.name(), drop.formatted(own), add.formatted(stream + other));
      assertThatThrownBy(() -> world.switchover().settle(world.to(Side.TARGET)))
          .hasMessageContaining(
              "Somebody took public." + table + " out of its stream's publication");
      pair.target().execute(world.name(), refreshOwn, refresh + " WITH (copy_data = false)");
      pair.source().execute(world.name(), drop.formatted(stream + other), add.formatted(own));
      assertThatThrownBy(() -> world.switchover().settle(world.to(Side.TARGET)))
          .hasMessageContaining("leaves out public." + table);
      pair.target().execute(world.name(), refresh, refreshOwn + " WITH (copy_data = false)");

      pair.target()
          .execute(
              world.name(),
              "CREATE SUBSCRIPTION "
                  + stream
                  + "4 CONNECTION 'dbname=nowhere' PUBLICATION p WITH (connect = false, slot_name = NONE)");
      assertThatThrownBy(() -> world.switchover().settle(world.to(Side.TARGET)))
          .hasMessageContaining(
              "The target has subscription "
                  + stream
                  + "4, which is none of the 3 that this migration has");
      pair.target().execute(world.name(), "DROP SUBSCRIPTION " + stream + "4");
      pair.target().execute(world.name(), "ALTER SUBSCRIPTION " + stream + "3 DISABLE");
      assertThatThrownBy(() -> world.switchover().settle(world.to(Side.TARGET)))
          .hasMessageContaining("Subscription " + stream + "3 on the target is disabled");
      pair.target().execute(world.name(), "ALTER SUBSCRIPTION " + stream + "3 ENABLE");

      assertThat(world.switchover().settle(world.to(Side.TARGET)).writesGoTo())
          .isEqualTo(Side.TARGET);
    }
  }

  private static String streamOf(World world, String table) throws SQLException {
    return Pairs.value(
        pair.source(),
        world.name(),
        "SELECT right(pubname, 1) FROM pg_publication_tables WHERE tablename = '" + table + "'");
  }

  private static void hold(Connection holder, int stream) {
    try {
      holder.setAutoCommit(false);
      Verbatim.execute(holder, HOLD.formatted(stream));
    } catch (SQLException e) {
      throw new IllegalStateException(e);
    }
  }

  private static void handOverByHand(Connection source, World world) throws SQLException {
    Authority.Row row = Authority.require(source, world.name(), Side.SOURCE);
    UUID marker = UUID.randomUUID();
    Verbatim.execute(
        source,
        "DO $$ DECLARE t record; BEGIN "
            + FenceSql.CLOSING
            + Markers.writeSql(Side.SOURCE, marker, Markers.HAND_OVER)
            + "; "
            + Authority.compareAndSet(row, Side.TARGET, row.epoch() + 1, marker, "by hand")
            + " END $$");
  }

  /** Writers go on on the target, and nothing of theirs is missing there. */
  private static void judge(World world, Load load) throws SQLException {
    long before = load.acknowledged();
    Wait.until("writes flow", Duration.ofSeconds(20), () -> load.acknowledged() > before + 50);
    load.stop();
    try (Connection target = world.connect(Side.TARGET)) {
      assertThat(load.faults(target)).isEmpty();
    }
  }
}
