package dev.whimbrel.lab;

import dev.whimbrel.servers.ChildProcess;
import dev.whimbrel.servers.Program;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;

/** Whimbrel itself, as an operator runs it: a worker and commands, each a process of its own. */
public final class Product {
  /** A worker's JVM as the launcher starts it: the lab's others start quickly instead. */
  static final List<String> AS_SHIPPED = List.of("-XX:TieredStopAtLevel=4", "-XX:-UseSerialGC");

  private static final String WORKER = "dev.whimbrel.worker.WorkerMain";
  private static final String CLI = "dev.whimbrel.cli.Whimbrel";
  private static final String PG_BIN = "WHIMBREL_PG_BIN";
  private static final Duration READY = Duration.ofSeconds(60);
  private static final Duration COMMAND = Duration.ofMinutes(2);
  private static final int CONNECTIONS = 4;

  private final Path directory;
  private final Map<String, String> environment = new HashMap<>();
  private final List<String> workerOptions;
  private final AtomicInteger numbers = new AtomicInteger();
  private final List<ChildProcess> workers = new CopyOnWriteArrayList<>();

  /**
   * The product as built, on this JVM's class path, with the newest {@code pg_dump} at hand.
   *
   * @param directory where it works and logs
   * @param temporal address of the Temporal server
   * @param secrets what the runbook's {@code env:} references name, and what clouds' SDKs read
   * @param workerOptions options of a worker's JVM
   */
  public Product(
      Path directory, String temporal, Map<String, String> secrets, List<String> workerOptions) {
    this.directory = directory;
    this.workerOptions = List.copyOf(workerOptions);
    environment.put("TEMPORAL_ADDRESS", temporal);
    if (System.getenv(PG_BIN) == null) {
      Program.PG_DUMP_18
          .find()
          .ifPresent(tool -> environment.put(PG_BIN, tool.resolveSibling("").toString()));
    }
    environment.putAll(secrets);
  }

  /** Starts a worker as {@link #startWorker(Map)} does, with nothing more in its environment. */
  public ChildProcess startWorker() {
    return startWorker(Map.of());
  }

  /**
   * Starts a worker as the leader of a process group of its own, and waits until it says that it is
   * ready to work.
   *
   * @param more variables of its environment, such as failpoints
   * @throws IllegalStateException if it does not become ready, with the end of its log
   */
  public ChildProcess startWorker(Map<String, String> more) {
    int number = numbers.incrementAndGet();
    Path log = workerLog(number);
    List<String> command = new ArrayList<>(List.of("setsid"));
    command.addAll(java(WORKER, workerOptions));
    Map<String, String> all = new HashMap<>(environment);
    all.putAll(more);
    ChildProcess worker = ChildProcess.start("worker " + number, command, all, directory, log);
    workers.add(worker);
    Poll.until(
        "the worker",
        READY,
        () -> {
          if (!worker.isAlive()) {
            throw new IllegalStateException(
                "The worker does not come up. Its log ends with:\n" + worker.logTail(30));
          }
          return read(log).contains("worker is ready");
        });
    return worker;
  }

  /** Every worker that was started, whether it lives or not. */
  List<ChildProcess> workers() {
    return List.copyOf(workers);
  }

  /** What a worker printed; the first one is number 1. */
  public Path workerLog(int number) {
    return directory.resolve("worker-" + number + ".log");
  }

  /**
   * What a command left behind.
   *
   * @param exit its exit code
   * @param out its standard output
   * @param err its standard error
   */
  public record Ran(int exit, String out, String err) {}

  /**
   * Runs {@code whimbrel} with these arguments to its end; and again where a busy machine kept it
   * from connecting to Temporal within its five seconds, because nothing was sent then.
   */
  public Ran run(String... arguments) {
    return run(COMMAND, arguments);
  }

  /** As {@link #run(String...)}, for a command that may take longer than two minutes. */
  public Ran run(Duration limit, String... arguments) {
    Ran ran = runOnce(limit, arguments);
    for (int again = 1;
        again <= CONNECTIONS && ran.err.contains("Cannot reach Temporal");
        again++) {
      ran = runOnce(limit, arguments);
    }
    return ran;
  }

  private Ran runOnce(Duration limit, String... arguments) {
    List<String> command = java(CLI, List.of());
    command.addAll(List.of(arguments));
    try {
      Path out = Files.createTempFile(directory, "cli-", ".out");
      Path err = Files.createTempFile(directory, "cli-", ".err");
      ProcessBuilder builder =
          new ProcessBuilder(command)
              .directory(directory.toFile())
              .redirectInput(Path.of("/dev/null").toFile())
              .redirectOutput(out.toFile())
              .redirectError(err.toFile());
      builder.environment().putAll(environment);
      Process process = builder.start();
      if (!process.waitFor(limit.toMillis(), TimeUnit.MILLISECONDS)) {
        process.destroyForcibly();
        throw new IllegalStateException(
            "whimbrel " + String.join(" ", arguments) + " took longer than " + limit);
      }
      return new Ran(process.exitValue(), read(out), read(err));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException("Interrupted", e);
    }
  }

  /** Quick to start rather than quick in the long run, and small: several run beside each other. */
  private static List<String> java(String main, List<String> options) {
    List<String> command =
        new ArrayList<>(
            List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-XX:TieredStopAtLevel=1",
                "-XX:+UseSerialGC",
                "-Xmx320m"));
    command.addAll(options);
    command.addAll(List.of("-cp", System.getProperty("java.class.path"), main));
    return command;
  }

  private static String read(Path file) {
    try {
      return Files.readString(file);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
