package dev.whimbrel.credentials;

import static org.assertj.core.api.Assertions.assertThat;

import dev.whimbrel.FaultTable;
import dev.whimbrel.activity.Failures;
import dev.whimbrel.credentials.CredentialSteps.Ended;
import dev.whimbrel.credentials.TokenService.Fault;
import dev.whimbrel.servers.AzureService;
import dev.whimbrel.servers.Needs;
import dev.whimbrel.servers.Program;
import dev.whimbrel.servers.Route53Service;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.CompletableFuture;
import java.util.function.Supplier;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Everybody who hands out credentials goes wrong in every way, while a worker that was just started
 * does its first step. Each has a process of its own, as the SDKs read their environment once.
 */
@Needs(Program.MINISTACK)
class CredentialFaultsTest {
  static final String SECRET = "neverToBePrinted0";

  private final FaultTable table =
      new FaultTable("credentials", "Where workers get their credentials from")
          .hiding(AzureService.SUBSCRIPTION, "11111111-2222-3333-4444-555555555555")
          .hiding("hostedzone/Z\\w+", "hostedzone/Z123")
          // Which side notices first that a connection is gone is chance.
          .hiding("(Unable to execute HTTP request)[^|;]*", "$1 …");

  @TempDir private Path directory;

  private record Row(String source, Fault fault, Ended ended) {}

  @Test
  void everyMessageSaysWhichCredentialsAndWhatToDoAndHoldsNoSecret() {
    try (AzureService azure = AzureService.start("example.test");
        Route53Service route53 = Route53Service.zone("example.test")) {
      azure.record("shop", "A", 60, "203.0.113.10");
      route53.somebodyElseWrites("shop.example.test", "A", 60, "203.0.113.10");
      // A JVM for each, no more than two at once.
      List<CompletableFuture<List<Row>>> all =
          List.of(
              inTheBackground(
                  List.of(
                      () -> metadata(route53),
                      () -> webIdentity(route53),
                      () -> assumedRole(route53))),
              inTheBackground(List.of(() -> managedIdentity(azure), () -> clientSecret(azure))));
      all.stream().flatMap(each -> each.join().stream()).forEach(this::row);
    }
    table.check();
  }

  private static CompletableFuture<List<Row>> inTheBackground(List<Supplier<List<Row>>> sources) {
    return CompletableFuture.supplyAsync(
        () -> sources.stream().flatMap(each -> each.get().stream()).toList(),
        task -> new Thread(task, "sources").start());
  }

  private void row(Row row) {
    Ended ended = row.ended();
    assertThat(ended.toString()).doesNotContain(SECRET);
    switch (ended.kind()) {
      case "" -> table.row(row.source(), row.fault().words(), "The step waits for it.", "");
      case Failures.TRANSIENT ->
          table.row(
              row.source(), row.fault().words(), "The step comes again by itself.", ended.cause());
      default -> {
        assertThat(ended.kind()).isEqualTo(Failures.NEEDS_HELP);
        assertThat(ended.remedy()).isNotBlank();
        table.row(
            row.source(),
            row.fault().words(),
            "Parks; then `retry`.",
            "%s. Fix: %s: `%s`".formatted(ended.cause(), ended.remedy(), ended.command()));
      }
    }
    // Nobody tells a machine without metadata from one whose metadata do not answer.
    boolean mayPass = row.fault() != Fault.DENIED && !row.source().contains("metadata");
    if (mayPass && row.fault() != Fault.LATE) {
      assertThat(ended.kind()).as(row.toString()).isEqualTo(Failures.TRANSIENT);
    }
  }

  private List<Row> metadata(Route53Service route53) {
    try (TokenService tokens = TokenService.http(() -> "")) {
      return ask(
          "AWS: metadata of the instance",
          tokens,
          aws(
              route53,
              Map.of("AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://127.0.0.1:" + tokens.port())),
          List.of(),
          "route53:" + route53.zoneId(),
          "127.0.0.1:" + route53.dnsPort());
    }
  }

  private List<Row> webIdentity(Route53Service route53) {
    try (TokenService tokens = TokenService.http(() -> "")) {
      return ask(
          "AWS: STS, web identity",
          tokens,
          aws(
              route53,
              Map.of(
                  "AWS_ENDPOINT_URL_STS",
                  "http://127.0.0.1:" + tokens.port(),
                  "AWS_ROLE_ARN",
                  "arn:aws:iam::123456789012:role/whimbrel",
                  "AWS_WEB_IDENTITY_TOKEN_FILE",
                  file("token", SECRET))),
          List.of(),
          "route53:" + route53.zoneId(),
          "127.0.0.1:" + route53.dnsPort());
    }
  }

  private List<Row> assumedRole(Route53Service route53) {
    try (TokenService tokens = TokenService.http(() -> "")) {
      String config =
          """
          [profile whimbrel]
          role_arn = arn:aws:iam::123456789012:role/whimbrel
          source_profile = base
          region = eu-west-1

          [profile base]
          aws_access_key_id = AKIAEXAMPLE
          aws_secret_access_key = %s
          """
              .formatted(SECRET);
      return ask(
          "AWS: STS, a role of a profile",
          tokens,
          aws(
              route53,
              Map.of(
                  "AWS_ENDPOINT_URL_STS",
                  "http://127.0.0.1:" + tokens.port(),
                  "AWS_PROFILE",
                  "whimbrel",
                  "AWS_CONFIG_FILE",
                  file("config", config))),
          List.of(),
          "route53:" + route53.zoneId(),
          "127.0.0.1:" + route53.dnsPort());
    }
  }

  private List<Row> managedIdentity(AzureService azure) {
    try (TokenService tokens = TokenService.http(azure.identity()::token)) {
      return ask(
          "Azure: managed identity",
          tokens,
          azure(
              azure,
              Map.of(
                  "IDENTITY_ENDPOINT",
                  "http://127.0.0.1:%d/msi/token".formatted(tokens.port()),
                  "IDENTITY_HEADER",
                  SECRET)),
          AzureService.jvmOptions(),
          "azure:example.test",
          azure.dns().address());
    }
  }

  private List<Row> clientSecret(AzureService azure) {
    try (TokenService tokens = TokenService.https(azure.identity()::token)) {
      return ask(
          "Azure: a client's secret",
          tokens,
          azure(
              azure,
              Map.of(
                  "AZURE_CONFIG_DIR",
                  directoryAt(azure, tokens.port()),
                  "AZURE_TENANT_ID",
                  "adfs",
                  "AZURE_CLIENT_ID",
                  "0a1b2c3d-0000-0000-0000-000000000001",
                  "AZURE_CLIENT_SECRET",
                  SECRET)),
          AzureService.jvmOptions(),
          "azure:example.test",
          azure.dns().address());
    }
  }

  private static List<Row> ask(
      String source,
      TokenService tokens,
      Map<String, String> environment,
      List<String> options,
      String zone,
      String server) {
    List<Row> rows = new ArrayList<>();
    try (CredentialSteps worker = CredentialSteps.start(environment, options, zone, server)) {
      for (Fault fault :
          List.of(Fault.THROTTLED, Fault.BROKEN, Fault.DENIED, Fault.LOST, Fault.LATE)) {
        tokens.fails(fault);
        rows.add(new Row(source, fault, worker.next()));
        assertThat(tokens.asked()).as("%s was asked, %s", source, fault).isNotEmpty();
      }
      tokens.fails(Fault.NONE);
      assertThat(worker.next().kind()).as("%s, without a fault", source).isEmpty();
    }
    return rows;
  }

  private Map<String, String> aws(Route53Service route53, Map<String, String> more) {
    Map<String, String> environment = new TreeMap<>(more);
    environment.put("AWS_ENDPOINT_URL_ROUTE_53", route53.endpoint().toString());
    environment.put("AWS_REGION", "eu-west-1");
    environment.putIfAbsent("AWS_CONFIG_FILE", file("none", ""));
    environment.put("AWS_SHARED_CREDENTIALS_FILE", file("none", ""));
    return environment;
  }

  private static Map<String, String> azure(AzureService azure, Map<String, String> more) {
    Map<String, String> environment = new TreeMap<>(more);
    environment.putIfAbsent("AZURE_CONFIG_DIR", azure.configuration().toString());
    return environment;
  }

  /** The same cloud, whose directory is somewhere else. */
  private String directoryAt(AzureService azure, int port) {
    try {
      Path cloud = Files.createDirectories(directory.resolve("azure"));
      Files.copy(azure.configuration().resolve("config"), cloud.resolve("config"));
      String described = Files.readString(azure.configuration().resolve("clouds.config"));
      Files.writeString(
          cloud.resolve("clouds.config"),
          described.replaceAll(
              "endpoint_active_directory = .*",
              "endpoint_active_directory = https://localhost:" + port));
      return cloud.toString();
    } catch (IOException e) {
      throw new AssertionError(e);
    }
  }

  private synchronized String file(String name, String text) {
    try {
      return Files.writeString(directory.resolve(name), text).toString();
    } catch (IOException e) {
      throw new AssertionError(e);
    }
  }
}
