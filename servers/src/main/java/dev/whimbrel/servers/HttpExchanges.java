package dev.whimbrel.servers;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.time.Duration;

/** Requests to a server on 127.0.0.1. */
final class HttpExchanges {
  private static final Duration PATIENCE = Duration.ofSeconds(20);
  private static final HttpClient CLIENT =
      HttpClient.newBuilder()
          .version(HttpClient.Version.HTTP_1_1)
          .connectTimeout(Duration.ofSeconds(2))
          .build();

  private HttpExchanges() {}

  /** What a server answered. */
  record Answer(int status, String type, String body) {
    boolean ok() {
      return status / 100 == 2;
    }
  }

  /**
   * Sends a request and returns what was answered, whatever the status.
   *
   * @param authorization the header's value; empty for a request that nobody signed
   */
  static Answer send(String method, URI uri, String authorization, String body) {
    HttpRequest.Builder request =
        HttpRequest.newBuilder(uri)
            .timeout(PATIENCE)
            .method(
                method,
                body.isEmpty()
                    ? HttpRequest.BodyPublishers.noBody()
                    : HttpRequest.BodyPublishers.ofString(body));
    if (!authorization.isEmpty()) {
      request.header("Authorization", authorization);
    }
    try {
      HttpResponse<String> response =
          CLIENT.send(request.build(), HttpResponse.BodyHandlers.ofString());
      return new Answer(
          response.statusCode(),
          response.headers().firstValue("Content-Type").orElse("text/xml"),
          response.body());
    } catch (IOException e) {
      throw new UncheckedIOException(method + " " + uri, e);
    } catch (InterruptedException e) {
      throw ChildProcess.interrupted("ask " + uri, e);
    }
  }

  /** Whether something answers there. */
  static boolean isUp(URI uri) {
    try {
      return send("GET", uri, "", "").ok();
    } catch (UncheckedIOException notYet) {
      return false;
    }
  }
}
