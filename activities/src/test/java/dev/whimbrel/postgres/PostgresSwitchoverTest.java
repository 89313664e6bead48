package dev.whimbrel.postgres;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.whimbrel.activity.HandOver;
import dev.whimbrel.activity.Side;
import dev.whimbrel.servers.PostgresServer;
import java.sql.Connection;
import java.time.Duration;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.parallel.Isolated;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

@Isolated("the pause is held to a limit")
class PostgresSwitchoverTest {
  private static Pairs pair;

  @BeforeAll
  static void start() {
    pair = Pairs.of(15, 16);
  }

  @AfterAll
  static void stop() {
    pair.close();
  }

  @Test
  void losesNoAcknowledgedWriteForwardOrBackUnderEightWriters() throws Exception {
    HandOver there;
    HandOver back;

    try (World world = new World(pair).prepared();
        Load load = world.load(8);
        Prober prober = new Prober(pair, world.name())) {
      Wait.until("writes flow", Duration.ofSeconds(10), () -> load.acknowledged() > 500);
      load.resetGap();
      there = world.switchover().handOver(world.to(Side.TARGET));
      long opened = System.nanoTime();
      Wait.until(
          "the target takes writes",
          Duration.ofSeconds(5),
          () -> prober.accepts(Side.TARGET, opened));
      long before = load.acknowledged();
      Wait.until(
          "writes flow again", Duration.ofSeconds(10), () -> load.acknowledged() > before + 500);
      System.out.println("forward: " + there + ", gap " + load.longestGapMillis() + " ms");
      assertThat(prober.overlaps(Side.SOURCE)).isEmpty();
      prober.clear();
      load.resetGap();

      back = world.switchover().settle(world.to(Side.SOURCE));
      long reopened = System.nanoTime();
      Wait.until(
          "the source takes writes",
          Duration.ofSeconds(5),
          () -> prober.accepts(Side.SOURCE, reopened));
      long then = load.acknowledged();
      Wait.until(
          "writes flow again", Duration.ofSeconds(10), () -> load.acknowledged() > then + 500);
      System.out.println("back: " + back + ", gap " + load.longestGapMillis() + " ms");
      assertThat(prober.overlaps(Side.TARGET)).isEmpty();
      load.stop();

      try (Connection source = world.connect(Side.SOURCE)) {
        assertThat(load.faults(source)).isEmpty();
      }
    }

    assertThat(there.writesGoTo()).isEqualTo(Side.TARGET);
    assertThat(there.epoch()).isEqualTo(2);
    assertThat(there.handedOver()).isTrue();
    assertThat(there.canGoBack()).isTrue();
    assertThat(there.roundTrips()).isEqualTo(5);
    assertThat(back.writesGoTo()).isEqualTo(Side.SOURCE);
    assertThat(back.epoch()).isEqualTo(3);
    assertThat(back.roundTrips()).isEqualTo(5);
  }

  @ParameterizedTest
  @CsvSource({"13, 15", "15, 15", "16, 18"})
  void goesOverAndBackBetween(int from, int to) throws Exception {
    try (Pairs versions = Pairs.of(from, to);
        World world = new World(versions).prepared();
        Load load = world.load(2)) {
      Wait.until("writes flow", Duration.ofSeconds(10), () -> load.acknowledged() > 100);

      HandOver there = world.switchover().handOver(world.to(Side.TARGET));
      long before = load.acknowledged();
      Wait.until(
          "writes flow again", Duration.ofSeconds(10), () -> load.acknowledged() > before + 100);
      HandOver back = world.switchover().settle(world.to(Side.SOURCE));
      load.stop();

      assertThat(there.canGoBack()).isTrue();
      assertThat(back.writesGoTo()).isEqualTo(Side.SOURCE);
      try (Connection source = world.connect(Side.SOURCE)) {
        assertThat(load.faults(source)).isEmpty();
      }
    }
  }

  @Test
  void opensTheSourceAgainOnlyWhenSomebodyAcceptsTheLossOfADeadTarget() throws Exception {
    try (Pairs own = Pairs.of(15, 16);
        World world = new World(own).prepared()) {
      world.switchover().handOver(world.to(Side.TARGET));
      own.target().execute(world.name(), "INSERT INTO entry (writer, n) VALUES (1, 1)");
      world.awaitArrival(Side.TARGET);
      own.target().stopImmediate();
      Duration patience = Duration.ofSeconds(1);

      assertThatThrownBy(
              () -> world.switchover().settle(world.request(Side.SOURCE, null, patience)))
          .hasMessageContaining("The target cannot be reached for 1 s")
          .hasMessageContaining("may be missing");
      HandOver alone =
          world.switchover().settle(world.request(Side.SOURCE, "ana@example.com", patience));

      assertThat(alone.epoch()).isEqualTo(3);
      assertThat(alone.line()).contains("loss accepted by ana@example.com");
      own.source().execute(world.name(), "INSERT INTO entry (writer, n) VALUES (1, 2)");
      assertThat(Pairs.value(own.source(), world.name(), "SELECT count(*) FROM entry"))
          .isEqualTo("2");

      own.target().start();
      own.target().execute(world.name(), "INSERT INTO entry (writer, n) VALUES (1, 3)");
      world.switchover().settle(world.to(Side.SOURCE));

      assertThatThrownBy(
              () ->
                  own.target().execute(world.name(), "INSERT INTO entry (writer, n) VALUES (1, 4)"))
          .hasStackTraceContaining("this database is closed");
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 3})
  void promotesTheTargetOnlyWhenSomebodyAcceptsTheLossOfADeadSource(int streams) throws Exception {
    try (Pairs own = Pairs.of(15, 16);
        World world = new World(own, streams).prepared()) {
      own.source().execute(world.name(), "INSERT INTO entry (writer, n) VALUES (1, 1)");
      world.awaitArrival(Side.SOURCE);
      own.source().stopImmediate();
      Duration patience = Duration.ofSeconds(1);

      assertThatThrownBy(
              () -> world.switchover().handOver(world.request(Side.TARGET, null, patience)))
          .hasMessageContaining("The source cannot be reached for 1 s")
          .hasMessageContaining("it is the truth (epoch 1")
          .hasMessageMatching(
              ".*everything up to [0-9][^()]* \\([0-9A-F]+/[0-9A-F]+\\)\\. What .*");
      HandOver alone =
          world.switchover().handOver(world.request(Side.TARGET, "ana@example.com", patience));

      assertThat(alone.epoch()).isEqualTo(2);
      own.target().execute(world.name(), "INSERT INTO entry (writer, n) VALUES (1, 2)");
      assertThat(enabledOn(own.target(), world)).isEqualTo("0");

      own.source().start();
      world.switchover().settle(world.to(Side.TARGET));
      assertThatThrownBy(
              () ->
                  own.source().execute(world.name(), "INSERT INTO entry (writer, n) VALUES (1, 3)"))
          .hasStackTraceContaining("this database is closed");
    }
  }

  @Test
  void abortsWhenTablesWereChangedAfterItWasPrepared() throws Exception {
    try (World world = new World(pair).prepared()) {
      pair.source().execute(world.name(), "CREATE TABLE later (id int PRIMARY KEY)");

      assertThatThrownBy(() -> world.switchover().handOver(world.to(Side.TARGET)))
          .hasMessageContaining("no fence on public.later");
      pair.source()
          .execute(world.name(), "DROP TABLE later", "ALTER TABLE counter ADD COLUMN later int");
      assertThatThrownBy(() -> world.switchover().handOver(world.to(Side.TARGET)))
          .hasMessageContaining("missing on the target: column public.counter.later");
      pair.target()
          .execute(
              world.name(),
              "SET whimbrel.same_change = on",
              "ALTER TABLE counter ADD COLUMN later int");
      assertThatThrownBy(() -> world.switchover().handOver(world.to(Side.TARGET)))
          .hasMessageContaining("is no longer the one that the switchover was prepared for");

      pair.source().execute(world.name(), "INSERT INTO entry (writer, n) VALUES (1, 1)");
      assertThat(world.prepared().switchover().handOver(world.to(Side.TARGET)).handedOver())
          .isTrue();
    }
  }

  @Test
  void namesWhoHoldsATableForTooLong() throws Exception {
    try (World world = new World(pair).prepared();
        Connection blocker = world.connect(Side.SOURCE)) {
      blocker.setAutoCommit(false);
      blocker.createStatement().execute("INSERT INTO entry (writer, n) VALUES (1, 1)");

      assertThatThrownBy(() -> world.switchover().handOver(world.to(Side.TARGET)))
          .hasMessageContaining("entry")
          .hasMessageContaining("pg_terminate_backend");
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 3})
  void leavesNothingOfTheStreamsOnATargetWhoseSourceIsLost(int streams) throws Exception {
    try (Pairs own = Pairs.of(15, 16);
        World world = new World(own, streams).prepared()) {
      own.source().stopImmediate();
      Duration patience = Duration.ofSeconds(1);
      world.switchover().handOver(world.request(Side.TARGET, "ana@example.com", patience));

      world.switchover().stopReverse(world.move());
      world.switchover().cleanUp(world.move());
      world.switchover().cleanUp(world.move());

      assertThat(
              Pairs.value(
                  own.target(),
                  world.name(),
                  """
                  SELECT (SELECT count(*) FROM pg_subscription) + (SELECT count(*) FROM pg_replication_slots)
                       + (SELECT count(*) FROM pg_class WHERE relnamespace = 'whimbrel'::regnamespace AND relname LIKE 'marker%')
                       + (SELECT count(*) FROM pg_trigger WHERE tgrelid = 'whimbrel.authority'::regclass)"""))
          .isEqualTo("0");
      own.target().execute(world.name(), "INSERT INTO entry (writer, n) VALUES (1, 2)");
      own.source().start();
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 3})
  void leavesNothingButTheClosedFenceBehind(int streams) throws Exception {
    try (World world = new World(pair, streams).prepared()) {
      world.switchover().handOver(world.to(Side.TARGET));

      world.switchover().stopReverse(world.move());
      world.switchover().stopReverse(world.move());
      world.switchover().cleanUp(world.move());
      world.switchover().cleanUp(world.move());

      assertThatThrownBy(
              () ->
                  pair.source()
                      .execute(world.name(), "INSERT INTO entry (writer, n) VALUES (1, 1)"))
          .hasStackTraceContaining("this database is closed");
      assertThatThrownBy(() -> pair.source().connect(world.name(), "app", null).close())
          .hasMessageContaining("permission denied for database");
      for (Side side : Side.values()) {
        assertThat(
                Pairs.value(
                    world.server(side),
                    world.name(),
                    "SELECT (SELECT count(*) FROM pg_replication_slots WHERE database = current_database())"
                        + " + (SELECT count(*) FROM pg_publication) + (SELECT count(*) FROM pg_roles WHERE rolname LIKE 'whimbrel\\_' || current_database() || '$%' OR rolname = 'whimbrel_' || current_database())"
                        + " + (SELECT count(*) FROM pg_subscription WHERE subdbid = (SELECT oid FROM pg_database WHERE datname = current_database()))"))
            .isEqualTo("0");
      }
      assertThat(
              Pairs.value(
                  pair.target(), world.name(), "SELECT to_regnamespace('whimbrel') IS NULL"))
          .isEqualTo("t");
      pair.target().execute(world.name(), "INSERT INTO entry (writer, n) VALUES (1, 1)");
    }
  }

  @Test
  void takesItsPreparationBack() throws Exception {
    try (World world = new World(pair).prepared()) {
      world.switchover().unprepareSwitchover(world.move());
      world.switchover().unprepareSwitchover(world.move());

      assertThat(
              Pairs.value(
                  pair.source(),
                  world.name(),
                  "SELECT count(*) FROM pg_trigger WHERE tgname LIKE 'whimbrel%'"))
          .isEqualTo("0");
      assertThatThrownBy(() -> world.switchover().handOver(world.to(Side.TARGET)))
          .hasMessageContaining("The switchover is not prepared");
    }
  }

  private static String enabledOn(PostgresServer server, World world) throws Exception {
    return Pairs.value(
        server,
        world.name(),
        "SELECT count(*) FROM pg_subscription s JOIN pg_database d ON d.oid = s.subdbid WHERE datname = current_database() AND subenabled");
  }
}
