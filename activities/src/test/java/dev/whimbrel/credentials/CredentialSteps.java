package dev.whimbrel.credentials;

import com.fasterxml.jackson.databind.ObjectMapper;
import dev.whimbrel.activity.DnsMove;
import dev.whimbrel.activity.Failures;
import dev.whimbrel.dns.RegistryDns;
import dev.whimbrel.runbook.DnsSpec;
import dev.whimbrel.secrets.Secrets;
import dev.whimbrel.servers.AzureService;
import io.temporal.failure.ApplicationFailure;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * A worker in small, with an environment of its own: whenever it is told, it finds a name's records
 * as a worker that has just been started would, and says what became of it.
 */
final class CredentialSteps implements AutoCloseable {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final String PREFIX = "ENDED ";

  /**
   * How a step ended.
   *
   * @param kind empty where it went well
   */
  record Ended(
      String kind, String cause, @Nullable String remedy, @Nullable String command, long millis) {}

  private final Process process;
  private final BufferedReader output;

  private CredentialSteps(Process process) {
    this.process = process;
    this.output = process.inputReader(StandardCharsets.UTF_8);
  }

  /**
   * Starts it.
   *
   * @param zone as {@code route53:} or {@code azure:}, and the id of the zone
   * @param server who answers for the zone
   */
  static CredentialSteps start(
      Map<String, String> environment, List<String> options, String zone, String server) {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(List.of("-XX:TieredStopAtLevel=1", "-Xshare:auto"));
    command.addAll(options);
    command.addAll(
        List.of(
            "-cp",
            System.getProperty("java.class.path"),
            CredentialSteps.class.getName(),
            zone,
            server));
    ProcessBuilder builder =
        new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.INHERIT);
    builder.environment().keySet().removeIf(key -> key.matches("(AWS|AZURE|IDENTITY|MSI)_.*"));
    builder.environment().putAll(environment);
    try {
      return new CredentialSteps(builder.start());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** One step. */
  Ended next() {
    try {
      OutputStream input = process.getOutputStream();
      input.write('\n');
      input.flush();
      for (String line = output.readLine(); line != null; line = output.readLine()) {
        if (line.startsWith(PREFIX)) {
          return JSON.readValue(line.substring(PREFIX.length()), Ended.class);
        }
      }
      throw new AssertionError("it has ended");
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  @Override
  public void close() {
    process.destroyForcibly();
  }

  /** Does one step for each line of its input. */
  public static void main(String[] arguments) throws IOException {
    BufferedReader input =
        new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    while (input.readLine() != null) {
      System.out.println(PREFIX + JSON.writeValueAsString(step(arguments[0], arguments[1])));
    }
  }

  private static Ended step(String zone, String server) {
    long begun = System.nanoTime();
    try {
      new RegistryDns(new Secrets(Map.of())).findRecords(move(zone, server));
      return new Ended("", "", null, null, millis(begun));
    } catch (ApplicationFailure e) {
      Failures.@Nullable Help help =
          e.getType().equals(Failures.NEEDS_HELP) ? e.getDetails().get(Failures.Help.class) : null;
      return help == null
          ? new Ended(e.getType(), e.getOriginalMessage(), null, null, millis(begun))
          : new Ended(e.getType(), help.cause(), help.remedy(), help.command(), millis(begun));
    }
  }

  private static long millis(long begun) {
    return (System.nanoTime() - begun) / 1_000_000;
  }

  private static DnsMove move(String zone, String server) {
    String id = zone.substring(zone.indexOf(':') + 1);
    boolean aws = zone.startsWith("route53:");
    DnsSpec dns =
        new DnsSpec(
            aws ? new DnsSpec.Route53(id, null, List.of(server)) : null,
            aws
                ? null
                : new DnsSpec.Azure(
                    AzureService.SUBSCRIPTION, AzureService.GROUP, id, List.of(server), null),
            null,
            List.of("shop.example.test"),
            new DnsSpec.Ttl(List.of(60), null),
            List.of());
    return new DnsMove("shop", dns, List.of("203.0.113.10"), List.of("198.51.100.20"));
  }
}
