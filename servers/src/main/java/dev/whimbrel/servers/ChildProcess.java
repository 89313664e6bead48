package dev.whimbrel.servers;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

/**
 * A program in the foreground, with its children. None survives this JVM: a shutdown hook kills
 * what is left, and on Linux the kernel does so when the JVM itself was killed.
 */
public final class ChildProcess {
  private static final Set<ChildProcess> RUNNING = ConcurrentHashMap.newKeySet();

  /**
   * The kernel's "tell me when my parent dies" means the thread that started the program, so that
   * every program is started by one thread that never ends.
   */
  private static final ExecutorService LAUNCHER =
      Executors.newSingleThreadExecutor(
          task -> {
            Thread thread = new Thread(task, "child-processes");
            thread.setDaemon(true);
            return thread;
          });

  private static final boolean DIES_WITH_PARENT = canDieWithParent();

  static {
    Runtime.getRuntime()
        .addShutdownHook(
            new Thread(() -> List.copyOf(RUNNING).forEach(ChildProcess::kill9), "end-children"));
  }

  private final Process process;
  private final String name;
  private final Path log;

  private ChildProcess(Process process, String name, Path log) {
    this.process = process;
    this.name = name;
    this.log = log;
  }

  /**
   * Starts a program that appends both of its outputs to a log file.
   *
   * @param name for messages
   * @param command program and arguments
   * @param environment added to this JVM's environment
   * @param directory where it works; its user must be allowed to enter it
   * @param log is created when absent
   * @throws UncheckedIOException if the program cannot be started, such as when it is not installed
   */
  public static ChildProcess start(
      String name,
      List<String> command,
      Map<String, String> environment,
      Path directory,
      Path log) {
    List<String> all = new ArrayList<>();
    if (DIES_WITH_PARENT) {
      all.addAll(List.of("setpriv", "--pdeathsig=QUIT"));
    }
    all.addAll(command);
    ProcessBuilder builder =
        new ProcessBuilder(all)
            .directory(directory.toFile())
            .redirectErrorStream(true)
            .redirectOutput(ProcessBuilder.Redirect.appendTo(log.toFile()));
    builder.environment().putAll(environment);
    try {
      Process process = LAUNCHER.submit(builder::start).get();
      process.getOutputStream().close();
      ChildProcess child = new ChildProcess(process, name, log);
      RUNNING.removeIf(each -> !each.isAlive());
      RUNNING.add(child);
      return child;
    } catch (ExecutionException e) {
      throw new UncheckedIOException(new IOException("Cannot start " + name, e.getCause()));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } catch (InterruptedException e) {
      throw interrupted("start " + name, e);
    }
  }

  /**
   * Runs a program to its end and returns what it printed on both outputs.
   *
   * @throws IllegalStateException if it ends with anything but 0, with its output, or not in time
   */
  static String run(List<String> command, Path directory, Duration limit) {
    try {
      Process process =
          new ProcessBuilder(command)
              .directory(directory.toFile())
              .redirectErrorStream(true)
              .redirectInput(Path.of("/dev/null").toFile())
              .start();
      try (InputStream output = process.getInputStream()) {
        String printed = new String(output.readAllBytes(), StandardCharsets.UTF_8);
        if (!process.waitFor(limit.toMillis(), TimeUnit.MILLISECONDS)) {
          process.destroyForcibly();
          throw new IllegalStateException(command.get(0) + " took longer than " + limit);
        }
        if (process.exitValue() != 0) {
          throw new IllegalStateException(
              String.join(" ", command) + " ended with " + process.exitValue() + ": " + printed);
        }
        return printed;
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } catch (InterruptedException e) {
      throw interrupted("run " + command.get(0), e);
    }
  }

  public long pid() {
    return process.pid();
  }

  public boolean isAlive() {
    return process.isAlive();
  }

  /** The program's exit code; {@code 128 + n} when signal n ended it. */
  public int exitCode() {
    return process.exitValue();
  }

  /** Sends a signal, named as in {@code kill -s}: {@code INT}, {@code QUIT}, {@code TERM}… */
  public void signal(String signal) {
    send(signal, List.of(process.toHandle()));
  }

  /**
   * Sends a signal to the program's process group, as a terminal or {@code kill -9 -PID} does. The
   * program must have been started as the leader of one, by {@code setsid}. What it has put into
   * sessions of their own is not reached.
   */
  public void signalGroup(String signal) {
    shellKill(signal, "-- -" + process.pid());
  }

  /** Stops the program and all of its children as SIGSTOP does: frozen, not dead. */
  public void pause() {
    // Parent first, so that no child is born unseen.
    send("STOP", List.of(process.toHandle()));
    send("STOP", process.descendants().toList());
  }

  /** Lets everything that {@link #pause} stopped go on. */
  public void resume() {
    send("CONT", process.descendants().toList());
    send("CONT", List.of(process.toHandle()));
  }

  /** Kills the program and all of its children with SIGKILL and waits until they are gone. */
  public void kill9() {
    if (!process.isAlive()) {
      return;
    }
    pause();
    List<ProcessHandle> children = process.descendants().toList();
    process.destroyForcibly();
    children.forEach(ProcessHandle::destroyForcibly);
    awaitExit(Duration.ofSeconds(10));
    children.forEach(child -> child.onExit().join());
  }

  /**
   * Waits until the program has ended.
   *
   * @throws IllegalStateException if it is still there after {@code limit}
   */
  public void awaitExit(Duration limit) {
    try {
      if (!process.waitFor(limit.toMillis(), TimeUnit.MILLISECONDS)) {
        throw new IllegalStateException(
            name + " has not ended within " + limit + ". Its log ends with:\n" + logTail(20));
      }
    } catch (InterruptedException e) {
      throw interrupted("wait for " + name, e);
    }
  }

  /** Asks the program to end by a signal, and kills it when it has not done so in time. */
  public void end(String signal, Duration limit) {
    if (!process.isAlive()) {
      return;
    }
    resume();
    signal(signal);
    try {
      if (!process.waitFor(limit.toMillis(), TimeUnit.MILLISECONDS)) {
        kill9();
      }
    } catch (InterruptedException e) {
      kill9();
      Thread.currentThread().interrupt();
    }
  }

  /** The last lines of the program's log. */
  public String logTail(int lines) {
    try (Stream<String> all = Files.lines(log, StandardCharsets.ISO_8859_1)) {
      List<String> every = all.toList();
      return String.join("\n", every.subList(Math.max(0, every.size() - lines), every.size()));
    } catch (IOException e) {
      return "(no log at " + log + ")";
    }
  }

  private static void send(String signal, List<ProcessHandle> to) {
    List<String> pids =
        to.stream().filter(ProcessHandle::isAlive).map(each -> Long.toString(each.pid())).toList();
    if (pids.isEmpty()) {
      return;
    }
    shellKill(signal, String.join(" ", pids));
  }

  private static void shellKill(String signal, String whom) {
    try {
      // The shell's own kill: there may be no /bin/kill. One that is gone meanwhile is no failure.
      new ProcessBuilder("sh", "-c", "kill -s " + signal + " " + whom + " 2>/dev/null")
          .start()
          .waitFor();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } catch (InterruptedException e) {
      throw interrupted("send " + signal, e);
    }
  }

  private static boolean canDieWithParent() {
    try {
      return new ProcessBuilder("setpriv", "--pdeathsig=QUIT", "true").start().waitFor() == 0;
    } catch (IOException e) {
      return false;
    } catch (InterruptedException e) {
      throw interrupted("look for setpriv", e);
    }
  }

  static IllegalStateException interrupted(String what, InterruptedException e) {
    Thread.currentThread().interrupt();
    return new IllegalStateException("Interrupted: " + what, e);
  }
}
