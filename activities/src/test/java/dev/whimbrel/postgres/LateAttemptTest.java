package dev.whimbrel.postgres;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.whimbrel.activity.HandOver;
import dev.whimbrel.activity.Readiness;
import dev.whimbrel.activity.Side;
import dev.whimbrel.activity.SwitchoverRequest;
import dev.whimbrel.secrets.Secrets;
import java.sql.Connection;
import java.time.Duration;
import java.util.concurrent.ExecutionException;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.parallel.Isolated;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** An attempt that is alive, but that Temporal has given up: no late one undoes an undo. */
@Isolated("the pause is held to a limit")
class LateAttemptTest {
  private static final String WRITE = "INSERT INTO entry (writer, n) VALUES (1, 1)";

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
  @EnumSource(
      value = Checkpoints.Point.class,
      names = {"LOCKED", "FENCED", "READY", "HANDED_OVER", "OPENED"})
  void doesNotHandOverAgainAfterARollbackThatEndedItAt(Checkpoints.Point point) throws Exception {
    try (World world = new World(pair)) {
      Readiness ready = world.switchover().prepareSwitchover(world.move());
      Standing attempt = new Standing(point, inEpoch(world, ready.epoch()));
      attempt.awaitThere();

      HandOver back = world.switchover().settle(world.to(Side.SOURCE));
      assertThatThrownBy(attempt::goOn).isInstanceOf(ExecutionException.class);

      assertThat(back.writesGoTo()).isEqualTo(Side.SOURCE);
      mustBeOnTheSource(world);
    }
  }

  @Test
  void doesNotHandOverAgainInASecondRoundWhateverItKnows() throws Exception {
    try (World world = new World(pair).prepared()) {
      Standing attempt = new Standing(Checkpoints.Point.READY, world.to(Side.TARGET));
      attempt.awaitThere();
      try (Sessions newer =
          Sessions.openBoth(
              new Databases(new Secrets()), world.move(), "newer", Duration.ofMinutes(1))) {
        assertThat(newer.truth().side()).isEqualTo(Side.SOURCE);
      }

      assertThatThrownBy(attempt::goOn)
          .hasStackTraceContaining("nothing was handed over: the source is still the truth");
      mustBeOnTheSource(world);
    }
  }

  @Test
  void doesNotBeginAfterARollbackThatFoundNothingToTakeBack() throws Exception {
    try (World world = new World(pair)) {
      Readiness ready = world.switchover().prepareSwitchover(world.move());

      HandOver back = world.switchover().settle(world.to(Side.SOURCE));
      HandOver again = world.switchover().settle(world.to(Side.SOURCE));

      assertThat(ready.epoch()).isEqualTo(1);
      assertThat(back.handedOver()).isFalse();
      assertThat(back.epoch()).isEqualTo(2);
      assertThat(again.handedOver()).isFalse();
      assertThat(again.epoch()).isEqualTo(2);
      for (Side side : Side.values()) {
        assertThat(
                Pairs.value(
                    world.server(side),
                    world.name(),
                    "SELECT writable || ' ' || epoch FROM whimbrel.authority"))
            .isEqualTo("source 2");
      }
      assertThatThrownBy(() -> world.switchover().handOver(inEpoch(world, ready.epoch())))
          .hasMessageContaining("in epoch 2")
          .hasMessageContaining("this switchover was prepared in epoch 1");
      assertThatThrownBy(() -> world.switchover().handOver(world.to(Side.TARGET)))
          .hasMessageContaining("The switchover is not prepared");
      mustBeOnTheSource(world);

      Readiness anew = world.switchover().prepareSwitchover(world.move());
      HandOver there = world.switchover().handOver(inEpoch(world, anew.epoch()));
      assertThat(anew.epoch()).isEqualTo(2);
      assertThat(there.epoch()).isEqualTo(3);
      assertThat(there.handedOver()).isTrue();
    }
  }

  @Test
  void doesNotBeginAfterARollbackThatWasSettledWhileTheTargetWasAway() throws Exception {
    try (Pairs own = Pairs.of(15, 16);
        World world = new World(own)) {
      Readiness ready = world.switchover().prepareSwitchover(world.move());
      own.target().stopImmediate();
      HandOver back = world.switchover().settle(world.to(Side.SOURCE));
      own.target().start();

      assertThat(back.handedOver()).isFalse();
      assertThat(back.epoch()).isEqualTo(2);
      assertThatThrownBy(() -> world.switchover().handOver(inEpoch(world, ready.epoch())))
          .hasMessageContaining("this switchover was prepared in epoch 1");
      assertThat(world.switchover().settle(world.to(Side.SOURCE)).epoch()).isEqualTo(2);
      assertThat(Pairs.value(own.target(), world.name(), "SELECT epoch FROM whimbrel.authority"))
          .isEqualTo("2");
    }
  }

  @Test
  void finishesItsOwnHandOverAndNothingElseWhereItShallOnlyFinish() throws Exception {
    try (World world = new World(pair)) {
      Readiness ready = world.switchover().prepareSwitchover(world.move());
      SwitchoverRequest request = inEpoch(world, ready.epoch());

      HandOver nothing = world.switchover().handOver(request.toFinish());
      try (SwitchoverProcess child =
          SwitchoverProcess.stoppingAt(world, Side.TARGET, Checkpoints.Point.HANDED_OVER)
              .awaitAt(Checkpoints.Point.HANDED_OVER)) {
        child.kill();
      }
      HandOver finished = world.switchover().handOver(request.toFinish());

      assertThat(nothing.writesGoTo()).isEqualTo(Side.SOURCE);
      assertThat(nothing.handedOver()).isFalse();
      assertThat(finished.writesGoTo()).isEqualTo(Side.TARGET);
      assertThat(finished.handedOver()).isTrue();
      assertThat(finished.epoch()).isEqualTo(2);
      pair.target().execute(world.name(), WRITE);
    }
  }

  @Test
  void preparesNothingAfterThePreparationWasTakenBackUntilANewClaim() throws Exception {
    try (World world = new World(pair).prepared()) {
      world.switchover().unprepareSwitchover(world.move());

      assertThatThrownBy(() -> world.switchover().prepareSwitchover(world.move()))
          .hasMessageContaining("was taken back on the source: a late attempt begins nothing");
      assertThat(
              Pairs.value(
                  pair.target(),
                  world.name(),
                  "SELECT count(*) FROM pg_replication_slots WHERE database = current_database()"))
          .isEqualTo("0");

      for (Side side : Side.values()) {
        try (Connection database = world.connect(side)) {
          Authority.claim(database, world.name(), side);
        }
      }
      assertThat(world.prepared().switchover().handOver(world.to(Side.TARGET)).handedOver())
          .isTrue();
    }
  }

  private static SwitchoverRequest inEpoch(World world, long epoch) {
    return world.to(Side.TARGET).inEpoch(epoch);
  }

  private static void mustBeOnTheSource(World world) throws Exception {
    pair.source().execute(world.name(), WRITE);
    assertThatThrownBy(() -> pair.target().execute(world.name(), WRITE))
        .hasStackTraceContaining("this database is closed");
  }
}
