package dev.whimbrel.credentials;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import com.sun.net.httpserver.HttpsConfigurator;
import com.sun.net.httpserver.HttpsServer;
import dev.whimbrel.servers.LocalCertificate;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.function.Supplier;

/**
 * Hands out credentials as the clouds do: AWS's metadata of an instance and its STS, Azure's
 * managed identity and its directory. All of it can go wrong.
 */
final class TokenService implements AutoCloseable {
  private static final Duration LATE = Duration.ofSeconds(3);

  /** What goes wrong with every call. */
  enum Fault {
    NONE("all is well"),
    THROTTLED("throttled (429)"),
    BROKEN("500"),
    DENIED("denied"),
    LOST("connection lost"),
    LATE("answers late");

    private final String words;

    Fault(String words) {
      this.words = words;
    }

    String words() {
      return words;
    }
  }

  private record Answer(int status, String type, String body) {}

  private final HttpServer server;
  private final ExecutorService threads =
      Executors.newCachedThreadPool(
          task -> {
            Thread thread = new Thread(task, "tokens");
            thread.setDaemon(true);
            return thread;
          });
  private final Supplier<String> azureTokens;
  private final List<String> asked = new CopyOnWriteArrayList<>();
  private volatile Fault fault = Fault.NONE;

  private TokenService(HttpServer server, Supplier<String> azureTokens) {
    this.server = server;
    this.azureTokens = azureTokens;
    server.createContext("/", this::handle);
    server.setExecutor(threads);
    server.start();
  }

  static TokenService http(Supplier<String> azureTokens) {
    try {
      return new TokenService(
          HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 50),
          azureTokens);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** With the local certificate, as Azure's directory is never asked in the open. */
  static TokenService https(Supplier<String> azureTokens) {
    try {
      HttpsServer https =
          HttpsServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 50);
      https.setHttpsConfigurator(new HttpsConfigurator(LocalCertificate.make().serving()));
      return new TokenService(https, azureTokens);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  int port() {
    return server.getAddress().getPort();
  }

  /** From here on every call goes wrong like this. */
  void fails(Fault now) {
    asked.clear();
    fault = now;
  }

  /** What was asked for since then: {@code GET /path}. */
  List<String> asked() {
    return List.copyOf(asked);
  }

  private void handle(HttpExchange exchange) throws IOException {
    try (exchange) {
      String path = exchange.getRequestURI().getPath();
      asked.add(exchange.getRequestMethod() + " " + path);
      String body = new String(exchange.getRequestBody().readAllBytes(), StandardCharsets.UTF_8);
      if (fault == Fault.LOST) {
        return;
      }
      if (fault == Fault.LATE) {
        Thread.sleep(LATE.toMillis());
      }
      Answer answer = answer(path, body);
      byte[] bytes = answer.body().getBytes(StandardCharsets.UTF_8);
      exchange.getResponseHeaders().set("Content-Type", answer.type());
      exchange.sendResponseHeaders(answer.status(), bytes.length == 0 ? -1 : bytes.length);
      exchange.getResponseBody().write(bytes);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private Answer answer(String path, String body) {
    if (path.startsWith("/latest/")) {
      return metadata(path);
    }
    return path.contains("oauth2") || path.startsWith("/msi") ? azure(path) : sts(body);
  }

  private Answer metadata(String path) {
    return switch (fault) {
      case THROTTLED -> new Answer(429, "text/plain", "");
      case BROKEN -> new Answer(500, "text/plain", "");
      case DENIED -> new Answer(403, "text/plain", "");
      default -> soundMetadata(path);
    };
  }

  private static Answer soundMetadata(String path) {
    if (path.endsWith("/api/token")) {
      return new Answer(200, "text/plain", "metadata-token");
    }
    if (path.endsWith("/security-credentials/")
        || path.endsWith("/security-credentials-extended/")) {
      return new Answer(200, "text/plain", "whimbrel");
    }
    return new Answer(
        200,
        "application/json",
        """
        {"Code": "Success", "Type": "AWS-HMAC", "AccessKeyId": "ASIAEXAMPLE", "SecretAccessKey": "%s",
         "Token": "%s", "LastUpdated": "%s", "Expiration": "%s"}
        """
            .formatted(CredentialFaultsTest.SECRET, CredentialFaultsTest.SECRET, now(0), now(6)));
  }

  private Answer sts(String body) {
    String action = body.replaceAll("(?s).*\\bAction=(\\w+).*", "$1");
    return switch (fault) {
      case THROTTLED -> stsError(400, "Throttling", "Rate exceeded");
      case BROKEN -> stsError(500, "InternalFailure", "We encountered an internal error.");
      case DENIED ->
          stsError(
              403,
              "AccessDenied",
              "User is not authorized to perform: sts:" + action + " on resource: whimbrel");
      default ->
          new Answer(
              200,
              "text/xml",
              """
              <%1$sResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><%1$sResult>
              <AssumedRoleUser><Arn>arn:aws:sts::123456789012:assumed-role/whimbrel/worker</Arn><AssumedRoleId>AROAEXAMPLE:worker</AssumedRoleId></AssumedRoleUser>
              <Credentials><AccessKeyId>ASIAEXAMPLE</AccessKeyId><SecretAccessKey>%2$s</SecretAccessKey><SessionToken>%2$s</SessionToken><Expiration>%3$s</Expiration></Credentials>
              </%1$sResult></%1$sResponse>
              """
                  .formatted(action, CredentialFaultsTest.SECRET, now(1)));
    };
  }

  private static Answer stsError(int status, String code, String message) {
    return new Answer(
        status,
        "text/xml",
        "<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><Error><Type>Sender</Type><Code>%s</Code><Message>%s</Message></Error><RequestId>1</RequestId></ErrorResponse>"
            .formatted(code, message));
  }

  private Answer azure(String path) {
    return switch (fault) {
      case THROTTLED ->
          json(
              429,
              "{\"error\": \"too_many_requests\", \"error_description\": \"AADSTS90055: too many requests\"}");
      case BROKEN ->
          json(
              500,
              "{\"error\": \"server_error\", \"error_description\": \"AADSTS90033: a transient error has occurred\"}");
      case DENIED ->
          path.startsWith("/msi")
              ? json(
                  400,
                  "{\"statusCode\": 400, \"message\": \"No User Assigned or Delegated Managed Identity found\"}")
              : json(
                  401,
                  "{\"error\": \"invalid_client\", \"error_description\": \"AADSTS7000215: Invalid client secret provided.\"}");
      default ->
          json(
              200,
              "{\"access_token\": \"%s\", \"token_type\": \"Bearer\", \"expires_in\": 86399, \"expires_on\": \"%d\", \"resource\": \"https://management.azure.com/\"}"
                  .formatted(
                      azureTokens.get(), Instant.now().plusSeconds(86_399).getEpochSecond()));
    };
  }

  private static Answer json(int status, String body) {
    return new Answer(status, "application/json", body);
  }

  private static String now(int hours) {
    return Instant.now().truncatedTo(ChronoUnit.SECONDS).plus(hours, ChronoUnit.HOURS).toString();
  }

  @Override
  public void close() {
    server.stop(0);
    threads.shutdownNow();
  }
}
