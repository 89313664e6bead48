package dev.whimbrel.credentials;

import static dev.whimbrel.credentials.Fault.ABSENT;
import static dev.whimbrel.credentials.Fault.BROKEN;
import static dev.whimbrel.credentials.Fault.DENIED;
import static dev.whimbrel.credentials.Fault.EMPTY_FILE;
import static dev.whimbrel.credentials.Fault.GATEWAY;
import static dev.whimbrel.credentials.Fault.LATE;
import static dev.whimbrel.credentials.Fault.LOST;
import static dev.whimbrel.credentials.Fault.NO_DIRECTORY;
import static dev.whimbrel.credentials.Fault.NO_FILE;
import static dev.whimbrel.credentials.Fault.NO_JSON;
import static dev.whimbrel.credentials.Fault.NO_SESSION;
import static dev.whimbrel.credentials.Fault.SILENT;
import static dev.whimbrel.credentials.Fault.STALE_FILE;
import static dev.whimbrel.credentials.Fault.THROTTLED;
import static dev.whimbrel.credentials.Fault.UNKNOWN;
import static dev.whimbrel.credentials.Fault.UNKNOWN_AUTHORITY;
import static org.assertj.core.api.Assertions.assertThat;

import dev.whimbrel.FaultTable;
import dev.whimbrel.activity.Failures;
import dev.whimbrel.credentials.CredentialSteps.Ended;
import dev.whimbrel.credentials.Source.Row;
import dev.whimbrel.servers.AzureService;
import dev.whimbrel.servers.Needs;
import dev.whimbrel.servers.Program;
import dev.whimbrel.servers.Route53Service;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.function.Supplier;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Everybody who hands out credentials goes wrong in every way, while a worker that was just started
 * does its first step. Each has a process of its own, as the SDKs read their environment once.
 */
@Needs(Program.MINISTACK)
class CredentialFaultsTest {
  static final String SECRET = "neverToBePrinted0";

  /** Faults whose end depends on the source. */
  private static final Set<Fault> OTHERWISE = Set.of(ABSENT, UNKNOWN_AUTHORITY, NO_DIRECTORY);

  @TempDir private Path directory;

  @Test
  void everyMessageSaysWhichCredentialsAndWhatToDoAndHoldsNoSecret() {
    FaultTable table =
        new FaultTable("credentials", "Where workers get their credentials from")
            .hiding(AzureService.SUBSCRIPTION, "11111111-2222-3333-4444-555555555555")
            .hiding("hostedzone/Z\\w+", "hostedzone/Z123")
            .hiding(Pattern.quote(directory.toString()), "/var/run/secrets")
            .hiding("(azure-identity-token)-\\d+", "$1")
            .hiding("localhost:\\d+", "login.example.com")
            // Which side notices first that a connection is gone is chance.
            .hiding("(Unable to execute HTTP request)[^|;]*", "$1 …");
    SourceFiles files = new SourceFiles(directory);
    try (AzureService azure = AzureService.start("example.test");
        Route53Service route53 = Route53Service.zone("example.test");
        PublicDirectory publicDirectory = new PublicDirectory()) {
      azure.record("shop", "A", 60, "203.0.113.10");
      route53.somebodyElseWrites("shop.example.test", "A", 60, "203.0.113.10");
      // A JVM for each, a few at once: they wait most of the time.
      AwsSources aws = new AwsSources(route53, files);
      AzureSources atAzure = new AzureSources(azure, files);
      List<CompletableFuture<List<Row>>> all =
          List.of(
              inTheBackground(besideTheWorker(aws)),
              inTheBackground(atSts(aws)),
              inTheBackground(managedIdentities(atAzure)),
              inTheBackground(atTheDirectory(atAzure, publicDirectory)));
      all.stream().flatMap(each -> each.join().stream()).forEach(row -> write(row, table));
    }
    table.check();
  }

  private static List<Supplier<List<Row>>> besideTheWorker(AwsSources aws) {
    return List.of(
        () -> aws.metadata(1).meets(LATE, SILENT),
        () ->
            aws.metadata(5)
                .meets(THROTTLED, BROKEN, GATEWAY, DENIED, LOST, NO_JSON, NO_SESSION, ABSENT),
        () -> aws.ecs().meets(THROTTLED, BROKEN, GATEWAY, DENIED, LOST, SILENT, NO_JSON, ABSENT),
        () ->
            aws.podIdentity()
                .meets(
                    THROTTLED,
                    BROKEN,
                    GATEWAY,
                    DENIED,
                    LOST,
                    SILENT,
                    NO_JSON,
                    NO_FILE,
                    EMPTY_FILE,
                    STALE_FILE));
  }

  private static List<Supplier<List<Row>>> atSts(AwsSources aws) {
    return List.of(
        () ->
            aws.webIdentity()
                .meets(
                    THROTTLED,
                    BROKEN,
                    GATEWAY,
                    DENIED,
                    LOST,
                    LATE,
                    SILENT,
                    NO_JSON,
                    NO_FILE,
                    EMPTY_FILE,
                    STALE_FILE),
        () -> aws.assumedRole().meets(THROTTLED, BROKEN, GATEWAY, DENIED, LOST, LATE),
        () -> aws.containerOfAProfile().meets(THROTTLED, DENIED, UNKNOWN));
  }

  /** What is late comes last, as its token is kept by the SDK for the whole process. */
  private static List<Supplier<List<Row>>> managedIdentities(AzureSources azure) {
    return List.of(
        () ->
            azure
                .appService()
                .meets(THROTTLED, BROKEN, GATEWAY, DENIED, LOST, SILENT, NO_JSON, LATE),
        () ->
            azure.metadata().meets(THROTTLED, BROKEN, GATEWAY, DENIED, LOST, SILENT, NO_JSON, LATE),
        () -> azure.metadata().meets(ABSENT),
        () -> azure.named().meets(THROTTLED, BROKEN, DENIED));
  }

  private static List<Supplier<List<Row>>> atTheDirectory(
      AzureSources azure, PublicDirectory publicDirectory) {
    return List.of(
        () ->
            azure
                .clientSecret()
                .meets(THROTTLED, BROKEN, GATEWAY, DENIED, LOST, SILENT, NO_JSON, LATE),
        () ->
            azure
                .workload()
                .meets(
                    THROTTLED,
                    BROKEN,
                    GATEWAY,
                    DENIED,
                    LOST,
                    SILENT,
                    NO_JSON,
                    NO_FILE,
                    EMPTY_FILE,
                    STALE_FILE,
                    LATE),
        () -> anAuthorityOfOnesOwn(azure, publicDirectory));
  }

  private static List<Row> anAuthorityOfOnesOwn(AzureSources azure, PublicDirectory directory) {
    List<Row> rows =
        new ArrayList<>(azure.workload(directory, true).meets(UNKNOWN_AUTHORITY, NO_DIRECTORY));
    List<Row> unasked = azure.workload(directory, false).meets(UNKNOWN_AUTHORITY);
    assertThat(rows.get(0).ended().kind()).isEqualTo(Failures.NEEDS_HELP);
    assertThat(rows.get(1).ended().kind()).isEmpty();
    assertThat(unasked.get(0).ended().kind()).isEmpty();
    rows.addAll(unasked);
    return rows;
  }

  private static CompletableFuture<List<Row>> inTheBackground(List<Supplier<List<Row>>> sources) {
    return CompletableFuture.supplyAsync(
        () -> sources.stream().flatMap(each -> each.get().stream()).toList(),
        task -> new Thread(task, "sources").start());
  }

  private static void write(Row row, FaultTable table) {
    Ended ended = row.ended();
    Fault fault = row.fault();
    assertThat(ended.toString()).doesNotContain(SECRET);
    if (!ended.kind().isEmpty()) {
      assertThat(ended.cause()).containsPattern(row.source().shown());
    }
    switch (ended.kind()) {
      case "" ->
          table.row(
              row.source().name(),
              fault.words(),
              fault == LATE ? "The step waits for it." : "The step goes on without it.",
              "");
      case Failures.TRANSIENT ->
          table.row(
              row.source().name(), fault.words(), "The step comes again by itself.", ended.cause());
      default -> {
        assertThat(ended.kind()).isEqualTo(Failures.NEEDS_HELP);
        assertThat(ended.remedy()).isNotBlank();
        table.row(
            row.source().name(),
            fault.words(),
            "Parks; then `retry`.",
            "%s. Fix: %s: `%s`".formatted(ended.cause(), ended.remedy(), ended.command()));
      }
    }
    if (fault.passes()) {
      assertThat(ended.kind()).as(row.toString()).isEqualTo(Failures.TRANSIENT);
    } else if (fault == LATE) {
      assertThat(ended.kind()).as(row.toString()).isIn("", Failures.TRANSIENT);
    } else if (!OTHERWISE.contains(fault)) {
      assertThat(ended.kind()).as(row.toString()).isEqualTo(Failures.NEEDS_HELP);
    }
  }
}
