package dev.whimbrel.postgres;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import dev.whimbrel.activity.Failures;
import dev.whimbrel.activity.HandOver;
import dev.whimbrel.activity.Side;
import dev.whimbrel.activity.SwitchoverRequest;
import dev.whimbrel.secrets.Secrets;
import io.temporal.failure.ApplicationFailure;
import java.time.Duration;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.parallel.Isolated;

/**
 * The gaining side goes away between hand-over and opening: the failure says that it must hurry.
 */
@Isolated("the pause is held to a limit")
class UnfinishedHandOverTest {
  private static final String WRITE = "INSERT INTO entry (writer, n) VALUES (1, 1)";
  private static final Duration PATIENCE = Duration.ofSeconds(2);

  @Test
  void saysThatItIsUnfinishedAndIsFinishedByTheNextAttempt() throws Exception {
    try (Pairs pair = Pairs.of(15, 16);
        World world = new World(pair).prepared()) {
      SwitchoverRequest request = world.request(Side.TARGET, null, PATIENCE);

      ApplicationFailure failure = crashTheTargetAt(world, Checkpoints.Point.HANDED_OVER, request);
      ApplicationFailure stillGone = failureOf(world.switchover(), request.toFinish());
      pair.target().start();
      HandOver finished = world.switchover().handOver(request.toFinish());

      assertThat(failure.getType()).isEqualTo(Failures.UNFINISHED);
      assertThat(failure.getOriginalMessage())
          .contains("The target cannot be reached")
          .endsWith("the hand-over was sent, so that it is finished at once");
      assertThat(stillGone.getType()).isEqualTo(Failures.TRANSIENT);
      assertThat(finished.writesGoTo()).isEqualTo(Side.TARGET);
      pair.target().execute(world.name(), WRITE);
    }
  }

  @Test
  void isTakenBackAtOnceByARollback() throws Exception {
    try (Pairs pair = Pairs.of(15, 16);
        World world = new World(pair).prepared()) {
      SwitchoverRequest back = world.request(Side.SOURCE, null, PATIENCE).toFinish();
      crashTheTargetAt(
          world, Checkpoints.Point.HANDED_OVER, world.request(Side.TARGET, null, PATIENCE));
      pair.target().start();

      HandOver settled = world.switchover().settle(back);
      HandOver again = world.switchover().settle(back);

      assertThat(settled.writesGoTo()).isEqualTo(Side.SOURCE);
      assertThat(again.writesGoTo()).isEqualTo(Side.SOURCE);
      pair.source().execute(world.name(), WRITE);
    }
  }

  @Test
  void isPassingWhereNothingWasHandedOver() throws Exception {
    try (Pairs pair = Pairs.of(15, 16);
        World world = new World(pair).prepared()) {
      ApplicationFailure failure =
          crashTheTargetAt(
              world, Checkpoints.Point.FENCED, world.request(Side.TARGET, null, PATIENCE));
      pair.target().start();

      assertThat(failure.getType()).isEqualTo(Failures.TRANSIENT);
      pair.source().execute(world.name(), WRITE);
    }
  }

  private static ApplicationFailure crashTheTargetAt(
      World world, Checkpoints.Point point, SwitchoverRequest request) {
    AtomicBoolean crashed = new AtomicBoolean();
    return failureOf(
        new PostgresSwitchover(
            new Secrets(),
            at -> {
              if (at == point && crashed.compareAndSet(false, true)) {
                world.pair().target().stopImmediate();
              }
            }),
        request);
  }

  private static ApplicationFailure failureOf(
      PostgresSwitchover switchover, SwitchoverRequest request) {
    return catchThrowableOfType(ApplicationFailure.class, () -> switchover.handOver(request));
  }
}
