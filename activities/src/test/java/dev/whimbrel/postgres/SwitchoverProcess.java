package dev.whimbrel.postgres;

import dev.whimbrel.activity.Move;
import dev.whimbrel.activity.Side;
import dev.whimbrel.activity.SwitchoverRequest;
import dev.whimbrel.runbook.Connect;
import dev.whimbrel.runbook.PostgresSpec;
import dev.whimbrel.secrets.Secrets;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * A switchover in a process of its own, which stops at one point and says so: to be killed there,
 * frozen, or told to go on.
 */
final class SwitchoverProcess implements AutoCloseable {
  private static final String NOWHERE = "NOWHERE";

  /** The system property for how many streams share the tables. */
  static final String STREAMS = "streams";

  private final Process process;
  private final List<String> lines = new CopyOnWriteArrayList<>();

  private SwitchoverProcess(Process process) {
    this.process = process;
    Thread reader = new Thread(this::read, "child-output");
    reader.setDaemon(true);
    reader.start();
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
    List<String> command =
        new ArrayList<>(
            List.of(
                "/usr/bin/setsid",
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-D" + STREAMS + "=" + move.streams(),
                "-XX:TieredStopAtLevel=1",
                "-Xshare:auto",
                "-Dwhimbrel.closing=" + (closing == null ? "" : closing),
                "-cp",
                System.getProperty("java.class.path"),
                SwitchoverProcess.class.getName(),
                move.migration(),
                move.source().url(),
                move.target().url(),
                to.name(),
                point));
    for (Connect connect : move.connect()) {
      if (connect.pgbouncer() != null) {
        command.addAll(
            List.of(
                connect.pgbouncer().admin(),
                connect.pgbouncer().database(),
                String.valueOf(connect.pgbouncer().switchBy().file())));
      }
    }
    try {
      return new SwitchoverProcess(new ProcessBuilder(command).redirectErrorStream(true).start());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
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
    String behind = System.getProperty("whimbrel.closing", "");
    Integer closing = behind.isEmpty() ? null : Integer.valueOf(behind);
    java.util.concurrent.atomic.AtomicBoolean stopped =
        new java.util.concurrent.atomic.AtomicBoolean();
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
        "the switchover stands at " + point + ": " + lines,
        Duration.ofSeconds(30),
        () -> lines.contains("AT " + point) || ended());
    if (!lines.contains("AT " + point)) {
      throw new AssertionError("it ended before " + point + ": " + lines);
    }
    return this;
  }

  /** Lets it go on. */
  void goOn() {
    try {
      process.getOutputStream().write('\n');
      process.getOutputStream().flush();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** SIGKILL to its process group. */
  void kill() {
    signal("KILL");
  }

  /** SIGSTOP to its process group. */
  void freeze() {
    signal("STOP");
  }

  /** SIGCONT to its process group. */
  void thaw() {
    signal("CONT");
  }

  /** Waits until it has ended and returns its last word. */
  String awaitEnd() {
    Wait.until("the switchover has ended: " + lines, Duration.ofSeconds(60), this::ended);
    return lines.get(lines.size() - 1);
  }

  List<String> lines() {
    return lines;
  }

  @Override
  public void close() {
    if (process.isAlive()) {
      signal("KILL");
    }
  }

  private boolean ended() {
    return !process.isAlive()
        || lines.stream().anyMatch(line -> line.startsWith("DONE") || line.startsWith("FAILED"));
  }

  private void signal(String name) {
    try {
      Process kill =
          new ProcessBuilder("sh", "-c", "kill -s " + name + " -- -" + process.pid())
              .redirectErrorStream(true)
              .start();
      kill.waitFor(5, TimeUnit.SECONDS);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private void read() {
    try (BufferedReader reader =
        new BufferedReader(
            new InputStreamReader(process.getInputStream(), StandardCharsets.UTF_8))) {
      for (String line = reader.readLine(); line != null; line = reader.readLine()) {
        lines.add(line);
      }
    } catch (IOException e) {
      lines.add("unreadable: " + e.getMessage());
    }
  }
}
