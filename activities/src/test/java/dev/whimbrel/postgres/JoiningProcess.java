package dev.whimbrel.postgres;

import dev.whimbrel.activity.Move;
import dev.whimbrel.runbook.Connect;
import dev.whimbrel.runbook.PeerSpec;
import dev.whimbrel.runbook.PostgresSpec;
import dev.whimbrel.runbook.StageSpec;
import dev.whimbrel.secrets.Secrets;
import dev.whimbrel.servers.ChildProcess;
import dev.whimbrel.servers.Relay;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;

/** An attempt to join two streams in a process of its own, over long wires: to be frozen. */
final class JoiningProcess implements AutoCloseable {
  private final ChildProcess process;
  private final Path directory;

  private JoiningProcess(ChildProcess process, Path directory) {
    this.process = process;
    this.directory = directory;
  }

  /** Begins to join what the move's current stage has copied. */
  static JoiningProcess start(Move move, Relay toSource, Relay toTarget) {
    Move far = through(move, toSource, toTarget);
    List<String> command =
        new ArrayList<>(
            List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-XX:TieredStopAtLevel=1",
                "-Xshare:auto",
                "-cp",
                System.getProperty("java.class.path"),
                JoiningProcess.class.getName(),
                move.migration(),
                move.source().url(),
                far.source().url(),
                far.target().url()));
    move.stages().forEach(stage -> command.add(String.join(",", stage.tables())));
    try {
      Path directory = Files.createTempDirectory("joining");
      return new JoiningProcess(
          ChildProcess.start("a joining", command, Map.of(), directory, directory.resolve("log")),
          directory);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** The same over these wires; the servers reach each other without. */
  static Move through(Move move, Relay toSource, Relay toTarget) {
    return far(
        move.migration(),
        move.source().url(),
        url(toSource, move),
        url(toTarget, move),
        move.stages());
  }

  private static String url(Relay wire, Move move) {
    return "postgresql://postgres@127.0.0.1:" + wire.port() + "/" + move.migration();
  }

  private static Move far(
      String migration, String peer, String source, String target, List<StageSpec> stages) {
    return new Move(
            migration,
            new PostgresSpec(source, null, new PeerSpec(peer, null), null),
            new PostgresSpec(target, null, null, null),
            List.of(Connect.MANUAL),
            List.of(),
            4,
            Duration.ofSeconds(1))
        .inStages(stages);
  }

  /** Joins: migration, the source as the target reaches it, both databases, stages. */
  public static void main(String[] arguments) {
    Move move =
        far(
            arguments[0],
            arguments[1],
            arguments[2],
            arguments[3],
            Arrays.stream(arguments, 4, arguments.length)
                .map(tables -> new StageSpec(List.of(tables.split(","))))
                .toList());
    try {
      System.out.println(
          "DONE " + new PostgresCopy(new Secrets(), Pace.USUAL).joinStage(move).line());
    } catch (RuntimeException e) {
      System.out.println("FAILED " + e.getMessage());
    }
    System.exit(0);
  }

  /** SIGSTOP when this holds, which is looked at all the time. */
  JoiningProcess freezeWhen(String what, Wait.Condition condition) {
    Wait.until(
        "it is frozen where " + what + "; " + process.logTail(3),
        Duration.ofMinutes(1),
        () -> {
          boolean there = condition.holds();
          if (there) {
            process.pause();
          }
          return there || !process.isAlive();
        });
    if (!process.isAlive()) {
      throw new AssertionError("it ended before " + what + ": " + process.logTail(3));
    }
    return this;
  }

  /** SIGCONT; then its last word. */
  String wakeUp() {
    process.resume();
    process.awaitExit(Duration.ofMinutes(2));
    return process.logTail(1);
  }

  @Override
  public void close() {
    process.kill9();
    try {
      Files.deleteIfExists(directory.resolve("log"));
      Files.deleteIfExists(directory);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
