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
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;

/**
 * Hands out credentials as a cloud does, by the answers that it is given. All of it can go wrong.
 */
final class TokenService implements AutoCloseable {
  private static final Duration LATE = Duration.ofSeconds(2);

  /** A page of somebody in between. */
  private static final String PAGE = "<html>" + CredentialFaultsTest.SECRET + "</html>";

  /** What is asked for. */
  record Asked(
      String method,
      String path,
      String query,
      String body,
      String authorization,
      String session) {}

  /** What is answered. */
  record Answer(int status, String type, String body) {
    static Answer json(int status, String body) {
      return new Answer(status, "application/json", body);
    }

    static Answer text(int status, String body) {
      return new Answer(status, "text/plain", body);
    }
  }

  /** One cloud's answers. */
  interface Answers {
    Answer to(Asked asked, Fault fault);
  }

  private final HttpServer server;
  private final Answers answers;
  private final ExecutorService threads =
      Executors.newCachedThreadPool(
          task -> {
            Thread thread = new Thread(task, "tokens");
            thread.setDaemon(true);
            return thread;
          });
  private final List<String> asked = new CopyOnWriteArrayList<>();
  private final CountDownLatch closed = new CountDownLatch(1);
  private final Socket kept = new Socket();
  private volatile Fault fault = Fault.NONE;

  private TokenService(HttpServer server, Answers answers) {
    this.server = server;
    this.answers = answers;
    server.createContext("/", this::handle);
    server.setExecutor(threads);
    server.start();
  }

  static TokenService http(Answers answers) {
    try {
      return new TokenService(
          HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 50),
          answers);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** With the local certificate, as Azure's directory is never asked in the open. */
  static TokenService https(Answers answers) {
    try {
      HttpsServer https =
          HttpsServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 50);
      https.setHttpsConfigurator(new HttpsConfigurator(LocalCertificate.make().serving()));
      return new TokenService(https, answers);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  int port() {
    return server.getAddress().getPort();
  }

  String url(String path) {
    return "http://127.0.0.1:%d%s".formatted(port(), path);
  }

  /** From here on every call goes wrong like this. */
  void fails(Fault now) {
    asked.clear();
    fault = now;
    if (now == Fault.ABSENT) {
      int port = port();
      stop();
      keep(port);
    }
  }

  /** Who connects is refused, and nobody else gets the port meanwhile. */
  private void keep(int port) {
    try {
      kept.setReuseAddress(true); // its last connections may not be forgotten yet
      kept.bind(new InetSocketAddress(InetAddress.getLoopbackAddress(), port));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** What was asked for since then: {@code GET /path}. */
  List<String> asked() {
    return List.copyOf(asked);
  }

  private void handle(HttpExchange exchange) throws IOException {
    try (exchange) {
      Asked call =
          new Asked(
              exchange.getRequestMethod(),
              exchange.getRequestURI().getPath(),
              String.valueOf(exchange.getRequestURI().getQuery()),
              new String(exchange.getRequestBody().readAllBytes(), StandardCharsets.UTF_8),
              header(exchange, "Authorization"),
              header(exchange, "x-aws-ec2-metadata-token"));
      asked.add(call.method() + " " + call.path());
      Fault now = fault;
      if (now == Fault.LOST) {
        return;
      }
      if (now == Fault.LATE) {
        Thread.sleep(LATE.toMillis());
      }
      if (now == Fault.SILENT || (now == Fault.NO_SESSION && call.method().equals("PUT"))) {
        closed.await(); // whoever asks gives up first
        return;
      }
      Answer answer =
          switch (now) {
            case NO_JSON -> new Answer(200, "text/html", PAGE);
            case GATEWAY -> new Answer(502, "text/html", PAGE);
            default -> answers.to(call, now);
          };
      byte[] bytes = answer.body().getBytes(StandardCharsets.UTF_8);
      exchange.getResponseHeaders().set("Content-Type", answer.type());
      exchange.sendResponseHeaders(answer.status(), bytes.length == 0 ? -1 : bytes.length);
      exchange.getResponseBody().write(bytes);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private static String header(HttpExchange exchange, String name) {
    String value = exchange.getRequestHeaders().getFirst(name);
    return value == null ? "" : value;
  }

  private void stop() {
    closed.countDown();
    server.stop(0);
    threads.shutdownNow();
  }

  @Override
  public void close() {
    stop();
    try {
      kept.close();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
