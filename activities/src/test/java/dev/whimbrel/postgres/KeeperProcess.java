package dev.whimbrel.postgres;

import dev.whimbrel.activity.ClosingRequest;
import dev.whimbrel.activity.Move;
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
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;

/** Somebody who keeps a source closed, in a process of its own: to be killed or frozen. */
final class KeeperProcess implements AutoCloseable {
  private final Process process;
  private final List<String> lines = new CopyOnWriteArrayList<>();

  KeeperProcess(Move move, int number) {
    try {
      process =
          new ProcessBuilder(
                  "/usr/bin/setsid",
                  Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                  "-XX:TieredStopAtLevel=1",
                  "-Xshare:auto",
                  "-cp",
                  System.getProperty("java.class.path"),
                  KeeperProcess.class.getName(),
                  move.migration(),
                  move.source().url(),
                  move.target().url(),
                  Integer.toString(number))
              .redirectErrorStream(true)
              .start();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    Thread reader = new Thread(this::read, "keeper-output");
    reader.setDaemon(true);
    reader.start();
  }

  /** Keeps a source closed: migration, urls, number of the closing. */
  public static void main(String[] arguments) {
    Move move =
        new Move(
                arguments[0],
                new PostgresSpec(arguments[1], null, null, null),
                new PostgresSpec(arguments[2], null, null, null),
                List.of(Connect.MANUAL),
                List.of(),
                4,
                Duration.ofSeconds(1))
            .closedFirst();
    try {
      System.out.println(
          "DONE "
              + new PostgresSourceClosing(new Secrets())
                  .keepClosed(
                      new ClosingRequest(
                          move, Integer.parseInt(arguments[3]), 1, Duration.ofHours(1))));
    } catch (RuntimeException e) {
      System.out.println("FAILED " + e.getMessage());
    }
    System.exit(0);
  }

  void kill() {
    signal("KILL");
  }

  void freeze() {
    signal("STOP");
  }

  void thaw() {
    signal("CONT");
  }

  /** Waits until it has ended and returns its last word. */
  String awaitEnd() {
    Wait.until("the keeper has ended: " + lines, Duration.ofSeconds(30), () -> !process.isAlive());
    Wait.until("it has said why", Duration.ofSeconds(5), () -> !lines.isEmpty());
    return lines.get(lines.size() - 1);
  }

  @Override
  public void close() {
    if (process.isAlive()) {
      signal("KILL");
    }
  }

  private void signal(String name) {
    try {
      new ProcessBuilder("sh", "-c", "kill -s " + name + " -- -" + process.pid())
          .redirectErrorStream(true)
          .start()
          .waitFor(5, TimeUnit.SECONDS);
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
