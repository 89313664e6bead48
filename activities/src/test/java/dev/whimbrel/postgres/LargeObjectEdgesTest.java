package dev.whimbrel.postgres;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import dev.whimbrel.activity.Failures;
import dev.whimbrel.activity.HandOver;
import dev.whimbrel.activity.Move;
import dev.whimbrel.activity.Side;
import dev.whimbrel.activity.SwitchoverRequest;
import dev.whimbrel.runbook.PostgresSpec;
import dev.whimbrel.secrets.Secrets;
import dev.whimbrel.servers.PostgresServer;
import dev.whimbrel.servers.Relay;
import io.temporal.failure.ApplicationFailure;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.parallel.Isolated;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What must not keep both sides closed where there are large objects, and what need not. */
@Isolated("the pause is held to a limit")
class LargeObjectEdgesTest {
  private static final String LATE = "SELECT convert_from(lo_get(1), 'UTF8')";

  private static Pairs pair;

  @BeforeAll
  static void start() {
    pair =
        new Pairs(
            PostgresServer.version(15).set("max_prepared_transactions", "5").start(),
            PostgresServer.start(16));
  }

  @AfterAll
  static void stop() {
    pair.close();
  }

  /** It alone has what was written last, and its acknowledgement counts. */
  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void waitsForALosingSideThatGoesAwayBehindTheHandOver(boolean silently) throws Exception {
    try (Pairs own = Pairs.of(15, 16);
        Relay toSource = Relay.to(own.source().port());
        World world = new World(own)) {
      own.source().execute(world.name(), "SELECT lo_from_bytea(1, 'early')");
      world.prepared();
      CompletableFuture<?>[] back = new CompletableFuture<?>[1];
      Checkpoints goingAway =
          point -> {
            if (point == Checkpoints.Point.READY) {
              own.source().execute(world.name(), "SELECT lo_put(1, 0, 'final')");
            } else if (point == Checkpoints.Point.HANDED_OVER) {
              if (silently) {
                toSource.blackhole();
              } else {
                own.source().stopImmediate();
              }
              back[0] =
                  CompletableFuture.runAsync(
                      silently ? toSource::heal : own.source()::start,
                      CompletableFuture.delayedExecutor(4, TimeUnit.SECONDS));
            }
          };

      HandOver there =
          new PostgresSwitchover(new Secrets(), goingAway)
              .handOver(through(toSource, world, Duration.ofSeconds(60)));
      back[0].join();

      assertThat(there.writesGoTo()).isEqualTo(Side.TARGET);
      assertThat(value(world, Side.TARGET, LATE)).isEqualTo("final");
      if (!silently) {
        assertThat(there.line()).contains("an earlier attempt's hand-over was finished");
      }
    }
  }

  private static SwitchoverRequest through(Relay relay, World world, Duration patience) {
    Move move = world.move();
    return new SwitchoverRequest(
        new Move(
            move.migration(),
            new PostgresSpec(world.server(Side.SOURCE).url(world.name(), relay), null, null, null),
            move.target(),
            move.connect(),
            move.leftBehind(),
            move.jobs(),
            move.maxLag()),
        Side.TARGET,
        Duration.ofSeconds(5),
        patience,
        null,
        null);
  }

  @Test
  void asksAPersonWhereTheLosingSideIsGoneForGood() throws Exception {
    try (Pairs own = Pairs.of(15, 16);
        World world = new World(own)) {
      own.source().execute(world.name(), "SELECT lo_from_bytea(1, 'early')");
      world.prepared();
      Checkpoints dying =
          point -> {
            if (point == Checkpoints.Point.HANDED_OVER) {
              own.source().stopImmediate();
            }
          };

      ApplicationFailure failure =
          catchThrowableOfType(
              ApplicationFailure.class,
              () ->
                  new PostgresSwitchover(new Secrets(), dying)
                      .handOver(world.request(Side.TARGET, null, Duration.ofSeconds(3))));

      assertThat(failure.getType()).isEqualTo(Failures.NEEDS_HELP);
      assertThat(failure.getOriginalMessage())
          .containsPattern("Proven to have arrived .*, and of large objects up to \\d{4}-");
      assertThat(failure.getDetails().get(Failures.Help.class).bothMayBeClosed()).isTrue();
      HandOver there =
          world
              .switchover()
              .handOver(world.request(Side.TARGET, "ana@example.com", Duration.ofSeconds(3)));
      assertThat(there.line()).contains("ana@example.com");
      assertThat(value(world, Side.TARGET, LATE)).isEqualTo("early");
      own.source().start();
    }
  }

  /** Who cannot be ended is named, and there are two ways out. */
  @Test
  void namesWhatIsPreparedBehindTheHandOver() throws Exception {
    try (World world = new World(pair)) {
      pair.source().execute(world.name(), "SELECT lo_from_bytea(1, 'early')");
      world.prepared();
      try (Connection app = app(world)) {
        Checkpoints preparing =
            point -> {
              if (point == Checkpoints.Point.READY) {
                run(app, "BEGIN; SELECT lo_create(2)");
              } else if (point == Checkpoints.Point.HANDED_OVER) {
                run(app, "PREPARE TRANSACTION 'it''s xa'");
              }
            };

        ApplicationFailure failure =
            catchThrowableOfType(
                ApplicationFailure.class,
                () ->
                    new PostgresSwitchover(new Secrets(), preparing)
                        .handOver(world.request(Side.TARGET, null, Duration.ofSeconds(3))));

        assertThat(failure.getType()).isEqualTo(Failures.NEEDS_HELP);
        assertThat(failure.getOriginalMessage())
            .contains("prepared transactions may hold large objects: 'it''s xa'")
            .contains("COMMIT PREPARED or ROLLBACK PREPARED")
            .contains("whimbrel rollback");
        assertThat(failure.getDetails().get(Failures.Help.class).bothMayBeClosed()).isTrue();
      }
      pair.source().execute(world.name(), "COMMIT PREPARED 'it''s xa'");
      HandOver end = world.switchover().settle(world.to(Side.TARGET));

      assertThat(end.writesGoTo()).isEqualTo(Side.TARGET);
      assertThat(value(world, Side.TARGET, "SELECT count(*) FROM pg_largeobject_metadata"))
          .isEqualTo("2");
    }
  }

  /** Nobody sees it yet, and its COMMIT looks at no right. */
  @Test
  void waitsForTheFirstObjectOfATransactionThatIsPrepared() throws Exception {
    try (World world = new World(pair).prepared();
        Connection app = app(world)) {
      Checkpoints preparing =
          point -> {
            if (point == Checkpoints.Point.FENCED) {
              run(app, "BEGIN; SELECT lo_create(1); PREPARE TRANSACTION 'first'");
            }
          };

      try {
        assertThatThrownBy(
                () ->
                    new PostgresSwitchover(new Secrets(), preparing)
                        .handOver(world.to(Side.TARGET)))
            .hasMessageContaining(
                "may write large objects stayed open: prepared transaction 'first'")
            .hasMessageContaining("COMMIT PREPARED 'first'");
      } catch (AssertionError e) {
        pair.source().execute(world.name(), "ROLLBACK PREPARED 'first'");
        throw e;
      }
      run(app, "COMMIT PREPARED 'first'");
      world.switchover().handOver(world.to(Side.TARGET));

      assertThat(value(world, Side.TARGET, "SELECT count(*) FROM pg_largeobject_metadata"))
          .isEqualTo("1");
    }
  }

  /** Without the record nobody knows who had which right. */
  @Test
  void keepsTheRecordOfWhatItMayNotGiveBack() throws Exception {
    pair.source().createDatabase("demoted");
    try (Connection superuser = pair.source().connect("demoted")) {
      LargeObjectFence.lay(superuser);
      LargeObjectFence.take(superuser, "true");
      superuser
          .createStatement()
          .execute(
              "DO $$ BEGIN CREATE ROLE app LOGIN; EXCEPTION WHEN OTHERS THEN NULL; END $$;"
                  + " GRANT ALL ON SCHEMA whimbrel TO app; ALTER TABLE whimbrel.large_object_function OWNER TO app;"
                  + " ALTER TABLE whimbrel.large_object_pass OWNER TO app");
    }
    try (Connection demoted = pair.source().connect("demoted", "app", null)) {
      assertThatThrownBy(() -> LargeObjectFence.remove(demoted))
          .hasMessageContaining("The functions that write large objects are still taken");
    }
    try (Connection superuser = pair.source().connect("demoted")) {
      LargeObjectFence.remove(superuser);
    }
    try (Connection app = pair.source().connect("demoted", "app", null)) {
      assertThat(one(app, "SELECT lo_create(5)")).isEqualTo("5");
    }
  }

  /** A process that does not look at interrupts, and has written nothing. */
  @Test
  void waitsForNoReaderThatCannotBeEnded() throws Exception {
    try (World world = new World(pair)) {
      pair.source().execute(world.name(), "SELECT lo_from_bytea(1, 'early')");
      world.prepared();
      try (Connection reader = app(world)) {
        reader.setAutoCommit(false);
        String pid = one(reader, "SELECT pg_backend_pid()");
        AtomicLong handedOver = new AtomicLong();
        AtomicLong opened = new AtomicLong();
        Checkpoints freezing =
            point -> {
              if (point == Checkpoints.Point.HANDED_OVER) {
                JavaChild.send("STOP", pid);
                handedOver.compareAndSet(0, System.nanoTime());
              } else if (point == Checkpoints.Point.OPENED) {
                opened.compareAndSet(0, System.nanoTime());
                JavaChild.send("CONT", pid);
              }
            };
        try {
          new PostgresSwitchover(new Secrets(), freezing).handOver(world.to(Side.TARGET));
        } finally {
          JavaChild.send("CONT", pid);
        }
        assertThat(Duration.ofNanos(opened.get() - handedOver.get()))
            .isLessThan(Duration.ofSeconds(6));
      }
    }
  }

  @Test
  void endsAWriterWhoseActivitiesAreNotTracked() throws Exception {
    try (World world = new World(pair)) {
      pair.source()
          .execute(
              world.name(),
              "SELECT lo_from_bytea(1, 'early')",
              "ALTER ROLE app SET track_activities = off");
      world.prepared();
      try (Connection writer = app(world)) {
        AtomicBoolean committed = new AtomicBoolean();
        Checkpoints writing =
            point -> {
              if (point == Checkpoints.Point.READY) {
                run(writer, "BEGIN; SELECT lo_create(2)");
              } else if (point == Checkpoints.Point.CARRIED) {
                committed.set(succeeds(writer, "COMMIT"));
              }
            };

        new PostgresSwitchover(new Secrets(), writing).handOver(world.to(Side.TARGET));

        assertThat(committed).isFalse();
      }
    } finally {
      pair.source().execute("postgres", "ALTER ROLE app RESET track_activities");
    }
  }

  /** He has a number, and holds a lock that the fence does not meet. */
  @Test
  void endsNobodyAndPaysNothingForANumberWithoutObjects() throws Exception {
    try (World world = new World(pair)) {
      pair.source().execute(world.name(), "INSERT INTO entry (writer, n) VALUES (1, 1)");
      world.prepared();
      try (Connection holder = app(world)) {
        run(holder, "BEGIN; SELECT * FROM entry FOR UPDATE");
        AtomicBoolean lives = new AtomicBoolean();
        Checkpoints looking =
            point -> {
              if (point == Checkpoints.Point.CARRIED) {
                lives.set(succeeds(holder, "SELECT 1"));
              }
            };

        HandOver there =
            new PostgresSwitchover(new Secrets(), looking).handOver(world.to(Side.TARGET));

        assertThat(lives).isTrue();
        assertThat(there.roundTrips()).isEqualTo(5);
        assertThat(there.line()).doesNotContain("LARGE OBJECTS");
      }
    }
  }

  /** Who waits for the fence goes on behind it, and may have written the very first object. */
  @Test
  void endsAWaiterThatHasWrittenTheFirstObject() throws Exception {
    try (World world = new World(pair).prepared();
        Connection writer = app(world)) {
      CompletableFuture<?>[] waiting = new CompletableFuture<?>[1];
      AtomicBoolean committed = new AtomicBoolean();
      Checkpoints writing =
          point -> {
            if (point == Checkpoints.Point.FENCED) {
              run(writer, "BEGIN; SELECT lo_create(4242); SAVEPOINT s");
              waiting[0] =
                  CompletableFuture.runAsync(
                      () -> {
                        succeeds(writer, "INSERT INTO entry (writer, n) VALUES (1, 1)");
                        committed.set(
                            succeeds(writer, "ROLLBACK TO s") && succeeds(writer, "COMMIT"));
                      });
              Wait.until(
                  "he waits",
                  Duration.ofSeconds(3),
                  () ->
                      value(
                              world,
                              Side.SOURCE,
                              "SELECT count(*) FROM pg_stat_activity WHERE usename = 'app' AND wait_event_type = 'Lock'")
                          .equals("1"));
            }
          };

      new PostgresSwitchover(new Secrets(), writing).handOver(world.to(Side.TARGET));
      waiting[0].get(20, TimeUnit.SECONDS);

      // Whether he was quick enough to commit or not.
      assertThat(
              committed.get()
                  && value(world, Side.TARGET, "SELECT count(*) FROM pg_largeobject_metadata")
                      .equals("0"))
          .as("acknowledged and lost")
          .isFalse();
    }
  }

  @Test
  void letsApplicationsFollowBeforeItTidiesTheLosingSide() throws Exception {
    try (World world = new World(pair)) {
      pair.source().execute(world.name(), "SELECT lo_from_bytea(1, 'early')");
      world.prepared();
      AtomicLong opened = new AtomicLong();
      AtomicLong followed = new AtomicLong();
      Checkpoints freezing =
          point -> {
            if (point == Checkpoints.Point.OPENED) {
              pair.source().pause();
              opened.compareAndSet(0, System.nanoTime());
            } else if (point == Checkpoints.Point.FOLLOWED) {
              followed.compareAndSet(0, System.nanoTime());
              pair.source().resume();
            }
          };
      CompletableFuture<Void> late =
          CompletableFuture.runAsync(
              pair.source()::resume, CompletableFuture.delayedExecutor(20, TimeUnit.SECONDS));
      new PostgresSwitchover(new Secrets(), freezing).handOver(world.to(Side.TARGET));
      late.cancel(false);

      assertThat(Duration.ofNanos(followed.get() - opened.get())).isLessThan(Duration.ofSeconds(2));
    }
  }

  @Test
  void keepsWhatWasGrantedWhileASideWasClosed() throws Exception {
    try (World world = new World(pair).prepared()) {
      pair.target().execute(world.name(), "GRANT EXECUTE ON FUNCTION lo_import(text) TO app");
      world.switchover().prepareSwitchover(world.move());
      pair.target().execute(world.name(), "GRANT EXECUTE ON FUNCTION lo_creat(int) TO app");

      world.switchover().handOver(world.to(Side.TARGET));

      assertThat(
              value(
                  world,
                  Side.TARGET,
                  "SELECT string_agg(proname || ' ' || (proacl::text LIKE '%app=X/%')::text || ' ' || has_function_privilege('public', oid, 'EXECUTE'), ', ' ORDER BY proname)"
                      + " FROM pg_proc WHERE oid IN ('lo_import(text)'::regprocedure, 'lo_creat(int)'::regprocedure, 'lo_create(oid)'::regprocedure) AND proacl IS NOT NULL"))
          .isEqualTo("lo_creat true true, lo_import true false");
      assertThatThrownBy(() -> run(app(world), "SELECT lo_creat(1)"))
          .hasStackTraceContaining("permission denied for function lo_creat");
    }
  }

  private static Connection app(World world) throws SQLException {
    return world.server(Side.SOURCE).connect(world.name(), "app", null);
  }

  private static void run(Connection connection, String sql) {
    try {
      connection.createStatement().execute(sql);
    } catch (SQLException e) {
      throw new IllegalStateException(e);
    }
  }

  private static boolean succeeds(Connection connection, String sql) {
    try {
      connection.createStatement().execute(sql);
      return true;
    } catch (SQLException e) {
      return false;
    }
  }

  private static String one(Connection connection, String sql) throws SQLException {
    try (var rows = connection.createStatement().executeQuery(sql)) {
      rows.next();
      return rows.getString(1);
    }
  }

  private static String value(World world, Side side, String sql) throws SQLException {
    return Pairs.value(world.server(side), world.name(), sql);
  }
}
