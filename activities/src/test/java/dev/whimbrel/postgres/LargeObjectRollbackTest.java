package dev.whimbrel.postgres;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.whimbrel.activity.HandOver;
import dev.whimbrel.activity.Side;
import dev.whimbrel.secrets.Secrets;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.parallel.Isolated;

/** The way back where there are large objects: nothing stops it without need, or costs objects. */
@Isolated("the pause is held to a limit")
class LargeObjectRollbackTest {
  private static final String NUMBERS =
      "SELECT string_agg(oid::text, ',' ORDER BY oid) FROM pg_largeobject_metadata";

  private static Pairs pair;

  @BeforeAll
  static void start() {
    pair = Pairs.of(15, 16);
  }

  @AfterAll
  static void stop() {
    pair.close();
  }

  /** He is ended behind the hand-over, whatever he does. */
  @Test
  void doesNotWaitForWhoeverHasATransactionOpen() throws Exception {
    try (World world = handedOver();
        Connection job = app(world, Side.TARGET)) {
      run(job, "INSERT INTO entry (writer, n) VALUES (1, 1)");
      run(job, "BEGIN; SELECT * FROM entry FOR UPDATE SKIP LOCKED");
      awaitAnOldTransaction(world);

      assertThat(world.switchover().settle(world.to(Side.SOURCE)).writesGoTo())
          .isEqualTo(Side.SOURCE);

      assertThat(value(world, Side.SOURCE, NUMBERS)).isEqualTo("1");
      assertThatThrownBy(() -> run(job, "COMMIT")).isInstanceOf(IllegalStateException.class);
    }
  }

  /** A process that looks at no interrupt: behind the hand-over both sides would stay closed. */
  @Test
  void namesWhoCannotBeEndedWhileWritesStayOnTheTarget() throws Exception {
    try (World world = handedOver();
        Connection stuck = app(world, Side.TARGET)) {
      run(stuck, "BEGIN; SELECT pg_current_xact_id()");
      String pid =
          value(
              world,
              Side.TARGET,
              "SELECT pid FROM pg_stat_activity WHERE usename = 'app' AND backend_xid IS NOT NULL");
      awaitAnOldTransaction(world);
      JavaChild.send("STOP", pid);
      try {
        assertThatThrownBy(() -> world.switchover().settle(world.to(Side.SOURCE)))
            .hasMessageContaining(
                "while transactions are open that may write them: process " + pid);
      } finally {
        JavaChild.send("CONT", pid);
      }
      pair.target().execute(world.name(), "INSERT INTO entry (writer, n) VALUES (1, 1)");

      assertThat(world.switchover().settle(world.to(Side.SOURCE)).writesGoTo())
          .isEqualTo(Side.SOURCE);
    }
  }

  /** Of a hand-over by hand it is not known what went over. */
  @Test
  void removesNothingWhereTheTargetWasOpenedByHand() throws Exception {
    try (World world = handedOver()) {
      pair.source().execute(world.name(), "SELECT lo_from_bytea(77, 'never went over')");
      pair.target()
          .execute(
              world.name(),
              "UPDATE whimbrel.large_object_pass SET server = NULL, below = NULL",
              "SELECT lo_from_bytea(2, 'two')");

      HandOver back = world.switchover().settle(world.to(Side.SOURCE));

      assertThat(value(world, Side.SOURCE, NUMBERS)).isEqualTo("1,2,77");
      assertThat(back.line()).contains("; 1 large objects that only the source has were kept");
    }
  }

  /** None went over, and a watch has brought the first: these are the target's. */
  @Test
  void removesWhatWasRemovedSinceAHandOverWithoutObjects() throws Exception {
    try (World world = new World(pair).prepared()) {
      world.switchover().handOver(world.to(Side.TARGET));
      pair.target().execute(world.name(), "SELECT lo_create(5), lo_create(6)");
      new WayBackWatch(new Databases(new Secrets()), world.move(), Pace.USUAL).look();
      assertThat(value(world, Side.SOURCE, NUMBERS)).isEqualTo("5,6");
      pair.target().execute(world.name(), "SELECT lo_unlink(5)");

      world.switchover().settle(world.to(Side.SOURCE));

      assertThat(value(world, Side.SOURCE, NUMBERS)).isEqualTo("6");
    }
  }

  /** A worker of before has prepared the switchover, or closed the source. */
  @Test
  void takesTheFunctionsAlsoOfASourceWhereNothingWasLaid() throws Exception {
    String nothing = "DROP TABLE whimbrel.large_object_function, whimbrel.large_object_pass";
    try (World world = new World(pair)) {
      pair.source().execute(world.name(), "SELECT lo_from_bytea(1, 'one')");
      world.prepared();
      pair.source().execute(world.name(), nothing);

      world.switchover().handOver(world.to(Side.TARGET));

      mustRefuse(world);
      pair.source()
          .execute(
              world.name(),
              nothing,
              "UPDATE pg_proc p SET proacl = NULL WHERE " + LargeObjectFence.WRITERS);
      new WayBackWatch(new Databases(new Secrets()), world.move(), Pace.USUAL).look();
      mustRefuse(world);
    }
  }

  @Test
  void refusesOnceWhatAWorkerOfBeforeHasPrepared() throws Exception {
    try (World world = new World(pair).prepared()) {
      pair.source()
          .execute(
              world.name(),
              "UPDATE whimbrel.authority SET fingerprint = regexp_replace(fingerprint, '^objects/', '')");

      assertThatThrownBy(() -> world.switchover().handOver(world.to(Side.TARGET)))
          .hasMessageContaining("prepared by a worker of an older version");

      assertThat(world.prepared().switchover().handOver(world.to(Side.TARGET)).handedOver())
          .isTrue();
    }
  }

  @Test
  void takesThemBeforeItFinishesWhatAWorkerOfBeforeHasHandedOver() throws Exception {
    try (World world = new World(pair)) {
      pair.source().execute(world.name(), "SELECT lo_from_bytea(1, 'one')");
      world.prepared();
      Checkpoints dying =
          point -> {
            if (point == Checkpoints.Point.HANDED_OVER) {
              throw new IllegalStateException("the attempt dies");
            }
          };
      assertThatThrownBy(
              () -> new PostgresSwitchover(new Secrets(), dying).handOver(world.to(Side.TARGET)))
          .hasMessage("the attempt dies");
      pair.source()
          .execute(
              world.name(),
              "DROP TABLE whimbrel.large_object_function, whimbrel.large_object_pass",
              "UPDATE pg_proc p SET proacl = NULL WHERE " + LargeObjectFence.WRITERS);

      world.switchover().settle(world.to(Side.TARGET));

      mustRefuse(world);
      world.switchover().settle(world.to(Side.SOURCE));
      try (Connection app = app(world, Side.SOURCE)) {
        run(app, "SELECT lo_create(3)");
      }
    }
  }

  /** A watch that brings large objects holds the locks for as long as that takes. */
  @Test
  void givesWayWhereTheDiskHasNoRoomLeft() throws Exception {
    Databases databases = new Databases(new Secrets());
    try (World world = handedOver();
        Sessions bringing =
            Sessions.openBoth(
                databases, world.move(), WayBackWatch.LOOKING, Duration.ofMinutes(1));
        Pulse pulse = new Pulse("a test")) {
      assertThat(bringing.locked()).isTrue();

      assertThat(new SlotRelease(databases, world.move(), Side.TARGET, pulse).run(0, "no room"))
          .isTrue();

      assertThatThrownBy(() -> bringing.on(Side.TARGET).run("SELECT 1", Duration.ofSeconds(1)))
          .isInstanceOf(SQLException.class);
    }
  }

  /** One that was frozen, and wakes up behind the undo. */
  @Test
  void letsNoPassBringWhatWasTakenBack() throws Exception {
    try (World world = new World(pair).prepared()) {
      pair.source().execute(world.name(), "SELECT lo_from_bytea(1, 'one')");
      world.switchover().unprepareSwitchover(world.move());

      try (Sessions sessions =
          Sessions.openBoth(
              new Databases(new Secrets()), world.move(), "late", Duration.ofMinutes(1))) {
        assertThatThrownBy(
                () -> EarlyLargeObjects.bring(sessions, Side.SOURCE, world.name(), rows -> {}))
            .hasMessageContaining("the preparation was taken back");
      }
      assertThat(value(world, Side.TARGET, "SELECT count(*) FROM pg_largeobject_metadata"))
          .isEqualTo("0");
    }
  }

  private static void mustRefuse(World world) throws SQLException {
    try (Connection app = app(world, Side.SOURCE)) {
      assertThatThrownBy(() -> run(app, "SELECT lo_create(2)"))
          .hasStackTraceContaining("permission denied for function lo_create");
    }
  }

  /** With one object on both sides. */
  private static World handedOver() throws SQLException {
    World world = new World(pair);
    pair.source().execute(world.name(), "SELECT lo_from_bytea(1, 'one')");
    world.prepared().switchover().handOver(world.to(Side.TARGET));
    return world;
  }

  private static Connection app(World world, Side side) throws SQLException {
    return world.server(side).connect(world.name(), "app", null);
  }

  private static void run(Connection connection, String sql) {
    try {
      connection.createStatement().execute(sql);
    } catch (SQLException e) {
      throw new IllegalStateException(e);
    }
  }

  private static void awaitAnOldTransaction(World world) {
    Wait.until(
        "the transaction is no longer young",
        Duration.ofSeconds(5),
        () ->
            value(
                    world,
                    Side.TARGET,
                    "SELECT count(*) FROM pg_stat_activity WHERE usename = 'app' AND backend_xid IS NOT NULL AND xact_start < clock_timestamp() - interval '1100 ms'")
                .equals("1"));
  }

  private static String value(World world, Side side, String sql) throws SQLException {
    return Pairs.value(world.server(side), world.name(), sql);
  }
}
