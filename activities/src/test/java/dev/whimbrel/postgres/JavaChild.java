package dev.whimbrel.postgres;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;

/**
 * A test's {@code main} in a process of its own, and in a group of its own: to be killed or frozen.
 * Its last word begins with {@code DONE} or {@code FAILED}. Unlike one of {@link
 * dev.whimbrel.servers.ChildProcess}, it can be told to go on.
 */
abstract class JavaChild implements AutoCloseable {
  private final Process process;
  private final List<String> lines = new CopyOnWriteArrayList<>();

  /** Starts this class's {@code main} with these system properties and arguments. */
  JavaChild(Map<String, String> properties, List<String> arguments) {
    List<String> command =
        new ArrayList<>(
            List.of(
                "/usr/bin/setsid",
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-XX:TieredStopAtLevel=1",
                "-Xshare:auto"));
    properties.forEach((name, value) -> command.add("-D" + name + "=" + value));
    command.addAll(List.of("-cp", System.getProperty("java.class.path"), getClass().getName()));
    command.addAll(arguments);
    try {
      process = new ProcessBuilder(command).redirectErrorStream(true).start();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    Thread reader = new Thread(this::read, "child-output");
    reader.setDaemon(true);
    reader.start();
  }

  /** Lets it go on that waits for its input. */
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
    Wait.until("the process has ended: " + lines, Duration.ofSeconds(60), this::ended);
    Wait.until("it has said why", Duration.ofSeconds(5), () -> !lines.isEmpty());
    return lines.get(lines.size() - 1);
  }

  List<String> lines() {
    return lines;
  }

  boolean ended() {
    return !process.isAlive()
        || lines.stream().anyMatch(line -> line.startsWith("DONE") || line.startsWith("FAILED"));
  }

  @Override
  public void close() {
    if (process.isAlive()) {
      signal("KILL");
    }
  }

  private void signal(String name) {
    send(name, "-" + process.pid());
  }

  /** Sends a signal to a process, or to a group of them by its negative number. */
  static void send(String signal, String process) {
    try {
      // The shell's own: there may be no /bin/kill.
      new ProcessBuilder("sh", "-c", "kill -s " + signal + " -- " + process)
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
