package dev.whimbrel.checks;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.function.Consumer;

/**
 * Starts commands that do not outlive this worker. On Linux, where {@code setpriv} of util-linux is
 * there, the kernel sends the command SIGTERM when this process is gone, however it went; elsewhere
 * a command of a worker that was killed goes on. What a command has started itself gets no signal.
 */
final class AttachedProcess {
  private static final List<String> SETPRIV = List.of("setpriv", "--pdeathsig=TERM");

  /** The exit codes of setpriv where it cannot start a command: found, but refused; not found. */
  private static final List<Integer> NOT_STARTED = List.of(126, 127);

  private static final String SETPRIV_SAYS = "setpriv: ";

  /**
   * To the kernel the parent is the thread that has started a process, so that every one is started
   * by one thread that never ends.
   */
  private static final ExecutorService LAUNCHER =
      Executors.newSingleThreadExecutor(
          task -> {
            Thread thread = new Thread(task, "commands");
            thread.setDaemon(true);
            return thread;
          });

  private AttachedProcess() {}

  /** Whether this machine has what it takes; asked once. */
  private static final class Kernel {
    private static final boolean SIGNALS = signals();

    private static boolean signals() {
      List<String> attempt = new ArrayList<>(SETPRIV);
      attempt.add("true");
      try {
        return launched(new ProcessBuilder(attempt)).waitFor() == 0;
      } catch (IOException e) {
        return false; // no setpriv here
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        return true; // most probably; a command shows it otherwise
      }
    }
  }

  /**
   * Starts a command, without a shell; both of its outputs are one.
   *
   * @param environment changes this process's own
   * @throws IOException when it cannot be started; where setpriv is used, {@link #notStarted} says
   *     so later
   */
  static Process start(List<String> command, Consumer<Map<String, String>> environment)
      throws IOException {
    List<String> all = new ArrayList<>(Kernel.SIGNALS ? SETPRIV : List.of());
    all.addAll(command);
    ProcessBuilder builder = new ProcessBuilder(all).redirectErrorStream(true);
    environment.accept(builder.environment());
    return launched(builder);
  }

  /** Why a command that has ended was never started; empty where it was. */
  static Optional<String> notStarted(int exitCode, String lastLine) {
    return Kernel.SIGNALS && NOT_STARTED.contains(exitCode) && lastLine.startsWith(SETPRIV_SAYS)
        ? Optional.of(lastLine.substring(SETPRIV_SAYS.length()))
        : Optional.empty();
  }

  /** An interrupt is kept for whoever waits next: a process that is under way must not be lost. */
  private static Process launched(ProcessBuilder builder) throws IOException {
    Future<Process> starting = LAUNCHER.submit(builder::start);
    boolean interrupted = false;
    try {
      while (true) {
        try {
          return starting.get();
        } catch (InterruptedException e) {
          interrupted = true;
        } catch (ExecutionException e) {
          if (e.getCause() instanceof IOException cause) {
            throw cause;
          }
          throw new IllegalStateException(e.getCause());
        }
      }
    } finally {
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
  }
}
