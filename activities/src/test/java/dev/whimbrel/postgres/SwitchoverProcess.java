package dev.whimbrel.postgres;

import dev.whimbrel.activity.Move;
import dev.whimbrel.activity.Side;
import dev.whimbrel.activity.SwitchoverRequest;
import dev.whimbrel.runbook.Connect;
import dev.whimbrel.runbook.PostgresSpec;
import dev.whimbrel.secrets.Secrets;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicBoolean;
import org.jspecify.annotations.Nullable;

/**
 * A switchover in a process of its own, which stops at one point and says so: to be killed there,
 * frozen, or told to go on.
 */
final class SwitchoverProcess extends JavaChild {
  private static final String NOWHERE = "NOWHERE";

  /** The system property for how many streams share the tables. */
  static final String STREAMS = "streams";

  /** The system property for the closing of the source that it rests on. */
  private static final String CLOSING = "whimbrel.closing";

  private SwitchoverProcess(Map<String, String> properties, List<String> arguments) {
    super(properties, arguments);
  }

  /** Starts a switchover that stops at a point. */
  static SwitchoverProcess stoppingAt(World world, Side to, Checkpoints.Point point) {
    return start(world.move(), to, point.name());
  }

  /** Starts a switchover that runs through. */
  static SwitchoverProcess running(World world, Side to) {
    return start(world.move(), to, NOWHERE);
  }

  static SwitchoverProcess start(Move move, Side to, String point) {
    return start(move, to, point, null);
  }

  /** One that rests on a closing of the source, where there is one. */
  static SwitchoverProcess start(Move move, Side to, String point, @Nullable Integer closing) {
    List<String> arguments =
        new ArrayList<>(
            List.of(move.migration(), move.source().url(), move.target().url(), to.name(), point));
    for (Connect connect : move.connect()) {
      if (connect.pgbouncer() != null) {
        arguments.addAll(
            List.of(
                connect.pgbouncer().admin(),
                connect.pgbouncer().database(),
                String.valueOf(connect.pgbouncer().switchBy().file())));
      }
    }
    return new SwitchoverProcess(
        Map.of(
            STREAMS,
            Integer.toString(move.streams()),
            CLOSING,
            closing == null ? "" : closing.toString()),
        arguments);
  }

  /** Runs a switchover: migration, urls, side, point, then optionally a pooler. */
  public static void main(String[] arguments) throws Exception {
    List<Connect> connect =
        arguments.length <= 5
            ? List.of(Connect.MANUAL)
            : List.of(
                new Connect(
                    new Connect.PgBouncer(
                        arguments[5], null, arguments[6], new Connect.Switch(arguments[7], null)),
                    null,
                    null,
                    false));
    Move move =
        new Move(
                arguments[0],
                new PostgresSpec(arguments[1], null, null, null),
                new PostgresSpec(arguments[2], null, null, null),
                connect,
                List.of(),
                4,
                Duration.ofSeconds(1))
            .sharedBy(Integer.getInteger(STREAMS, 1));
    String behind = System.getProperty(CLOSING, "");
    Integer closing = behind.isEmpty() ? null : Integer.valueOf(behind);
    AtomicBoolean stopped = new AtomicBoolean();
    Checkpoints stop =
        point -> {
          System.out.println("AT " + point);
          // Once: an attempt that goes on from the top passes the same points again.
          if (point.name().equals(arguments[4]) && stopped.compareAndSet(false, true)) {
            try {
              System.in.read();
            } catch (IOException e) {
              throw new UncheckedIOException(e);
            }
          }
        };
    try {
      System.out.println(
          "DONE "
              + new PostgresSwitchover(new Secrets(), stop)
                  .settle(
                      new SwitchoverRequest(
                              closing == null ? move : move.closedFirst(),
                              Side.valueOf(arguments[3]),
                              Duration.ofSeconds(5),
                              Duration.ofSeconds(30),
                              null,
                              null)
                          .behind(closing)));
    } catch (RuntimeException e) {
      System.out.println("FAILED " + e.getMessage());
    }
    System.exit(0);
  }

  /** Waits until it stands at the point. */
  SwitchoverProcess awaitAt(Checkpoints.Point point) {
    Wait.until(
        "the switchover stands at " + point + ": " + lines(),
        Duration.ofSeconds(30),
        () -> lines().contains("AT " + point) || ended());
    if (!lines().contains("AT " + point)) {
      throw new AssertionError("it ended before " + point + ": " + lines());
    }
    return this;
  }
}
