package dev.whimbrel.lab;

import dev.whimbrel.servers.Program;
import dev.whimbrel.servers.TemporalServer;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * The Temporal that carries the lab's migrations: the real development server where the machine has
 * it, else the SDK's test server in this process.
 */
public final class LabTemporal implements AutoCloseable {
  private final @Nullable TemporalServer real;
  private final @Nullable InProcessTemporal inProcess;

  private LabTemporal(@Nullable TemporalServer real, @Nullable InProcessTemporal inProcess) {
    this.real = real;
    this.inProcess = inProcess;
  }

  /** The real development server if the machine has it, else the one in this process. */
  public static LabTemporal best() {
    return Program.TEMPORAL.find().isPresent() ? real() : inThisProcess();
  }

  /**
   * The real development server, with its web interface.
   *
   * @throws IllegalStateException if it is not installed, with the line that installs it
   */
  public static LabTemporal real() {
    return new LabTemporal(TemporalServer.launch(), null);
  }

  /** The SDK's test server in this process, in real time, on 127.0.0.1 only. */
  public static LabTemporal inThisProcess() {
    return new LabTemporal(null, InProcessTemporal.start());
  }

  /** Where clients and workers connect to. */
  public String target() {
    return inProcess != null ? inProcess.target() : server().orElseThrow().target();
  }

  /** The real one, to be killed and started again by tests. */
  public Optional<TemporalServer> server() {
    return Optional.ofNullable(real);
  }

  /** Says in one line which one it is, and how to get the real one if it is not. */
  public String description() {
    return real != null
        ? "Temporal's development server at " + real.target() + ", web interface " + real.uiUrl()
        : "Temporal's in-process test server, which has no web interface. For the real one: "
            + Program.TEMPORAL.missing();
  }

  @Override
  public void close() {
    if (real != null) {
      real.close();
    }
    if (inProcess != null) {
      inProcess.close();
    }
  }
}
