package dev.whimbrel.postgres;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import dev.whimbrel.activity.Failures;
import dev.whimbrel.activity.HandOver;
import dev.whimbrel.activity.Side;
import dev.whimbrel.activity.SwitchoverRequest;
import dev.whimbrel.secrets.Secrets;
import io.temporal.failure.ApplicationFailure;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.parallel.Isolated;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/** A standby that every COMMIT waits for, and that is gone, or falls silent at the worst moment. */
@Isolated("the pause is held to a limit")
class SynchronousStandbyTest {
  /** The budget of the pause, two seconds for an answer, a round, and a machine that is busy. */
  private static final Duration SOON = Duration.ofSeconds(12);

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
  @EnumSource(Side.class)
  void isNamedBeforeWritersAreHeldUp(Side side) throws Exception {
    try (World world = new World(pair).prepared()) {
      Standby.await(world.server(side), "ghost");

      long began = System.nanoTime();
      assertThatThrownBy(() -> world.switchover().handOver(world.to(Side.TARGET)))
          .hasMessageContaining(
              "The %s waits for a synchronous standby that does not answer (synchronous_standby_names = 'ghost')"
                  .formatted(side.word()));
      assertThat(since(began)).isLessThan(Duration.ofSeconds(10));

      Standby.await(world.server(side), "");
      assertThat(world.switchover().handOver(world.to(Side.TARGET)).writesGoTo())
          .isEqualTo(Side.TARGET);
    }
  }

  @ParameterizedTest
  @CsvSource({
    "TARGET, READY", "TARGET, HANDED_OVER",
    "SOURCE, READY", "SOURCE, HANDED_OVER"
  })
  void holdsUpTheCommitAfterForSecondsOnly(Side to, Checkpoints.Point point) throws Exception {
    try (World world = on(to.other());
        Load load = world.load(2);
        Prober prober = new Prober(pair, world.name());
        Standby standby = Standby.of(world.server(committing(to, point)))) {
      Wait.until("writes flow", Duration.ofSeconds(20), () -> load.acknowledged() > 100);
      prober.clear();
      AtomicLong silent = new AtomicLong();
      PostgresSwitchover switchover =
          new PostgresSwitchover(
              new Secrets(),
              at -> {
                if (at == point && silent.compareAndSet(0, System.nanoTime())) {
                  standby.fallSilent();
                }
              });

      HandOver end = switchover.settle(world.to(to));
      Duration took = since(silent.get());
      long settled = System.nanoTime();
      Wait.until("the " + to.word() + " is open", SOON, () -> prober.accepts(to, settled));
      Duration closed = prober.closed(to);
      System.out.printf(
          "to the %s, silent at %s: both sides closed for %d ms, finished after %d ms: %s%n",
          to.word(), point, closed.toMillis(), took.toMillis(), end.line());

      assertThat(end.writesGoTo()).isEqualTo(to);
      assertThat(end.handedOver()).isTrue();
      assertThat(end.canGoBack()).isEqualTo(to == Side.TARGET);
      assertThat(took).isLessThan(SOON);
      standby.answerAgain();
      mustBeWhole(world, load, prober, to);
    }
  }

  @ParameterizedTest
  @CsvSource({"TARGET, READY", "TARGET, HANDED_OVER"})
  void isNotWaitedForByTheAttemptAfterOneThatWasKilledInTheCommitAfter(
      Side to, Checkpoints.Point point) throws Exception {
    try (World world = on(to.other());
        Load load = world.load(2);
        Prober prober = new Prober(pair, world.name());
        Standby standby = Standby.of(world.server(committing(to, point)))) {
      Wait.until("writes flow", Duration.ofSeconds(20), () -> load.acknowledged() > 100);
      prober.clear();
      killedInTheCommitAfter(world, to, point, standby);

      long began = System.nanoTime();
      HandOver end = world.switchover().settle(world.to(to));
      Duration took = since(began);
      System.out.printf(
          "killed in the COMMIT after %s: the next attempt took %d ms%n", point, took.toMillis());

      assertThat(end.writesGoTo()).isEqualTo(to);
      assertThat(end.canGoBack()).isTrue();
      assertThat(took).isLessThan(Duration.ofSeconds(5));
      standby.answerAgain();
      mustBeWhole(world, load, prober, to);
    }
  }

  /** The opening was rolled back with the process, and has to be made anew without the standby. */
  @Test
  void doesNotKeepBothSidesClosedWhereTheOpeningIsMadeAnew() throws Exception {
    try (World world = new World(pair).prepared();
        Standby standby = Standby.of(pair.target())) {
      try (SwitchoverProcess child =
          SwitchoverProcess.stoppingAt(world, Side.TARGET, Checkpoints.Point.HANDED_OVER)
              .awaitAt(Checkpoints.Point.HANDED_OVER)) {
        child.kill();
      }
      standby.fallSilent();

      long began = System.nanoTime();
      HandOver end = world.switchover().handOver(world.to(Side.TARGET));

      System.out.printf("opened anew after %d ms%n", since(began).toMillis());
      assertThat(end.writesGoTo()).isEqualTo(Side.TARGET);
      assertThat(since(began)).isLessThan(SOON);
      standby.answerAgain();
      pair.target().execute(world.name(), "INSERT INTO entry (writer, n) VALUES (1, 1)");
    }
  }

  @ParameterizedTest
  @EnumSource(Side.class)
  void doesNotKeepBothSidesClosedWhereAHandOverIsTakenBack(Side side) throws Exception {
    try (World world = new World(pair).prepared();
        Standby standby = Standby.of(world.server(side))) {
      try (SwitchoverProcess child =
          SwitchoverProcess.stoppingAt(world, Side.TARGET, Checkpoints.Point.HANDED_OVER)
              .awaitAt(Checkpoints.Point.HANDED_OVER)) {
        child.kill();
      }
      standby.fallSilent();

      long began = System.nanoTime();
      HandOver end = world.switchover().settle(world.to(Side.SOURCE));

      System.out.printf(
          "taken back after %d ms, the %s's standby silent%n",
          since(began).toMillis(), side.word());
      assertThat(end.writesGoTo()).isEqualTo(Side.SOURCE);
      assertThat(since(began)).isLessThan(SOON);
      standby.answerAgain();
      pair.source().execute(world.name(), "INSERT INTO entry (writer, n) VALUES (1, 1)");
    }
  }

  @Test
  void doesNotHoldUpAnOpeningWhoseLossWasAccepted() throws Exception {
    try (Pairs own = Pairs.of(15, 16);
        World world = new World(own).prepared();
        Standby standby = Standby.of(own.source())) {
      world.switchover().handOver(world.to(Side.TARGET));
      own.target().stopImmediate();
      standby.fallSilent();
      SwitchoverRequest request =
          world.request(Side.SOURCE, "ana@example.com", Duration.ofSeconds(1));

      long began = System.nanoTime();
      ApplicationFailure failure =
          catchThrowableOfType(ApplicationFailure.class, () -> world.switchover().settle(request));
      HandOver end = world.switchover().settle(request);

      assertThat(failure.getType()).isEqualTo(Failures.TRANSIENT);
      assertThat(end.writesGoTo()).isEqualTo(Side.SOURCE);
      assertThat(end.epoch()).isEqualTo(3);
      assertThat(since(began)).isLessThan(SOON);
      standby.answerAgain();
      own.source().execute(world.name(), "INSERT INTO entry (writer, n) VALUES (1, 1)");
      own.target().start();
    }
  }

  @Test
  void leavesASessionAloneThatIsNotOfItsOwnEarlierRounds() throws Exception {
    Databases databases = new Databases(new Secrets());
    try (World world = new World(pair)) {
      EarlierRounds rounds = new EarlierRounds();
      Duration minute = Duration.ofMinutes(1);
      Sessions.openBoth(databases, world.move(), "first", minute, rounds).close();
      try (Sessions newer = Sessions.openBoth(databases, world.move(), "newer", minute)) {
        try (Sessions second =
            Sessions.openPolitely(databases, world.move(), "second", minute, rounds)) {
          assertThat(second.locked()).isFalse();
        }
        newer.on(Side.SOURCE).run("SELECT 1", minute);
      }
    }
  }

  @Test
  void endsNoSessionThatOnlyHasTheNumberOfAnEarlierOne() throws Exception {
    Databases databases = new Databases(new Secrets());
    try (World world = new World(pair)) {
      Session.Place place = new Session.Place(Side.SOURCE, world.move().source(), "whimbrel test");
      try (Session mine = Session.open(databases, place, new RoundTrips());
          Session other = Session.open(databases, place, new RoundTrips());
          Pinger pinger = new Pinger(List.of(mine, other), Duration.ZERO)) {
        pinger.until(SOON);
        EarlierRounds rounds = new EarlierRounds();
        rounds.remember(
            Side.SOURCE, new Session.Backend(other.backend().pid(), mine.backend().started()));
        rounds.end(mine);
        other.run("SELECT 1", SOON);

        rounds.remember(other);
        rounds.end(mine);

        assertThatThrownBy(() -> other.run("SELECT 1", SOON)).isInstanceOf(SQLException.class);
        mine.run("SELECT 1", SOON);
      }
    }
  }

  private static World on(Side side) throws Exception {
    World world = new World(pair).prepared();
    if (side == Side.TARGET) {
      world.switchover().handOver(world.to(Side.TARGET));
    }
    return world;
  }

  /** The side whose COMMIT follows. */
  private static Side committing(Side to, Checkpoints.Point point) {
    return point == Checkpoints.Point.READY ? to.other() : to;
  }

  private static void killedInTheCommitAfter(
      World world, Side to, Checkpoints.Point point, Standby standby) {
    try (SwitchoverProcess child = SwitchoverProcess.stoppingAt(world, to, point).awaitAt(point)) {
      standby.fallSilent();
      child.goOn();
      Wait.until(
          "the COMMIT waits for the standby",
          Duration.ofSeconds(5),
          () ->
              Pairs.value(
                      world.server(committing(to, point)),
                      world.name(),
                      "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep' AND application_name LIKE 'whimbrel % switchover'")
                  .equals("1"));
      child.kill();
    }
  }

  private static void mustBeWhole(World world, Load load, Prober prober, Side truth)
      throws Exception {
    long before = load.acknowledged();
    Wait.until(
        "writes flow again", Duration.ofSeconds(20), () -> load.acknowledged() > before + 100);
    load.stop();
    assertThat(prober.overlaps(truth.other())).isEmpty();
    try (Connection there = world.connect(truth)) {
      assertThat(load.faults(there)).isEmpty();
    }
  }

  private static Duration since(long nanos) {
    return Duration.ofNanos(System.nanoTime() - nanos);
  }
}
