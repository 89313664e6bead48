package dev.whimbrel.compute;

import static org.assertj.core.api.Assertions.assertThat;

import dev.whimbrel.activity.Failures;
import dev.whimbrel.activity.MachinesRequest;
import dev.whimbrel.compute.ec2.AwsClients;
import dev.whimbrel.servers.ChildProcess;
import io.temporal.api.common.v1.Payload;
import io.temporal.common.converter.GlobalDataConverter;
import io.temporal.failure.ApplicationFailure;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/**
 * The product's step that provisions, in a process of its own with the SDKs' default chains, to be
 * killed at one of its calls: whatever it holds in memory is lost with it.
 */
final class ProvisioningProcess {
  private static final Duration LIMIT = Duration.ofSeconds(90);

  /** Quick looks, and a limit that also a busy machine keeps. */
  static final Pace PATIENT =
      new Pace(Duration.ofMillis(20), Duration.ofMinutes(1), Duration.ofMillis(500));

  /** 128 and the number of SIGKILL. */
  private static final int KILLED = 137;

  private final CompletableFuture<ChildProcess> process = new CompletableFuture<>();
  private final CompletableFuture<Void> death = new CompletableFuture<>();

  /** Kills it; for the thread of a stand-in that has just been called by it. */
  void kill() {
    ChildProcess child = process.join();
    child.kill9();
    death.complete(null);
  }

  /** Runs the step until somebody kills it. */
  void runToItsDeath(
      Path directory,
      MachinesRequest request,
      Map<String, String> environment,
      List<String> jvmOptions)
      throws IOException, InterruptedException, ExecutionException {
    Path asked = directory.resolve("request");
    Files.write(asked, GlobalDataConverter.get().toPayload(request).orElseThrow().toByteArray());
    List<String> command =
        new ArrayList<>(
            List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-XX:TieredStopAtLevel=1",
                "-XX:+UseSerialGC",
                "-Dlogback.configurationFile="
                    + System.getProperty("logback.configurationFile", "")));
    command.addAll(jvmOptions);
    command.addAll(
        List.of(
            "-cp",
            System.getProperty("java.class.path"),
            ProvisioningProcess.class.getName(),
            asked.toString()));
    ChildProcess child =
        ChildProcess.start(
            "provisioning", command, environment, directory, directory.resolve("process.log"));
    process.complete(child);
    try {
      CompletableFuture.anyOf(death, ended(child)).get(LIMIT.toSeconds(), TimeUnit.SECONDS);
    } catch (TimeoutException e) {
      throw new AssertionError("It did not come to that call:\n" + child.logTail(30), e);
    } finally {
      child.kill9();
    }
    assertThat(child.exitCode()).as(child.logTail(30)).isEqualTo(KILLED);
    // Whoever has killed it may still be about to say so.
    death.orTimeout(LIMIT.toSeconds(), TimeUnit.SECONDS).join();
  }

  private static CompletableFuture<ProcessHandle> ended(ChildProcess child) {
    return ProcessHandle.of(child.pid())
        .map(ProcessHandle::onExit)
        .orElseGet(() -> CompletableFuture.completedFuture(null));
  }

  /**
   * Provisions what a file asks for, again and again as Temporal would where that is called for.
   */
  public static void main(String[] arguments) throws IOException {
    MachinesRequest request =
        GlobalDataConverter.get()
            .fromPayload(
                Payload.parseFrom(Files.readAllBytes(Path.of(arguments[0]))),
                MachinesRequest.class,
                MachinesRequest.class);
    RegistryCompute compute = new RegistryCompute(new AwsClients(), PATIENT);
    boolean again = true;
    while (again) {
      try {
        System.out.println("DONE " + compute.provisionMachines(request).line());
        again = false;
      } catch (ApplicationFailure e) {
        System.out.println("FAILED " + e.getMessage());
        again = Failures.TRANSIENT.equals(e.getType());
      }
    }
    System.exit(0);
  }
}
