package dev.whimbrel.checks;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.function.UnaryOperator;

/** Runs a command that must end with 0, without a shell. */
public final class CommandProbe {
  private static final String UNSTARTED = "it cannot be started on this worker: ";
  private static final Tail SHORT = new Tail(5, UnaryOperator.identity());
  private static final int LONGEST_LINE = 300;

  private static final int SIGNALS = 128;
  private static final int LAST_SIGNAL = 31;

  /** How long the last output may take to arrive after the command has ended. */
  private static final Duration OUTPUT = Duration.ofSeconds(1);

  /** How long a command may take to clean up when it is asked to stop. */
  private static final Duration GRACE = Duration.ofSeconds(2);

  private CommandProbe() {}

  /**
   * How a command ended.
   *
   * @param failure empty when it ended with 0, otherwise what happened and the last lines of its
   *     output
   * @param lastLine the last line that it printed; empty where it printed none
   */
  public record Ended(Optional<String> failure, String lastLine) {}

  /**
   * What is kept of its output.
   *
   * @param lines how many, the last ones
   * @param shown what may be shown of a line
   */
  public record Tail(int lines, UnaryOperator<String> shown) {}

  /** As {@link #output}, for one who does not care what it prints. */
  public static Optional<String> run(List<String> command, Duration limit)
      throws IOException, InterruptedException {
    return output(command, limit, Map.of()).failure();
  }

  /**
   * Runs a command; ends it, and everything it started, at its limit or when this thread is
   * interrupted. Where this worker is killed, the command gets SIGTERM on Linux.
   *
   * @param environment variables for it, beside the worker's own
   * @throws IOException when it cannot be started on this worker; the message says so
   */
  public static Ended output(List<String> command, Duration limit, Map<String, String> environment)
      throws IOException, InterruptedException {
    return output(command, limit, all -> all.putAll(environment), SHORT);
  }

  /**
   * As {@link #output(List, Duration, Map)}.
   *
   * @param environment changes the worker's own
   * @param tail what is kept of its output
   */
  static Ended output(
      List<String> command, Duration limit, Consumer<Map<String, String>> environment, Tail tail)
      throws IOException, InterruptedException {
    Process process;
    try {
      process = AttachedProcess.start(command, environment);
      process.getOutputStream().close();
    } catch (IOException e) {
      throw new IOException(UNSTARTED + e.getMessage(), e);
    }
    Deque<String> output = new ArrayDeque<>();
    Thread reader = new Thread(() -> read(process, output, tail), "command output");
    reader.setDaemon(true);
    reader.start();
    try {
      boolean ended = process.waitFor(limit.toMillis(), TimeUnit.MILLISECONDS);
      if (!ended) {
        end(process);
      }
      // What the command left running may hold its output open: it is not waited for.
      reader.join(OUTPUT.toMillis());
      Optional<String> unstarted =
          ended
              ? AttachedProcess.notStarted(process.exitValue(), lastLine(output))
              : Optional.empty();
      if (unstarted.isPresent()) {
        throw new IOException(UNSTARTED + unstarted.get());
      }
      if (ended && process.exitValue() == 0) {
        return new Ended(Optional.empty(), lastLine(output));
      }
      String what =
          ended
              ? ending(process.exitValue())
              : "did not end within " + limit.toSeconds() + " s and was stopped";
      return new Ended(Optional.of(what + lastLines(output)), lastLine(output));
    } catch (InterruptedException e) {
      end(process);
      throw e;
    }
  }

  /** As shells do, Java adds 128 to the number of the signal that has ended a process. */
  private static String ending(int value) {
    boolean signal = value > SIGNALS && value <= SIGNALS + LAST_SIGNAL;
    return "ended with " + value + (signal ? " (signal " + (value - SIGNALS) + ")" : "");
  }

  private static void end(Process process) throws InterruptedException {
    List<ProcessHandle> tree = process.descendants().toList();
    process.destroy();
    tree.forEach(ProcessHandle::destroy);
    boolean gone = process.waitFor(GRACE.toMillis(), TimeUnit.MILLISECONDS);
    if (!gone) {
      process.descendants().forEach(ProcessHandle::destroyForcibly);
      process.destroyForcibly();
    }
    tree.stream().filter(ProcessHandle::isAlive).forEach(ProcessHandle::destroyForcibly);
  }

  private static void read(Process process, Deque<String> output, Tail tail) {
    try (BufferedReader reader = process.inputReader(StandardCharsets.UTF_8)) {
      for (String read = reader.readLine(); read != null; read = reader.readLine()) {
        String line = tail.shown().apply(read);
        synchronized (output) {
          output.addLast(
              line.length() > LONGEST_LINE ? line.substring(0, LONGEST_LINE) + "…" : line);
          if (output.size() > tail.lines()) {
            output.removeFirst();
          }
        }
      }
    } catch (IOException | UncheckedIOException e) {
      // The command is gone; what it said before is kept.
    }
  }

  private static String lastLine(Deque<String> output) {
    synchronized (output) {
      return output.isEmpty() ? "" : output.getLast();
    }
  }

  private static String lastLines(Deque<String> output) {
    synchronized (output) {
      return output.isEmpty() ? ", without output" : "; it said: " + String.join(" / ", output);
    }
  }
}
