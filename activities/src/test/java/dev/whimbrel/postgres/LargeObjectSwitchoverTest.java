package dev.whimbrel.postgres;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.whimbrel.activity.HandOver;
import dev.whimbrel.activity.Side;
import dev.whimbrel.secrets.Secrets;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.parallel.Isolated;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/** Large objects go over and back with the truth, whoever writes them and whatever dies. */
@Isolated("the pause is held to a limit")
class LargeObjectSwitchoverTest {
  /** Who may call what writes large objects. */
  static final String RIGHTS =
      "SELECT string_agg(p.oid::regprocedure || ' ' || coalesce(p.proacl::text, 'default'), ', ' ORDER BY p.oid) FROM pg_proc p WHERE "
          + LargeObjectFence.WRITERS;

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
  void losesNoObjectForwardOrBackUnderWriters() throws Exception {
    try (World world = new World(pair)) {
      pair.source().execute(world.name(), "SELECT lo_from_bytea(0, 'of before')");
      world.prepared();
      try (Load load = world.load(4);
          ObjectLoad objects = new ObjectLoad(world, 4)) {
        await(objects, 200);
        load.resetGap();

        HandOver there = world.switchover().handOver(world.to(Side.TARGET));
        await(objects, 200);
        System.out.println("with objects: " + there + ", gap " + load.longestGapMillis());
        HandOver back = world.switchover().settle(world.to(Side.SOURCE));
        await(objects, 200);
        objects.stop();
        load.stop();

        // Two more where objects were removed since the pass before the pause.
        assertThat(there.roundTrips()).isIn(7, 9);
        assertThat(back.roundTrips()).isIn(7, 9);
        assertThat(there.canGoBack()).isTrue();
        try (Connection source = world.connect(Side.SOURCE)) {
          source
              .createStatement()
              .execute(
                  "SELECT lo_unlink(oid) FROM pg_largeobject_metadata WHERE lo_get(oid) = 'of before'");
          assertThat(objects.faults(source)).isEmpty();
          assertThat(load.faults(source)).isEmpty();
        }
      }
    }
  }

  @ParameterizedTest
  @CsvSource({"13, 15", "15, 18", "16, 18"})
  void goOverAndBackBetween(int from, int to) throws Exception {
    try (Pairs versions = Pairs.of(from, to);
        World world = new World(versions).prepared();
        ObjectLoad objects = new ObjectLoad(world, 2)) {
      await(objects, 100);

      world.switchover().handOver(world.to(Side.TARGET));
      await(objects, 100);
      world.switchover().settle(world.to(Side.SOURCE));
      objects.stop();

      try (Connection source = world.connect(Side.SOURCE)) {
        assertThat(objects.faults(source)).isEmpty();
      }
    }
  }

  @ParameterizedTest
  @EnumSource(
      value = Checkpoints.Point.class,
      names = {"FENCED", "READY", "HANDED_OVER", "CARRIED", "OPENED"})
  void losesNoObjectWhenKilledAt(Checkpoints.Point point) throws Exception {
    try (World world = new World(pair).prepared();
        ObjectLoad objects = new ObjectLoad(world, 3)) {
      await(objects, 50);
      for (Side to : new Side[] {Side.TARGET, Side.SOURCE}) {
        try (SwitchoverProcess child =
            SwitchoverProcess.stoppingAt(world, to, point).awaitAt(point)) {
          child.kill();
        }
        HandOver end = world.switchover().settle(world.to(to));
        await(objects, 50);

        assertThat(end.writesGoTo()).isEqualTo(to);
        assertThat(rights(world, to)).as(to.word()).contains("default");
        assertThat(rights(world, to.other())).doesNotContain("default");
      }
      objects.stop();

      try (Connection source = world.connect(Side.SOURCE)) {
        assertThat(objects.faults(source)).isEmpty();
      }
    }
  }

  /** Both sides are closed: that a standby has taken its place is no reason to bring everything. */
  @Test
  void finishesFromTheNumberThatAnotherTimelineGave() throws Exception {
    try (World world = new World(pair)) {
      pair.source().execute(world.name(), "SELECT lo_from_bytea(1, 'one')");
      world.prepared();
      try (SwitchoverProcess child =
          SwitchoverProcess.stoppingAt(world, Side.TARGET, Checkpoints.Point.HANDED_OVER)
              .awaitAt(Checkpoints.Point.HANDED_OVER)) {
        child.kill();
      }
      pair.target()
          .execute(
              world.name(),
              "UPDATE whimbrel.large_object_pass SET server = regexp_replace(server, '/.*/', '/00000009/')",
              "UPDATE pg_largeobject SET data = 'as of the pass before'");

      world.switchover().settle(world.to(Side.TARGET));

      assertThat(value(world, Side.TARGET, "SELECT convert_from(lo_get(1), 'UTF8')"))
          .isEqualTo("as of the pass before");
    }
  }

  /**
   * An object whose writer has begun and not ended holds no lock that the fence would meet: he must
   * not be able to end before the other side opens.
   */
  @Test
  void endsWhoIsStillWritingAnObjectAtTheHandOver() throws Exception {
    try (World world = new World(pair)) {
      pair.source().execute(world.name(), "SELECT lo_create(4711)");
      world.prepared();
      try (Connection early = app(world);
          Connection late = app(world)) {
        late.setAutoCommit(false);
        AtomicReference<String> end = new AtomicReference<>("never tried");
        Checkpoints writing =
            point -> {
              try {
                if (point == Checkpoints.Point.READY) {
                  early.createStatement().execute("SELECT lo_from_bytea(1, 'committed before')");
                  late.createStatement().execute("SELECT lo_create(2)");
                } else if (point == Checkpoints.Point.CARRIED) {
                  late.commit();
                  end.set("committed behind the last look");
                }
              } catch (SQLException e) {
                end.set("ended");
              }
            };

        new PostgresSwitchover(new Secrets(), writing).handOver(world.to(Side.TARGET));

        assertThat(end).hasValue("ended");
        assertThat(numbers(world, Side.TARGET)).isEqualTo("1,4711");
        assertThat(value(world, Side.TARGET, "SELECT convert_from(lo_get(1), 'UTF8')"))
            .isEqualTo("committed before");
        assertThat(numbers(world, Side.SOURCE)).isEqualTo("1,4711");
        assertThatThrownBy(() -> app(world).createStatement().execute("SELECT lo_create(3)"))
            .hasMessageContaining("permission denied for function lo_create");
      }
    }
  }

  @Test
  void namesWhoKeepsATransactionOpenThatMayWriteObjects() throws Exception {
    try (World world = new World(pair)) {
      pair.source().execute(world.name(), "SELECT lo_create(4711)");
      world.prepared();
      try (Connection open = app(world)) {
        open.setAutoCommit(false);
        open.createStatement().execute("SELECT lo_unlink(lo_create(0))");
        Wait.until(
            "the transaction is no longer young",
            Duration.ofSeconds(5),
            () ->
                value(
                        world,
                        Side.SOURCE,
                        "SELECT count(*) FROM pg_stat_activity WHERE usename = 'app' AND xact_start < clock_timestamp() - interval '1100 ms'")
                    .equals("1"));

        assertThatThrownBy(() -> world.switchover().handOver(world.to(Side.TARGET)))
            .hasMessageContaining("while transactions are open that may write them: process")
            .hasMessageContaining("app")
            .hasMessageContaining("pg_terminate_backend");
        open.commit();
      }
      assertThat(world.switchover().handOver(world.to(Side.TARGET)).handedOver()).isTrue();
    }
  }

  @Test
  void bringsTheVeryFirstObjectThatIsWrittenInThePause() throws Exception {
    try (World world = new World(pair).prepared()) {
      Standing switchover = new Standing(Checkpoints.Point.READY, world.to(Side.TARGET));
      switchover.awaitThere();
      try (Connection app = app(world)) {
        app.createStatement().execute("SELECT lo_from_bytea(7, 'first')");

        HandOver end = switchover.goOn();

        assertThat(end.roundTrips()).isEqualTo(8);
        assertThat(value(world, Side.TARGET, "SELECT convert_from(lo_get(7), 'UTF8')"))
            .isEqualTo("first");
        pair.target().execute(world.name(), "SELECT lo_from_bytea(8, 'second')");
        new WayBackWatch(new Databases(new Secrets()), world.move(), Pace.USUAL).look();
        assertThat(numbers(world, Side.SOURCE)).isEqualTo("7,8");
      }
    }
  }

  @Test
  void waitsForNobodyAndPaysNothingWithoutObjects() throws Exception {
    try (World world = new World(pair).prepared();
        Connection reader = world.connect(Side.SOURCE)) {
      reader.setAutoCommit(false);
      reader.createStatement().execute("SELECT count(*) FROM pg_class");

      HandOver there = world.switchover().handOver(world.to(Side.TARGET));

      assertThat(there.roundTrips()).isEqualTo(5);
      assertThat(there.line()).doesNotContain("LARGE OBJECTS");
    }
  }

  @Test
  void givesTheRightsBackAsTheyWereButToRolesThatAreGone() throws Exception {
    try (World world = new World(pair)) {
      pair.source()
          .execute(
              world.name(),
              "CREATE ROLE keeper",
              "CREATE ROLE \"odd role\"",
              "REVOKE EXECUTE ON FUNCTION lo_create(oid) FROM PUBLIC",
              "GRANT EXECUTE ON FUNCTION lo_create(oid) TO keeper, app, \"odd role\"");
      String before = rights(world, Side.SOURCE);
      assertThat(before).contains("keeper=X/postgres,", "odd role", "default");
      world.prepared();
      assertThat(rights(world, Side.TARGET)).doesNotContain("default");

      world.switchover().handOver(world.to(Side.TARGET));

      assertThat(rights(world, Side.TARGET)).contains("default");
      assertThat(rights(world, Side.SOURCE)).doesNotContain("default", "keeper");
      // The server keeps such a role, unless it is told by force that nothing depends on it.
      pair.source()
          .execute(
              world.name(),
              "DELETE FROM pg_shdepend WHERE refobjid = 'keeper'::regrole",
              "DROP ROLE keeper");
      world.switchover().settle(world.to(Side.SOURCE));
      assertThat(rights(world, Side.SOURCE)).isEqualTo(before.replace("keeper=X/postgres,", ""));
      assertThat(rights(world, Side.TARGET)).doesNotContain("default");
    }
  }

  @Test
  void doesNotLetAPassThatIsOvertakenWriteYesterdaysContent() throws Exception {
    try (World world = new World(pair)) {
      pair.source().execute(world.name(), "SELECT lo_from_bytea(1, 'old')");
      world.prepared();
      pair.source().execute(world.name(), "SELECT lo_put(1, 0, 'mid')");
      CountDownLatch read = new CountDownLatch(1);
      CountDownLatch go = new CountDownLatch(1);
      CompletableFuture<Void> stale =
          CompletableFuture.runAsync(() -> passThatRestsBeforeItWrites(world, read, go));
      assertThat(read.await(20, TimeUnit.SECONDS)).isTrue();

      pair.source().execute(world.name(), "SELECT lo_put(1, 0, 'new')");
      world.switchover().prepareSwitchover(world.move());
      go.countDown();

      assertThatThrownBy(stale::join)
          .hasStackTraceContaining("Another attempt brings the large objects now");
      assertThat(value(world, Side.TARGET, "SELECT convert_from(lo_get(1), 'UTF8')"))
          .isEqualTo("new");
    }
  }

  private static void passThatRestsBeforeItWrites(
      World world, CountDownLatch read, CountDownLatch go) {
    Databases databases = new Databases(new Secrets());
    try (Connection truth = EarlyLargeObjects.open(databases, world.move(), Side.SOURCE);
        Connection beside = EarlyLargeObjects.open(databases, world.move(), Side.SOURCE);
        Connection follower = EarlyLargeObjects.open(databases, world.move(), Side.TARGET)) {
      AtomicInteger messages = new AtomicInteger();
      new LargeObjectPass(
              world.name(),
              Side.SOURCE,
              sql -> EarlyLargeObjects.ask(truth, sql),
              sql -> {
                if (messages.incrementAndGet() == 2) {
                  read.countDown();
                  rest(go);
                }
                return EarlyLargeObjects.ask(follower, sql);
              },
              sql -> EarlyLargeObjects.ask(beside, sql),
              rows -> {})
          .run();
    } catch (SQLException e) {
      throw new IllegalStateException(e);
    }
  }

  private static void rest(CountDownLatch go) {
    try {
      if (!go.await(60, TimeUnit.SECONDS)) {
        throw new AssertionError("not within a minute");
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new AssertionError("interrupted", e);
    }
  }

  private static Connection app(World world) throws SQLException {
    return world.server(Side.SOURCE).connect(world.name(), "app", null);
  }

  private static String rights(World world, Side side) throws SQLException {
    return value(world, side, RIGHTS);
  }

  private static String numbers(World world, Side side) throws SQLException {
    return value(
        world, side, "SELECT string_agg(oid::text, ',' ORDER BY oid) FROM pg_largeobject_metadata");
  }

  private static String value(World world, Side side, String sql) throws SQLException {
    return Pairs.value(world.server(side), world.name(), sql);
  }

  private static void await(ObjectLoad load, int more) {
    int before = load.acknowledged();
    Wait.until(
        "objects are written", Duration.ofSeconds(20), () -> load.acknowledged() > before + more);
  }
}
