package dev.whimbrel.lab;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import java.io.UncheckedIOException;
import java.sql.SQLException;
import java.util.logging.LogManager;
import org.slf4j.LoggerFactory;
import picocli.CommandLine;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;

/**
 * The benchmarks of the lab: {@code copy} for the bulk copy, {@code verify} for a comparison, else
 * the switchover's pause.
 */
public final class Benchmark {
  private Benchmark() {}

  /** Runs one of them. */
  public static void main(String[] arguments) {
    ((Logger) LoggerFactory.getLogger(org.slf4j.Logger.ROOT_LOGGER_NAME)).setLevel(Level.OFF);
    LogManager.getLogManager().reset();
    int code = new CommandLine(new PauseBenchmark()).execute(arguments);
    System.out.flush();
    System.exit(code);
  }

  /** Runs one to its end: 0 where it was good, 1 where it was not or has failed, which is said. */
  static int exitCode(Run run) {
    try {
      return run.isGood() ? 0 : 1;
    } catch (IllegalStateException | UncheckedIOException | SQLException e) {
      Throwable cause = e.getCause();
      System.err.println(
          "The benchmark failed: "
              + e.getMessage()
              + (cause == null ? "" : ": " + cause.getMessage()));
      return 1;
    }
  }

  /** Refuses an option that is smaller than it may be, with the usage. */
  static void atLeast(CommandSpec spec, String option, int least, int value) {
    if (value < least) {
      throw new ParameterException(
          spec.commandLine(), "%s must be at least %d, not %d".formatted(option, least, value));
    }
  }

  /** A benchmark with its options. */
  interface Run {
    boolean isGood() throws SQLException;
  }
}
