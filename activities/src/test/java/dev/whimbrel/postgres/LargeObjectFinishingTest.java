package dev.whimbrel.postgres;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import dev.whimbrel.activity.Failures;
import dev.whimbrel.activity.HandOver;
import dev.whimbrel.activity.Side;
import dev.whimbrel.activity.Switchover;
import dev.whimbrel.activity.SwitchoverRequest;
import dev.whimbrel.secrets.Secrets;
import io.temporal.activity.ActivityOptions;
import io.temporal.failure.ApplicationFailure;
import io.temporal.testing.TestActivityEnvironment;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.parallel.Isolated;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Both sides are closed, and large objects are still to be brought: nobody waits unheard. */
@Isolated("the pause is held to a limit, and a thread of the attempt is looked for by name")
class LargeObjectFinishingTest {
  private static final String FINAL = "SELECT convert_from(lo_get(1), 'UTF8')";

  /** The shortest that is given to all of it. */
  private static final Duration PATIENCE = Duration.ofSeconds(11);

  private static Pairs pair;

  @BeforeAll
  static void start() {
    pair = Pairs.of(15, 16);
  }

  @AfterAll
  static void stop() {
    pair.close();
  }

  /** Whoever has been asked once, and says that it shall go on, is not asked again. */
  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void asksAPersonWhereItLastsAndIsNotToldToGoOn(boolean toGoOn) throws Exception {
    try (World world = new World(pair);
        Connection row = holder(world, Side.TARGET);
        Connection pages = holder(world, Side.SOURCE)) {
      handOverAndDie(world);
      SwitchoverRequest request =
          new SwitchoverRequest(
              world.move(), Side.TARGET, Duration.ofMillis(500), PATIENCE, null, "a test");
      // Two messages of the pass wait, each for less than it may.
      run(row, "SELECT FROM whimbrel.large_object_pass FOR UPDATE");
      run(pages, "LOCK TABLE pg_largeobject");
      CompletableFuture<Void> released =
          CompletableFuture.allOf(
              releaseLate(world, Side.TARGET, row), releaseLate(world, Side.SOURCE, pages));

      if (toGoOn) {
        HandOver there = world.switchover().handOver(request.toFinish());

        assertThat(there.writesGoTo()).isEqualTo(Side.TARGET);
      } else {
        ApplicationFailure failure =
            catchThrowableOfType(
                ApplicationFailure.class, () -> world.switchover().handOver(request));

        assertThat(failure.getType()).isEqualTo(Failures.NEEDS_HELP);
        assertThat(failure.getOriginalMessage())
            .contains("Large objects are still being brought to the target")
            .contains("both sides are closed");
        Failures.Help help = failure.getDetails().get(Failures.Help.class);
        assertThat(help.bothMayBeClosed()).isTrue();
        assertThat(help.remedy()).contains("whimbrel rollback " + world.name());
        world.switchover().handOver(request.toFinish());
      }
      released.join();
      assertThat(value(world, Side.TARGET, FINAL)).isEqualTo("final");
    }
  }

  @Test
  void hearsARollbackAndTheSourceOpensAtOnce() throws Exception {
    TestActivityEnvironment environment = TestActivityEnvironment.newInstance();
    try (World world = new World(pair);
        Connection pages = holder(world, Side.SOURCE)) {
      environment.registerActivitiesImplementations(world.switchover());
      Switchover activity =
          environment.newActivityStub(
              Switchover.class,
              ActivityOptions.newBuilder()
                  .setStartToCloseTimeout(Duration.ofMinutes(2))
                  .setHeartbeatTimeout(Duration.ofSeconds(2))
                  .build());
      handOverAndDie(world);
      run(pages, "LOCK TABLE pg_largeobject");
      CompletableFuture<HandOver> finishing =
          CompletableFuture.supplyAsync(() -> activity.handOver(world.to(Side.TARGET)));
      awaitWaiter(world, Side.SOURCE);

      environment.requestCancelActivity();
      Wait.until("the attempt has heard", Duration.ofSeconds(20), () -> !isBeating());
      pages.rollback();

      assertThatThrownBy(() -> finishing.get(20, TimeUnit.SECONDS))
          .hasStackTraceContaining("Cancel");
      assertThat(value(world, Side.TARGET, "SELECT writable FROM whimbrel.authority"))
          .isEqualTo("source");
      HandOver back = world.switchover().settle(world.to(Side.SOURCE));
      assertThat(back.line()).contains("the hand-over was taken back");
      try (Connection app = pair.source().connect(world.name(), "app", null)) {
        app.createStatement().execute("SELECT lo_put(lo_create(2), 0, 'again')");
      }
    } finally {
      environment.close();
    }
  }

  /** Nobody sees it, and its COMMIT looks at no right. */
  @Test
  void waitsForTheFirstObjectWhoseTransactionIsPreparedBehindTheHandOver() throws Exception {
    try (World world = new World(pair).prepared()) {
      try (Connection app = pair.source().connect(world.name(), "app", null)) {
        Checkpoints preparing =
            point -> {
              if (point == Checkpoints.Point.READY) {
                run(app, "BEGIN; SELECT lo_create(1)");
              } else if (point == Checkpoints.Point.HANDED_OVER) {
                run(app, "PREPARE TRANSACTION 'first'");
              }
            };

        ApplicationFailure failure =
            catchThrowableOfType(
                ApplicationFailure.class,
                () ->
                    new PostgresSwitchover(new Secrets(), preparing)
                        .handOver(world.request(Side.TARGET, null, Duration.ofSeconds(3))));
        pair.source().execute(world.name(), "COMMIT PREPARED 'first'");

        assertThat(failure).as("opened without it").isNotNull();
        assertThat(failure.getOriginalMessage())
            .contains("prepared transactions may hold large objects: 'first'");
        assertThat(failure.getDetails().get(Failures.Help.class).bothMayBeClosed()).isTrue();
      }
      world.switchover().settle(world.to(Side.TARGET));

      assertThat(value(world, Side.TARGET, "SELECT count(*) FROM pg_largeobject_metadata"))
          .isEqualTo("1");
    }
  }

  /** What is written right before the hand-over is still to be brought. */
  private static void handOverAndDie(World world) throws SQLException {
    pair.source().execute(world.name(), "SELECT lo_from_bytea(1, 'early')");
    world.prepared();
    Checkpoints dying =
        point -> {
          if (point == Checkpoints.Point.READY) {
            pair.source().execute(world.name(), "SELECT lo_put(1, 0, 'final')");
          } else if (point == Checkpoints.Point.HANDED_OVER) {
            throw new IllegalStateException("the attempt dies");
          }
        };
    assertThatThrownBy(
            () -> new PostgresSwitchover(new Secrets(), dying).handOver(world.to(Side.TARGET)))
        .hasMessage("the attempt dies");
  }

  /** A session that nobody ends. */
  private static Connection holder(World world, Side side) throws SQLException {
    Connection connection = world.connect(side);
    connection.createStatement().execute("SET application_name = 'whimbrel test'");
    connection.setAutoCommit(false);
    return connection;
  }

  private static void run(Connection connection, String sql) {
    try {
      connection.createStatement().execute(sql);
    } catch (SQLException e) {
      throw new IllegalStateException(e);
    }
  }

  /** Lets go six seconds after somebody has begun to wait. */
  private static CompletableFuture<Void> releaseLate(World world, Side side, Connection holder) {
    return CompletableFuture.runAsync(() -> awaitWaiter(world, side))
        .thenRunAsync(
            () -> run(holder, "ROLLBACK"), CompletableFuture.delayedExecutor(6, TimeUnit.SECONDS));
  }

  private static void awaitWaiter(World world, Side side) {
    Wait.until(
        "somebody waits on the " + side.word(),
        Duration.ofSeconds(30),
        () ->
            value(
                    world,
                    side,
                    "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() AND cardinality(pg_blocking_pids(pid)) > 0)")
                .equals("t"));
  }

  private static boolean isBeating() {
    return Thread.getAllStackTraces().keySet().stream()
        .anyMatch(thread -> thread.getName().equals("whimbrel-pulse"));
  }

  private static String value(World world, Side side, String sql) throws SQLException {
    return Pairs.value(world.server(side), world.name(), sql);
  }
}
