package dev.whimbrel.servers;

import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Temporal's development server with its web interface. It knows the search attributes {@code
 * WhimbrelPhase}, {@code WhimbrelState} and {@code WhimbrelService}, and keeps finished workflows
 * for a month. What it stored survives {@link #kill9}.
 */
public final class TemporalServer implements AutoCloseable {
  private static final Duration START_LIMIT = Duration.ofSeconds(60);
  private static final Duration STOP_LIMIT = Duration.ofSeconds(10);
  private static final Duration CALL_LIMIT = Duration.ofSeconds(20);

  private final Path directory;
  private final Path database;
  private final int port;
  private final int uiPort;
  private @Nullable ChildProcess process;

  private TemporalServer(Path directory, Path database, int port, int uiPort) {
    this.directory = directory;
    this.database = database;
    this.port = port;
    this.uiPort = uiPort;
  }

  /** Starts a server on free ports that forgets everything when it is closed. */
  public static TemporalServer launch() {
    return launch(Ports.free(), Ports.free());
  }

  /**
   * Starts a server on given ports that forgets everything when it is closed.
   *
   * @throws IllegalStateException if temporal is not installed or does not come up
   */
  public static TemporalServer launch(int port, int uiPort) {
    Program.TEMPORAL.path();
    Path directory = Directories.temporary("temporal");
    TemporalServer server =
        new TemporalServer(directory, directory.resolve("temporal.db"), port, uiPort);
    try {
      server.start();
      return server;
    } catch (RuntimeException e) {
      server.close();
      throw e;
    }
  }

  /** Starts the server again on the same ports and database, and waits until it answers. */
  public synchronized void start() {
    if (process != null && process.isAlive()) {
      throw new IllegalStateException("Temporal on port " + port + " is running already");
    }
    ChildProcess started =
        ChildProcess.start(
            "Temporal on port " + port,
            command(),
            Map.of("HOME", directory.toString()),
            directory,
            logFile());
    process = started;
    Await.until("Temporal", START_LIMIT, started, this::keepsAMonth);
  }

  private List<String> command() {
    List<String> command =
        new ArrayList<>(
            List.of(
                Program.TEMPORAL.path().toString(),
                "server",
                "start-dev",
                "--ip",
                "127.0.0.1",
                "--port",
                Integer.toString(port),
                "--ui-port",
                Integer.toString(uiPort),
                "--db-filename",
                database.toString(),
                "--log-level",
                "warn",
                "--sqlite-pragma",
                "journal_mode=wal",
                "--sqlite-pragma",
                "synchronous=1",
                // Timers cost about a second more without it.
                "--dynamic-config-value",
                "history.timerProcessorMaxTimeShift=\"10ms\""));
    for (String attribute : List.of("WhimbrelPhase", "WhimbrelState", "WhimbrelService")) {
      command.addAll(List.of("--search-attribute", attribute + "=Keyword"));
    }
    return command;
  }

  /** Works only when the server and its namespace are ready, which makes it the probe as well. */
  private boolean keepsAMonth() {
    try {
      cli("operator", "namespace", "update", "--retention", "720h", "--namespace", "default");
      return true;
    } catch (IllegalStateException notYet) {
      return false;
    }
  }

  /**
   * Runs Temporal's own command line against this server and returns what it printed.
   *
   * @throws IllegalStateException if it fails, with its output
   */
  public String cli(String... arguments) {
    List<String> command = new ArrayList<>();
    command.add(Program.TEMPORAL.path().toString());
    command.addAll(List.of(arguments));
    command.addAll(List.of("--address", target()));
    return ChildProcess.run(command, directory, CALL_LIMIT);
  }

  /** Where clients connect to: {@code 127.0.0.1:port}. */
  public String target() {
    return "127.0.0.1:" + port;
  }

  /** Where people look. */
  public String uiUrl() {
    return "http://127.0.0.1:" + uiPort;
  }

  public Path logFile() {
    return directory.resolve("temporal.log");
  }

  /** Kills it with SIGKILL; {@link #start()} goes on from its database. */
  public synchronized void kill9() {
    if (process != null) {
      process.kill9();
    }
  }

  /** Freezes it with SIGSTOP. */
  public synchronized void pause() {
    if (process != null) {
      process.pause();
    }
  }

  /** Lets it go on. */
  public synchronized void resume() {
    if (process != null) {
      process.resume();
    }
  }

  /** Ends it and removes its files. */
  @Override
  public synchronized void close() {
    if (process != null) {
      process.end("TERM", STOP_LIMIT);
    }
    Directories.delete(directory);
  }
}
