package dev.whimbrel.servers;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.time.Duration;

/** One question to a server's own interface over HTTP. */
final class HttpQuestion {
  private static final Duration PATIENCE = Duration.ofSeconds(5);
  private static final HttpClient CLIENT =
      HttpClient.newBuilder()
          .version(HttpClient.Version.HTTP_1_1)
          .connectTimeout(PATIENCE)
          .proxy(HttpClient.Builder.NO_PROXY)
          .build();

  private HttpQuestion() {}

  static HttpRequest.Builder to(String url) {
    return HttpRequest.newBuilder(URI.create(url)).timeout(PATIENCE);
  }

  /**
   * The answer's body.
   *
   * @throws IllegalStateException if the answer is no success, with what the server says
   * @throws UncheckedIOException if there is none
   */
  static String ask(HttpRequest request) {
    try {
      HttpResponse<String> answer = CLIENT.send(request, HttpResponse.BodyHandlers.ofString());
      if (answer.statusCode() / 100 != 2) {
        throw new IllegalStateException(
            request.method() + " " + request.uri() + ": " + answer.statusCode() + answer.body());
      }
      return answer.body();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } catch (InterruptedException e) {
      throw ChildProcess.interrupted("ask " + request.uri(), e);
    }
  }

  static boolean answers(HttpRequest request) {
    try {
      ask(request);
      return true;
    } catch (UncheckedIOException | IllegalStateException notYet) {
      return false;
    }
  }
}
